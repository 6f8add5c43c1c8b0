"""What one try does, from its rendered arguments to the child's end.

Apart from the operator, because a dag file needs none of it: parsing one loads the operator alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from trigger_compat import contract, dispatch, events, pins, resumption, values, wait
from trigger_compat._airflow import (
    NOTSET,
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    ArgNotSet,
    DagRunAlreadyExists,
    localize,
)
from trigger_compat._airflow import conf as airflow_conf
from trigger_compat.contract import Identity, Outcome, Parent, Resume, TriggerRequest
from trigger_compat.errors import InvalidRequest
from trigger_compat.lineage import with_parent_info
from trigger_compat.operator import DagIsPaused
from trigger_compat.paths import task_instance
from trigger_compat.records import STORE, with_records

if TYPE_CHECKING:
    from trigger_compat.operator import TriggerDagRunOperator
    from trigger_compat.paths import Context, Path

_NO_RUN = ("missing", "cleared")
"""What a durable record is worth when there is no run to go back to: deleted, or of an older epoch."""

Child = tuple[TriggerRequest, str | None]
"""A child, and its state where it was looked at."""


class ChildRunExists(AirflowFailException, DagRunAlreadyExists):
    """The run exists and the parent may neither reset it nor skip; a retry can only fail again (T4).

    Also a ``DagRunAlreadyExists``, which upstream's operator raises on 2.11.
    """

    def serialize(self) -> Any:
        """Return what serialises any error of Airflow; the two bases differ."""
        return AirflowException.serialize(self)

    def __init__(self, message: str) -> None:
        AirflowException.__init__(self, message)


@dataclass(slots=True)
class Attempt:
    """What one try knows, and does for the methods of the operator."""

    operator: TriggerDagRunOperator
    context: Any
    request: TriggerRequest
    path: Path
    log: events.TaskLog
    found: Child | None = None
    child: Child | None = None

    @classmethod
    def begin(cls, operator: TriggerDagRunOperator, context: Context) -> Attempt:
        """Check the rendered arguments and choose the path."""
        operator.triggered_run_id = None
        log = events.TaskLog(operator.log)
        request = _request(operator, context, log)
        path, why = dispatch.choose(
            operator.path,
            defers=request.defers and not request.durable,
            wrapped=_is_wrapped(operator, context),
        )
        log.info(events.PATH, path=path, why=why, dag_id=request.dag_id, durable=request.durable)
        if request.durable and request.gives_date and request.owns_run:
            log.info(events.DATE_MADE_ANEW, **request.name)
        if request.durable and context.get(STORE) is None and (moving := pins.moving(operator)):
            log.warning(events.PIN_MAY_MOVE, fields=" and ".join(moving))
        never_tried = request.parent is not None and request.parent.try_number == 1
        context = with_records(context, log, empty=never_tried)
        return cls(operator, context, request, dispatch.load(path), log)

    def submit(self) -> dict[str, Any]:
        """Trigger the child, or go back to that of an earlier or overlapping try; return its record."""
        child, state = self.found or self._look_back()
        while True:
            decision = child.resume(state)
            if decision is Resume.NEXT_GENERATION:
                self.log.info(events.FRESH, **child.name, state=state)
                child = child.at_generation(child.generation + 1)
                state = self._state_of_later(child)
                if state is not None:
                    continue
            elif decision is Resume.REFUSE:
                raise _exists(child)
            elif decision is not Resume.SUBMIT:
                self.log.info(events.RECONNECT, **child.name, state=state)
                break
            elif state is not None:
                self.log.info(events.RESET, **child.name, state=state)
            if self._submit(child):
                state = None
                break
            state = self._state_of_existing(child)
            if not child.durable:
                break
        self._settle(child, state)
        return child.record()

    def state_of_record(self, record: object) -> str:
        """Return the state of the recorded child, or why there is none to go back to."""
        recalled = self.request.recalls(record)
        if recalled is None:
            return "cleared"
        state = self.path.look(recalled, self.context)
        # The record may be older than the newest child: it is written where the store can be reached.
        # Only a child that settles the matter is taken from it, all else is left to the look back.
        if state is not None and recalled.settles(state) and not self._is_replaced(recalled, state):
            self.found = recalled, state
        return state or "missing"

    def _is_replaced(self, child: TriggerRequest, state: str) -> bool:
        """Say whether a failed child gives way to the one that the author's arguments name by now (X16)."""
        return child.name != self.request.name and child.resume(state) not in (
            Resume.RECONNECT,
            Resume.ALREADY_SUCCEEDED,
            Resume.NEXT_GENERATION,
        )

    def is_active(self, status: str) -> bool:
        """Say whether the child is still to be waited for."""
        return status not in _NO_RUN and self.request.classify(status) is Outcome.PENDING

    def is_allowed(self, status: str) -> bool:
        """Say whether the child is in an allowed state."""
        return self.request.classify(status) is Outcome.ALLOWED

    def wait(self) -> None:
        """Wait for the child, in this process or deferred; return at once if not asked to wait."""
        child, state = self.settled()
        if not child.wait:
            return
        if state is None or child.classify(state) is Outcome.PENDING:
            if child.defers:
                _defer_for(self.operator, child)
            try:
                state = wait.wait_for(
                    child, partial(self.path.look, child, self.context), self.log, state=state
                )
            except wait.ChildGone:
                msg = f"Dag run {child.run_id} of {child.dag_id} is gone: deleted while it was waited for"
                raise AirflowException(msg) from None
        conclude(child, state)

    def settled(self) -> Child:
        """Return the child of this try; the mixin goes back to a recorded one without a submit."""
        if self.child:
            return self.child
        child, state = self.found or self._look_back()
        self.log.info(events.RECONNECT, **child.name, state=state)
        return self._settle(child, state)

    def _look_back(self) -> Child:
        """Find the newest child that an earlier try of this epoch can have left."""
        request = self.request
        if not request.durable or not request.parent:
            return request, None
        # The number of earlier tries is too low where ``retries`` was edited, so look at one at least.
        tries = request.parent.earlier_tries
        if not tries and request.identity is Identity.COMPUTED:
            tries = min(request.parent.try_number - 1, 1)
        for child in self._candidates(tries):
            state = self.path.look(child, self.context)
            if state is not None and not self._is_replaced(child, state):
                return child, state
        if request.parent.try_number > 1:
            if request.first_try:
                self.log.info(events.CLEARED, dag_id=request.dag_id)
            elif request.identity is Identity.PINNED:
                self.log.warning(events.PIN_NOT_FOUND, **request.name)
            else:
                self.log.info(events.NONE_LEFT, dag_id=request.dag_id)
        return request, None

    def _state_of_later(self, child: TriggerRequest) -> str | None:
        """Return the state of a later generation, which can exist after an edit of ``retries``.

        Asked before the trigger, because the task runner fails a task for good whose run exists.
        """
        possible = child.parent is not None and child.generation < child.parent.try_number
        return self.path.look(child, self.context) if possible else None

    def _candidates(self, earlier_tries: int) -> Iterator[TriggerRequest]:
        """Give the children that earlier tries of this epoch can have left, the likeliest first."""
        if not earlier_tries:
            return
        seen: list[dict[str, str]] = []
        for request in (self.request, *self._as_rendered_before(earlier_tries)):
            # No try leaves more than one generation, so no more than the earlier tries can exist.
            pinned = request.identity is Identity.PINNED
            for generation in range(1 if pinned else earlier_tries, 0, -1):
                child = request.at_generation(generation)
                if child.name not in seen:
                    seen.append(child.name)
                    yield child

    def _as_rendered_before(self, earlier_tries: int) -> Iterator[TriggerRequest]:
        """Give the request as earlier tries had it, where its templates name the try (X16)."""
        for given in pins.of_earlier_tries(self.operator, self.context, earlier_tries):
            try:
                request = _build(self.operator, self.request.parent, **{"conf": None, **given})
            except InvalidRequest:  # that try has triggered nothing
                continue
            yield replace(request, conf=self.request.conf)

    def _submit(self, child: TriggerRequest) -> bool:
        """Trigger one run; False if it exists. Its id is recorded before the trigger leaves (X4, X10)."""
        if child.fail_when_paused and self.path.is_paused(child, self.context):
            raise DagIsPaused(child.dag_id)
        _name(self.operator, child)
        if child.reset and (dropped := self._not_kept_by_reset()) and self.path.look(child, self.context):
            self.log.warning(events.RESET_KEEPS, **child.name, dropped=dropped)
        self.log.info(events.TRIGGERING, **child.name, identity=child.identity.value)
        if child.durable and (records := self.context.get(STORE)) is not None:
            records.set(self.operator.external_id_key, child.record())
        return self.path.submit(self.operator, child, self.context)

    def _not_kept_by_reset(self) -> str:
        """Name what was given for a new run: a run that exists keeps its own (T3)."""
        given = {"conf": self.operator.conf, "note": self.operator.note, "run_after": self.request.run_after}
        return ", ".join(name for name, value in given.items() if value)

    def _state_of_existing(self, child: TriggerRequest) -> str | None:
        """Return the state of a run that was there already, if it is this parent's (T2, T4, T8, X12)."""
        if not child.owns_run and (child.first_try or not child.durable):
            if child.skip:
                self._skip(child)
            self.operator.triggered_run_id = child.run_id
            raise _exists(child)
        state = self.path.look(child, self.context)
        if state is None:
            # 3.3+ also says "exists" of a run that has the same logical date and another id.
            msg = f"Cannot trigger dag run {child.run_id} of {child.dag_id}: its logical date is taken"
            raise AirflowException(msg)
        self.log.info(events.ITS_OWN, **child.name, state=state)
        return state

    def _skip(self, child: TriggerRequest) -> NoReturn:
        """Skip for the run that is there, and name it where that can be known (T2)."""
        holder: str | None = child.run_id
        if child.gives_date:  # another run of that date may be in the way
            holder = self.path.holder(child, self.context)
        self.operator.trigger_run_id = holder or None
        if not holder:
            msg = f"A dag run of {child.dag_id} with the logical date of {child.run_id} exists already"
            raise AirflowSkipException(msg)
        found = replace(child, run_id=holder)
        self.operator.triggered_run_id = holder
        self.path.publish(self.operator, found, self.context)
        raise AirflowSkipException(f"Dag run {holder} of {child.dag_id} exists already")

    def _settle(self, child: TriggerRequest, state: str | None) -> Child:
        """Remember the child of this try and publish it: a new try has lost its XComs on 3.x."""
        _name(self.operator, child)
        self.operator.triggered_run_id = child.run_id
        self.path.publish(self.operator, child, self.context)
        self.child = child, state
        return self.child


