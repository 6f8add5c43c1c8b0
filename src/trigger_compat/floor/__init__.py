"""The floor report: what a package could delete if it required a newer Airflow.

``scan`` reads source code and finds what no release from some floor on needs; it runs none of that code.
``rewrite`` carries out what a scan found. ``report`` counts it, dates it by policy, and shows it. Both import
``scan``, which imports neither.

The package needs the extra ``cli``. No module that a DAG or a task loads imports it.
"""

from __future__ import annotations
