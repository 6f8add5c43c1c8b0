"""What one try does, from its rendered arguments to the child's end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from trigger_compat import dispatch, events
from trigger_compat._airflow import AirflowException, AirflowSkipException
from trigger_compat.contract import Action, ChildOutcome, Identity, TriggerRequest
from trigger_compat.errors import InvalidRequest
from trigger_compat.exceptions import ChildRunExists, DagIsPaused
from trigger_compat.paths import load, task_instance
from trigger_compat.task import pins, wait
from trigger_compat.task.records import STORE, with_records
from trigger_compat.task.request import build, not_kept_by_reset, request_of

if TYPE_CHECKING:
    from trigger_compat.paths import Context, Path
    from trigger_compat.task import Operator

_NO_RUN = ("missing", "cleared")
"""The status of a durable record with no run to reconnect to: the run was deleted, or its epoch is over."""

Child = tuple[TriggerRequest, str | None]
"""A child, and its state if that is known."""


@dataclass(slots=True)
class Attempt:
    """One try of the task, with the work that the methods of the operator hand on to it.

    :param publishes: whether the child's run id and link become XComs of the task.
    :param found: the child of an earlier try, if the record has led to one.
    :param child: the child of this try.
    """

    operator: Operator
    context: Any
    request: TriggerRequest
    path: Path
    log: events.TaskLog
    publishes: bool = True
    found: Child | None = None
    child: Child | None = None

    @classmethod
    def begin(cls, operator: Operator, context: Context) -> Attempt:
        """Check the rendered arguments and choose the path."""
        operator.triggered_run_id = None
        log = events.TaskLog(operator.log)
        request = request_of(operator, context, log)
        path, reason = dispatch.choose(
            operator.path,
            defers=request.defers and not request.durable,
            wrapped=is_wrapped(operator, context),
        )
        log.info(events.PATH, path=path, why=reason, dag_id=request.dag_id, durable=request.durable)
        if request.durable and request.gives_date and request.owns_run:
            log.info(events.DATE_IS_NOW, **request.name)
        if request.durable and context.get(STORE) is None and (moving := pins.moving(operator)):
            log.warning(events.PIN_MAY_MOVE, fields=" and ".join(moving))
        never_tried = request.parent is not None and request.parent.try_number == 1
        context = with_records(context, log, empty=never_tried)
        return cls(operator, context, request, load(path), log)

    def submit(self) -> dict[str, Any]:
        """Trigger the child, or reconnect to that of an earlier or overlapping try; return its record."""
        child, state = self.found or self._find_earlier()
        while True:
            action = child.next_action(state)
            if action is Action.NEXT_GENERATION:
                self.log.info(events.FRESH, **child.name, state=state)
                child = child.at_generation(child.generation + 1)
                state = self._state_of_later(child)
                if state is not None:
                    continue
            elif action is Action.REFUSE:
                raise _exists(child)
            elif action is not Action.SUBMIT:
                self.log.info(events.RECONNECT, **child.name, state=state)
                break
            elif state is not None:
                self.log.info(events.RESET, **child.name, state=state)
            if self._submit(child):
                state = None
                break
            state = self._state_of_existing(child)
            if not child.durable or child.reset_dag_run:  # else it would have been reset: see _submit_new
                break
        self._settle(child, state)
        return child.record()

    def state_of_record(self, record: object) -> str:
        """Return the state of the recorded child, or why there is none to reconnect to."""
        recalled = self.request.from_record(record)
        if recalled is None:
            return "cleared"
        state = self.path.get_state(recalled, self.context)
        # The record may be older than the newest child, because the store may have been out of reach. Use it
        # only where no later child can exist; leave all else to the search.
        if state is not None and recalled.is_latest(state) and not self._is_replaced(recalled, state):
            self.found = recalled, state
        return state or "missing"

    def _is_replaced(self, child: TriggerRequest, state: str) -> bool:
        """Return whether a failed child gives way to the one that the arguments now name (X16)."""
        return child.name != self.request.name and child.next_action(state) not in (
            Action.RECONNECT,
            Action.ALREADY_SUCCEEDED,
            Action.NEXT_GENERATION,
        )

    def is_active(self, status: str) -> bool:
        """Return whether the child still has to be waited for."""
        return status not in _NO_RUN and self.request.classify(status) is ChildOutcome.PENDING

    def is_allowed(self, status: str) -> bool:
        """Return whether the child is in an allowed state."""
        return self.request.classify(status) is ChildOutcome.ALLOWED

    def wait(self) -> None:
        """Wait for the child, in this process or deferred; return at once if not asked to wait."""
        child, state = self.settled()
        if not child.wait_for_completion:
            return
        if state is None or child.classify(state) is ChildOutcome.PENDING:
            if child.defers:
                _defer_for(self.operator, child)
            try:
                state = wait.wait_for(
                    child, partial(self.path.get_state, child, self.context), self.log, state=state
                )
            except wait.ChildGone:
                msg = f"Dag run {child.run_id} of {child.dag_id} was deleted while this task waited for it"
                raise AirflowException(msg) from None
        end_by_state(child, state)

    def settled(self) -> Child:
        """Return the child of this try. For a recorded one, Airflow's mixin does not call :meth:`submit`."""
        if self.child:
            return self.child
        child, state = self.found or self._find_earlier()
        self.log.info(events.RECONNECT, **child.name, state=state)
        return self._settle(child, state)

    def _find_earlier(self) -> Child:
        """Return the newest child that an earlier try of this epoch can have left, or the one to trigger."""
        request = self.request
        if not request.durable or not request.parent:
            return request, None
        # The number of earlier tries is too low if ``retries`` was edited, so check at least one.
        tries = request.parent.earlier_tries
        if not tries and request.identity is Identity.COMPUTED:
            tries = min(request.parent.try_number - 1, 1)
        for child in self._candidates(tries):
            state = self.path.get_state(child, self.context)
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

        Asked before the trigger, because the task runner fails a task without a retry if its run exists.
        """
        possible = child.parent is not None and child.generation < child.parent.try_number
        return self.path.get_state(child, self.context) if possible else None

    def _candidates(self, earlier_tries: int) -> Iterator[TriggerRequest]:
        """Yield the children that earlier tries of this epoch can have left, the likeliest first."""
        if not earlier_tries:
            return
        seen: list[dict[str, str]] = []
        for request in (self.request, *self._as_rendered_before(earlier_tries)):
            # A try leaves at most one generation; those of a pinned run have one name.
            for generation in range(earlier_tries, 0, -1):
                child = request.at_generation(generation)
                if child.name not in seen:
                    seen.append(child.name)
                    yield child

    def _as_rendered_before(self, earlier_tries: int) -> Iterator[TriggerRequest]:
        """Yield the request as earlier tries had it, if its templates use the try number (X16)."""
        for given in pins.of_earlier_tries(self.operator, self.context, earlier_tries):
            try:
                request = build(self.operator, self.request.parent, **{"conf": None, **given})
            except InvalidRequest:  # that try triggered nothing
                continue
            yield replace(request, conf=self.request.conf)

    def _submit(self, child: TriggerRequest) -> bool:
        """Trigger one run; False if it exists. Its id is recorded before the trigger leaves (X4, X10)."""
        if child.fail_when_dag_is_paused and self.path.is_paused(child, self.context):
            raise DagIsPaused(child.dag_id)
        _name(self.operator, child)
        dropped = not_kept_by_reset(self.operator) if child.reset_dag_run else ""
        is_new = (
            child.reset_dag_run
            and bool(dropped or child.durable)
            and self.path.get_state(child, self.context) is None
        )
        if dropped and not is_new:
            self.log.warning(events.RESET_KEEPS, **child.name, dropped=dropped)
        self.log.info(events.TRIGGERING, **child.name, identity=child.identity.value)
        if child.durable and (records := self.context.get(STORE)) is not None:
            records.set(self.operator.external_id_key, child.record())
        if child.durable and is_new:
            return self._submit_new(child)
        return self.path.submit(self.operator, child, self.context)

    def _submit_new(self, child: TriggerRequest) -> bool:
        """Trigger a run that was not there a moment ago; False if an overlapping try was first (X6).

        That one is waited for, not reset: the try that is held up here may be one that was given up long ago.
        """
        if self.path.submit(self.operator, replace(child, reset_dag_run=False), self.context):
            return True
        if self.path.get_state(child, self.context) is not None:
            return False
        return self.path.submit(self.operator, child, self.context)

    def _state_of_existing(self, child: TriggerRequest) -> str | None:
        """Return the state of a run that existed already, if it belongs to this parent (T2, T4, T8, X12)."""
        is_its_own = child.owns_run or (child.durable and not child.first_try)
        # A run that is there although it was to be reset is that of an overlapping try.
        looks = is_its_own or (child.durable and child.reset_dag_run)
        state = self.path.get_state(child, self.context) if looks else None
        if state is None and not is_its_own:
            if child.skip_when_already_exists:
                self._skip(child)
            self.operator.triggered_run_id = child.run_id
            raise _exists(child)
        if state is None:
            # 3.3+ answers "already exists" for a run of the same logical date and another id, too.
            msg = f"Cannot trigger dag run {child.run_id} of {child.dag_id}: another run has its logical date"
            raise AirflowException(msg)
        self.log.info(events.ITS_OWN, **child.name, state=state)
        return state

    def _skip(self, child: TriggerRequest) -> NoReturn:
        """Skip because of a run that exists, and name it if Airflow says which it is (T2)."""
        existing: str | None = child.run_id
        if child.gives_date:  # it may be another run of that date
            existing = self.path.find_existing(child, self.context)
        self.operator.trigger_run_id = existing or None
        if not existing:
            msg = f"A dag run of {child.dag_id} with the logical date of {child.run_id} already exists"
            raise AirflowSkipException(msg)
        found = replace(child, run_id=existing)
        self.operator.triggered_run_id = existing
        if self.publishes:
            self.path.publish(self.operator, found, self.context)
        raise AirflowSkipException(f"Dag run {existing} of {child.dag_id} already exists")

    def _settle(self, child: TriggerRequest, state: str | None) -> Child:
        """Keep the child of this try and publish it: on 3.x a new try has lost the XComs of the last."""
        _name(self.operator, child)
        self.operator.triggered_run_id = child.run_id
        if self.publishes:
            self.path.publish(self.operator, child, self.context)
        self.child = child, state
        return self.child


def is_wrapped(operator: Operator, context: Context) -> bool:
    """Return whether the author's code runs around ``execute``.

    True for a subclass that overrides it, and for a task that calls ``execute`` of an operator it made.
    """
    task = getattr(task_instance(context), "task", None)
    return operator.is_subclassed or (task is not None and task is not operator)


def _exists(child: TriggerRequest) -> ChildRunExists:
    return ChildRunExists(
        f"Dag run {child.run_id} of {child.dag_id} already exists, or another run has its logical date;"
        " set reset_dag_run or skip_when_already_exists, or trigger another run"
    )


def _name(operator: Operator, child: TriggerRequest) -> None:
    """Set the child's ids on the operator, where listeners and the operator link read them (T6)."""
    operator.trigger_dag_id = child.dag_id  # an earlier try may have rendered another one (X16)
    operator.trigger_run_id = child.run_id
    if child.owns_run:
        operator.generated_run_id = child.run_id


def _defer_for(operator: Operator, child: TriggerRequest) -> NoReturn:
    """Give up the worker slot until the child ends, by its run id alone (D1)."""
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


def end_by_state(child: TriggerRequest, state: str | None) -> None:
    """End the try as the state of its child says (W1, W2, D4).

    :raises AirflowException: the state is a failed one, or one that does not end a wait.
    """
    outcome = child.classify(state)
    if outcome is ChildOutcome.FAILED:
        msg = f"{child.dag_id} failed with failed state {state}"
        raise AirflowException(msg)
    if outcome is ChildOutcome.PENDING:
        run = f"Dag run {child.run_id} of {child.dag_id}"
        if state is None:
            raise AirflowException(f"{run} was deleted while this task was deferred")
        states = f"allowed_states {list(child.allowed_states)} nor failed_states {list(child.failed_states)}"
        raise AirflowException(f"{run} ended the deferral in state {state!r}, which is neither in {states}")
