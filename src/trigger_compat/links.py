"""The "Triggered DAG" link from the parent to its child run."""

from __future__ import annotations

from typing import Any, Final

from trigger_compat._airflow import BaseOperatorLink

RUN_ID_XCOM: Final = "trigger_run_id"


class TriggerDagRunLink(BaseOperatorLink):
    """Links a task instance to the page of the dag run it triggered.

    On 3.x the link is computed in the worker and kept as an XCom under ``_link_TriggerDagRunLink``,
    the key upstream's class has. On 2.11 the webserver computes it, and knows the class only because
    the package's provider metadata lists it.
    """

    name = "Triggered DAG"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the URL of the child run's page, or an empty text if no run was triggered."""
        from airflow.utils import helpers

        dag_id: str = operator.trigger_dag_id

        if hasattr(helpers, "build_airflow_dagrun_url"):
            # The worker asks when the try has ended, so the operator knows what it triggered.
            executed = hasattr(operator, "triggered_run_id")
            run_id = operator.triggered_run_id if executed else _run_id_of(ti_key)
            return str(helpers.build_airflow_dagrun_url(dag_id=dag_id, run_id=run_id)) if run_id else ""
        return _url_in_airflow2(dag_id, ti_key)  # until 3.0


def _run_id_of(ti_key: Any) -> str | None:
    try:
        from airflow.sdk.execution_time.xcom import XCom
    except ImportError:  # until 3.0
        from airflow.models.xcom import XCom
    found: str | None = XCom.get_value(ti_key=ti_key, key=RUN_ID_XCOM)
    return found


def _url_in_airflow2(dag_id: str, ti_key: Any) -> str:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields
    from airflow.utils.helpers import build_airflow_url_with_query

    run_id = _run_id_of(ti_key)
    if not run_id:
        return ""
    # The webserver has the template, the database what it was rendered to.
    rendered = RenderedTaskInstanceFields.get_templated_fields(ti_key) or {}
    dag_id = rendered.get("trigger_dag_id", dag_id)
    url: str = build_airflow_url_with_query({"dag_id": dag_id, "dag_run_id": run_id})
    return url
