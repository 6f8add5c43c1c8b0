"""The floor report: what a higher minimum of Airflow would let a package delete, from evidence.

Needs the extra ``cli``; nothing that runs inside a DAG imports it.
"""

from __future__ import annotations
