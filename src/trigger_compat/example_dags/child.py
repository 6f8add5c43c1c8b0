"""The dag that the other examples trigger. Its conf sets how long it works, and whether it fails."""

from __future__ import annotations

import time
from typing import Any

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2
    from airflow import DAG
    from airflow.decorators import task

with DAG("example_child", schedule=None, params={"seconds": 5, "fail": False}, tags=["trigger-compat"]):

    @task
    def work(params: dict[str, Any] | None = None) -> None:
        """Airflow fills in ``params``: those of the dag, with the conf of the run on top."""
        params = params or {}
        time.sleep(params["seconds"])
        if params["fail"]:
            raise RuntimeError("failed, as its conf says")

    work()
