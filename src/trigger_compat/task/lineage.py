"""OpenLineage: the child's conf names the parent task, as upstream does since #58672 (clause R6)."""

from __future__ import annotations

import logging
from typing import Any, Final

log: Final = logging.getLogger(__name__)

_PARENT_KEYS: Final = (
    "parentRunId",
    "parentJobName",
    "parentJobNamespace",
    "rootParentRunId",
    "rootJobName",
    "rootJobNamespace",
)


def with_parent_info(conf: dict[str, Any] | None, ti: Any) -> dict[str, Any] | None:
    """Return the conf with the parent's lineage under ``openlineage``, or unchanged.

    Unchanged without the OpenLineage provider (2.8 or newer), when it is disabled, when the conf
    already names a parent, and on any error: lineage never stops a trigger.
    """
    if ti is None:
        return conf
    try:
        inject = _from_standard_provider() or _inject
        enriched: dict[str, Any] | None = inject(dr_conf=conf, ti=ti)
    except Exception as error:  # noqa: BLE001 - whatever it is
        log.warning("OpenLineage parent info is not added to conf: %s", error)
        return conf
    return enriched


def _from_standard_provider() -> Any:
    """Return upstream's own function where the installed standard provider has it (1.10.0 and newer)."""
    try:
        from airflow.providers.standard.utils import openlineage
    except ImportError:
        return None
    return getattr(openlineage, "safe_inject_openlineage_properties_into_dagrun_conf", None)


def _inject(*, dr_conf: dict[str, Any] | None, ti: Any) -> dict[str, Any] | None:
    try:
        from airflow.providers.openlineage.conf import is_disabled
        from airflow.providers.openlineage.plugins import macros
        from airflow.providers.openlineage.plugins.listener import get_openlineage_listener
    except ImportError:
        return dr_conf
    # The provider has had the last of these six macros since 2.8.0, the least that upstream asks for.
    if not hasattr(macros, "lineage_root_job_namespace") or is_disabled() or not get_openlineage_listener():
        return dr_conf
    present = (dr_conf or {}).get("openlineage") or {}
    if not isinstance(present, dict) or any(key in present for key in _PARENT_KEYS):
        return dr_conf
    parent = {
        "parentRunId": macros.lineage_run_id(ti),
        "parentJobName": macros.lineage_job_name(ti),
        "parentJobNamespace": macros.lineage_job_namespace(),
        "rootParentRunId": macros.lineage_root_run_id(ti),
        "rootParentJobName": macros.lineage_root_job_name(ti),
        "rootParentJobNamespace": macros.lineage_root_job_namespace(ti),
    }
    return {**(dr_conf or {}), "openlineage": {**parent, **present}}