def goes_on(operator: TriggerDagRunOperator, context: Context, event: tuple[str, Mapping[str, Any]]) -> bool:
    """Go on after a deferral; False if the event is not this try's, which then has to start."""
    _, payload = event
    log = events.TaskLog(operator.log)
    if resumption.ended_in_an_earlier_try(context):
        log.info(events.OLD_EVENT)
        resumption.note_try(context)
        return False
    run_ids = payload.get("run_ids") or []
    run_id = run_ids[0] if len(run_ids) == 1 else None
    operator.trigger_run_id = operator.triggered_run_id = run_id
    operator.trigger_dag_id = payload.get("dag_id") or operator.trigger_dag_id
    child = TriggerRequest(
        dag_id=operator.trigger_dag_id,
        run_id=run_id or "",
        identity=Identity.PINNED,
        allowed_states=tuple(operator.allowed_states),
        failed_states=tuple(operator.failed_states),
    )
    wrapped = _is_wrapped(operator, context)
    name, _ = dispatch.choose(operator.path, defers=not operator.durable, wrapped=wrapped)
    path = dispatch.load(name)
    if operator.durable and run_id:
        # A try that was believed lost may have published its own child since (X6).
        path.publish(operator, child, context)
    state = path.resumed(child, payload)
    if child.classify(state) is not Outcome.ALLOWED:
        resumption.note_try(context)
    if state is not None:
        log.info(events.ENDED, **child.name, state=state)
    conclude(child, state)
    return True


