"""The analysis: which lines of a source no Airflow release from some floor on needs, and why.

Read the modules in this order, which is also the order of their imports, from the bottom up:

* ``releases``: a set of Airflow releases is an integer; ``reach`` and ``abstract_values`` build on it.
* ``model``: what a scan returns. ``source``: the files it reads. ``syntax``: questions about ``ast`` nodes.
* ``scopes``, ``airflow_version``, ``functions``, ``calls``, ``expressions``, ``evaluate``: what a name or an
  expression is on each release.
* ``names``, ``imports``: which imports work on which release.
* ``recorder``, ``walk``: a walk through a module with the releases that reach each statement.
* ``rules``: one module for each kind of decision. ``registry`` says which syntax each rule handles.
* ``scanner``: scans a whole source.
"""

from __future__ import annotations
