"""Measures this package beside upstream's operator: ``nox -s bench``. Not part of the wheel.

``operators`` has ``probe`` and ``messages`` measure inside each Airflow, in turn for both, and takes medians;
``sessions`` times the sessions of nox; ``scale`` computes and simulates the load of many waiting parents.
"""