def _request(operator: TriggerDagRunOperator, context: Context, log: events.Log) -> TriggerRequest:
    """Return the rendered arguments, checked."""
    ti = task_instance(context)
    _honour_arguments(operator, log)
    parent = None if ti is None else _parent(operator, ti, context)
    request = _build(operator, parent)
    if operator.openlineage_inject_parent_info:
        request = replace(request, conf=with_parent_info(request.conf, ti))
    return request


def _build(operator: TriggerDagRunOperator, parent: Parent | None, **others: Any) -> TriggerRequest:
    """Check the operator's arguments, or others in their place."""
    given = operator.trigger_run_id
    if given is not None and given == operator.generated_run_id:
        given = None  # dag.test() runs a retry on the same object
    arguments: dict[str, Any] = {
        "trigger_dag_id": operator.trigger_dag_id,
        "trigger_run_id": given,
        "conf": operator.conf,
        "logical_date": operator.logical_date,
        **others,
    }
    arguments["logical_date"] = _unset(arguments["logical_date"])
    return contract.build_request(
        **arguments,
        date_is_made_anew=operator.durable and not others and pins.date_is_made_anew(operator),
        run_after=_unset(operator.run_after),
        reset_dag_run=operator.reset_dag_run,
        skip_when_already_exists=operator.skip_when_already_exists,
        wait_for_completion=operator.wait_for_completion,
        poke_interval=operator.poke_interval,
        allowed_states=tuple(operator.allowed_states),
        failed_states=tuple(operator.failed_states),
        fail_when_dag_is_paused=operator.fail_when_dag_is_paused,
        note=operator.note,
        deferrable=operator.deferrable,
        durable=operator.durable,
        parent=parent,
        run_id_pattern=airflow_conf.get(
            "scheduler", "allowed_run_id_pattern", fallback=contract.DEFAULT_RUN_ID_PATTERN
        ),
        localize=localize,
    )


