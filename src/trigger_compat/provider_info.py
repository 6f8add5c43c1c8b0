"""What Airflow's providers manager reads through the ``apache_airflow_provider`` entry point.

Imports nothing: the entry point is loaded while Airflow is still initialising, where importing
Airflow again has crashed every ``airflow`` command of other packages.
"""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider metadata; Airflow 2.11 shows an operator link only when it is listed here."""
    return {
        "package-name": "trigger-compat",
        "name": "Trigger Compat",
        "description": "Trigger a dag run and wait for it, the same on every supported Airflow.",
        "extra-links": ["trigger_compat.links.TriggerDagRunLink"],
    }
