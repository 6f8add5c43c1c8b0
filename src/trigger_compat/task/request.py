"""From an operator's rendered arguments to the checked request."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trigger_compat import contract, dispatch, events, values
from trigger_compat._airflow import NOTSET, AirflowFailException, ArgNotSet, localize
from trigger_compat._airflow import conf as airflow_conf
from trigger_compat.contract import ParentTask, TriggerRequest
from trigger_compat.paths import task_instance
from trigger_compat.task import pins
from trigger_compat.task.lineage import with_parent_info

if TYPE_CHECKING:
    from trigger_compat.paths import Context
    from trigger_compat.task import Operator


def request_of(operator: Operator, context: Context, log: events.Log) -> TriggerRequest:
    """Check an operator's rendered arguments and return the request.

    :raises InvalidRequest: an argument is unusable.
    :raises AirflowFailException: the running Airflow does not support an argument that matters (C3).
    """
    ti = task_instance(context)
    _check_support(operator, log)
    parent = None if ti is None else _parent(operator, ti, context)
    request = build(operator, parent)
    if operator.openlineage_inject_parent_info:
        request = replace(request, conf=with_parent_info(request.conf, ti))
    return request


def build(operator: Operator, parent: ParentTask | None, **others: Any) -> TriggerRequest:
    """Return the request for an operator's arguments, or for others in their place."""
    arguments = {name: getattr(operator, name) for name in contract.ARGUMENTS}
    if arguments["trigger_run_id"] == operator.generated_run_id:
        arguments["trigger_run_id"] = None  # dag.test() runs a retry on the same object
    arguments.update(others)
    for name in ("logical_date", "run_after"):
        arguments[name] = _unset(arguments[name])
    return contract.build_request(
        **arguments,
        parent=parent,
        date_is_current_time=operator.durable and not others and pins.date_is_current_time(operator),
        run_id_pattern=airflow_conf.get(
            "scheduler", "allowed_run_id_pattern", fallback=contract.DEFAULT_RUN_ID_PATTERN
        ),
        localize=localize,
    )


def not_kept_by_reset(operator: Operator) -> str:
    """Name the arguments given for a new run, which a run that exists and is reset does not take (T3)."""
    return ", ".join(
        name
        for name, argument in contract.ARGUMENTS.items()
        if argument.of_new_run and _is_given(getattr(operator, name))
    )


def _parent(operator: Operator, ti: Any, context: Context) -> ParentTask:
    """Return what tells this task instance from every other (clauses X5, X13-X15)."""
    dag_run = context.get("dag_run")
    started = getattr(dag_run, "start_date", None)
    loop = context.get("loop")  # 3.4+
    region_id = getattr(ti, "region_id", None)  # 3.4+; a task outside of every region has the UUID 0
    return ParentTask(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index if isinstance(ti.map_index, int) else -1,
        loop_index=getattr(loop, "index", None),
        key=operator.durable_key,
        region_id=str(region_id) if getattr(region_id, "int", 0) else None,
        run_started=localize(started) if started and started.tzinfo is None else started,
        # dag.test() of 2.11 gives every test of one logical date the same run id and start.
        run_number=getattr(dag_run, "id", None) if started == getattr(dag_run, "logical_date", 0) else None,
        try_number=ti.try_number,
        epoch=ti.max_tries,
        retries=operator.retries or 0,
    )


def _check_support(operator: Operator, log: events.Log) -> None:
    """Warn of, or fail for, an argument that the running Airflow does not support (C3)."""
    for name, argument in contract.ARGUMENTS.items():
        if dispatch.within(argument.supported_on) or not _is_given(getattr(operator, name)):
            continue
        found = dispatch.text(dispatch.release())
        if argument.otherwise == "fail":
            msg = f"{name} needs Airflow {argument.supported_on}, found {found}"
            raise AirflowFailException(f"{msg}; leave it out: the task would do something else without it")
        log.warning(events.NOT_SUPPORTED, argument=name, supported_on=argument.supported_on, found=found)


def _is_given(value: Any) -> bool:
    return _unset(value) not in (values.UNSET, None, False, {}, "")


def _unset(value: Any) -> Any:
    """Translate Airflow's "not given", of which there have been two, to the contract's."""
    return values.UNSET if value is NOTSET or isinstance(value, ArgNotSet) else value