def _parent(operator: TriggerDagRunOperator, ti: Any, context: Context) -> Parent:
    """Return what tells this task instance from any other (clauses X5, X13-X15)."""
    dag_run = context.get("dag_run")
    started = getattr(dag_run, "start_date", None)
    loop = context.get("loop")  # 3.4+
    region_id = getattr(ti, "region_id", None)  # 3.4+, where a task outside of any has the UUID 0
    return Parent(
        dag_id=ti.dag_id,
        run_id=ti.run_id,
        task_id=ti.task_id,
        map_index=ti.map_index if isinstance(ti.map_index, int) else -1,
        loop_index=getattr(loop, "index", None),
        region_id=str(region_id) if getattr(region_id, "int", 0) else None,
        run_started=localize(started) if started and started.tzinfo is None else started,
        # dag.test() of 2.11 gives every test of one date the same run id and start.
        run_number=getattr(dag_run, "id", None) if started == getattr(dag_run, "logical_date", 0) else None,
        try_number=ti.try_number,
        epoch=ti.max_tries,
        retries=operator.retries or 0,
    )


def _is_wrapped(operator: TriggerDagRunOperator, context: Context) -> bool:
    """Say whether an author's code runs around ``execute``: a subclass, or a task that calls an operator."""
    from trigger_compat.operator import TriggerDagRunOperator as Own

    classes = type(operator).__mro__
    overridden = any("execute" in vars(each) for each in classes[: classes.index(Own)])
    task = getattr(task_instance(context), "task", None)
    return overridden or (task is not None and task is not operator)


def _honour_arguments(operator: TriggerDagRunOperator, log: events.Log) -> None:
    """Warn of, or refuse, what the running Airflow cannot honour (C3)."""
    given = {
        "note": operator.note is not None,
        "run_after": _unset(operator.run_after) not in (values.UNSET, None),
        "fail_when_dag_is_paused": operator.fail_when_dag_is_paused,
    }
    for name, argument in contract.ARGUMENTS.items():
        if not given[name] or dispatch.within(argument.honoured):
            continue
        found = dispatch.text(dispatch.release())
        if argument.otherwise == "fail":
            says = f"{name} is honoured by Airflow {argument.honoured}, found {found}"
            msg = f"{says}; leave it out, since ignoring it would do something else than asked"
            raise AirflowFailException(msg)
        log.warning(events.NOT_HONOURED, argument=name, honoured=argument.honoured, found=found)


def _exists(child: TriggerRequest) -> ChildRunExists:
    return ChildRunExists(
        f"Dag run {child.run_id} of {child.dag_id} exists already, or one with its logical date does;"
        " set reset_dag_run or skip_when_already_exists, or trigger another run"
    )


def _name(operator: TriggerDagRunOperator, child: TriggerRequest) -> None:
    """Make the child known to listeners and the link, which read it from the task (T6)."""
    operator.trigger_dag_id = child.dag_id  # another one, if an earlier try's template gave another (X16)
    operator.trigger_run_id = child.run_id
    if child.owns_run:
        operator.generated_run_id = child.run_id


def _defer_for(operator: TriggerDagRunOperator, child: TriggerRequest) -> NoReturn:
    """Give the slot back until the child ends, on its run id alone (D1)."""
    from trigger_compat.triggers import ChildRunTrigger, reporting_time  # loads ORM models on 3.x

    operator.defer(
        trigger=ChildRunTrigger(
            dag_id=child.dag_id,
            run_ids=[child.run_id],
            states=[*child.allowed_states, *child.failed_states],
            poll_interval=child.poke_interval,
            hold=reporting_time(),
        ),
        method_name="execute_complete",
        timeout=operator.execution_timeout,
    )
    raise AssertionError  # pragma: no cover - defer() raises TaskDeferred


def conclude(child: TriggerRequest, state: str | None) -> None:
    """End the try by the child's state (W1, W2, D4)."""
    outcome = child.classify(state)
    if outcome is Outcome.FAILED:
        msg = f"{child.dag_id} failed with failed state {state}"
        raise AirflowException(msg)
    if outcome is Outcome.PENDING:
        what = f"Dag run {child.run_id} of {child.dag_id} came back in state {state}"
        known = f"{list(child.allowed_states)} or {list(child.failed_states)}"
        msg = f"{what}, which is not in {known}" if state else f"{what}: it is gone"
        raise AirflowException(msg)


def _unset(value: Any) -> Any:
    """Translate Airflow's "not given", of which there have been two, to the contract's."""
    return values.UNSET if value is NOTSET or isinstance(value, ArgNotSet) else value
