"""The operator: upstream's arguments, one contract, three paths, and ``durable``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from trigger_compat import contract, dispatch, resumption, values, wait
from trigger_compat._airflow import (
    NOTSET,
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    ArgNotSet,
    BaseOperator,
    DagRunAlreadyExists,
    ResumableJobMixin,
)
from trigger_compat._airflow import (
    conf as airflow_conf,
)
from trigger_compat.contract import Identity, Outcome, Parent, Resume, TriggerRequest
from trigger_compat.lineage import with_parent_info
from trigger_compat.links import TriggerDagRunLink
from trigger_compat.paths import task_instance
from trigger_compat.records import STORE, with_records

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from trigger_compat.paths import Context, Path

_NO_RUN = ("missing", "cleared")
"""What a durable record is worth when there is no run to go back to: deleted, or of an older epoch."""


@dataclass(slots=True)
class _Try:
    """What one try knows: what is asked, how, and the child with its state where it was looked at."""

    request: TriggerRequest
    path: Path
    found: tuple[TriggerRequest, str | None] | None = None
    child: tuple[TriggerRequest, str | None] | None = None


class DagIsPaused(AirflowException):
    """The target dag is paused and the parent was told not to trigger it then (clause T7)."""

    def __init__(self, dag_id: str) -> None:
        super().__init__(dag_id)
        self.dag_id = dag_id

    def __str__(self) -> str:
        return f"Dag {self.dag_id} is paused"


class ChildRunExists(AirflowFailException, DagRunAlreadyExists):
    """The run exists and the parent may neither reset it nor skip; a retry can only fail again (T4).

    Also a ``DagRunAlreadyExists``, which upstream's operator raises on 2.11.
    """

    serialize = AirflowException.serialize

    def __init__(self, message: str) -> None:
        AirflowException.__init__(self, message)


class TriggerDagRunOperator(ResumableJobMixin, BaseOperator):
    """Trigger a dag run and, if asked to, wait for it: the same on Airflow 2.11 and every 3.x.

    Takes every argument of the operator in apache-airflow-providers-standard 1.21.0, with the same
    defaults. What the running Airflow cannot honour is never dropped in silence: ``note`` (honoured
    by 3.2+) is left out with a warning; ``run_after`` (3.3+) and ``fail_when_dag_is_paused`` (all but
    3.0 and 3.1) fail the task at run time, without a retry.

    :param trigger_dag_id: dag to trigger (templated).
    :param trigger_run_id: run id of the child (templated); generated if None.
    :param conf: conf of the child: a mapping, or a JSON text of an object (templated).
    :param logical_date: aware datetime or ISO 8601 text, naive means UTC (templated). Left out: now,
        unless ``run_after`` is given. None: no logical date on 3.x, now on 2.11, which needs one.
    :param run_after: earliest start of the child, like ``logical_date``. Airflow 3.3+.
    :param reset_dag_run: if the run exists, clear it - and no other - and go on with it.
    :param wait_for_completion: wait for the child to end (templated).
    :param poke_interval: longest time between two looks at the child, in seconds.
    :param allowed_states: states of the child that make the parent succeed; default ``success``.
    :param failed_states: states that make it fail; default ``failed``, empty for none.
    :param skip_when_already_exists: if the run exists, skip the parent (templated).
    :param fail_when_dag_is_paused: raise :class:`DagIsPaused` if the target dag is paused.
    :param note: note of the child. Airflow 3.2+.
    :param deferrable: give the worker slot back while waiting.
    :param openlineage_inject_parent_info: name the parent in the child's conf if OpenLineage is on.
    :param durable: a retry goes back to the child that an earlier try triggered, instead of
        triggering another one. A cleared parent starts over. The child's run id is computed from the
        parent, so nothing is lost if a worker dies at any moment.
    :param path: force ``airflow2``, ``exception`` or ``accessor``, where the running Airflow can
        carry it; the environment variable ``TRIGGER_COMPAT_PATH`` does so for all triggers.
    :raises trigger_compat.errors.InvalidRequest: an argument is unusable; states and
        ``poke_interval`` when the dag is parsed, all else after rendering, before anything is sent.
    """

    template_fields: Sequence[str] = (
        "trigger_dag_id",
        "trigger_run_id",
        "logical_date",
        "conf",
        "wait_for_completion",
        "skip_when_already_exists",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"conf": "py"}
    ui_color = "#ffefeb"
    operator_extra_links = [TriggerDagRunLink()]  # noqa: RUF012 - Airflow's own form
    external_id_key = "trigger_compat_child"

    triggered_run_id: str | None
    """The child of this try; ``trigger_run_id`` is what is asked for, and set before the trigger."""

    _generated_run_id: str | None = None
    _try: _Try

    def __init__(
        self,
        *,
        trigger_dag_id: str,
        trigger_run_id: str | None = None,
        conf: Mapping[str, Any] | str | None = None,
        logical_date: str | datetime | ArgNotSet | None = NOTSET,
        run_after: str | datetime | ArgNotSet | None = NOTSET,
        reset_dag_run: bool = False,
        wait_for_completion: bool = False,
        poke_interval: float = 60,
        allowed_states: Sequence[str] | None = None,
        failed_states: Sequence[str] | None = None,
        skip_when_already_exists: bool = False,
        fail_when_dag_is_paused: bool = False,
        note: str | None = None,
        deferrable: bool = airflow_conf.getboolean("operators", "default_deferrable", fallback=False),
        openlineage_inject_parent_info: bool = True,
        durable: bool = False,
        path: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(durable=durable, **kwargs)
        dispatch.default_path()  # an Airflow that no path carries is refused when the dag is parsed
        self.trigger_dag_id = trigger_dag_id
        self.trigger_run_id = trigger_run_id
        self.conf = conf
        self.logical_date = logical_date
        self.run_after = run_after
        self.reset_dag_run = reset_dag_run
        self.wait_for_completion = wait_for_completion
        self.poke_interval = values.seconds("poke_interval", poke_interval)
        self.allowed_states = list(contract.states("allowed_states", allowed_states or ["success"]))
        self.failed_states = list(
            contract.states("failed_states", ["failed"] if failed_states is None else failed_states)
        )
        contract.check_states(self.allowed_states, self.failed_states)
        self.skip_when_already_exists = skip_when_already_exists
        self.fail_when_dag_is_paused = fail_when_dag_is_paused
        self.note = note
        self.deferrable = deferrable
        self.openlineage_inject_parent_info = openlineage_inject_parent_info
        self.path = path

    def execute(self, context: Context) -> None:
        """Check the rendered arguments, then trigger the child or go back to the one there is."""
        self._start(context)

    def execute_complete(self, context: Context, event: tuple[str, Mapping[str, Any]]) -> None:
        """Go on after a deferral: the child's state decides, and no state is no success (D4).

        :param event: class path and payload of the trigger's event.
        """
        _, payload = event
        if resumption.ended_in_an_earlier_try(context):
            self.log.info("The event is that of an earlier try, which has failed by it; starting over")
            resumption.note_try(context)
            self._start(context)  # Airflow lets nobody but its runner call execute()
            return
        run_ids = payload.get("run_ids") or []
        run_id = run_ids[0] if len(run_ids) == 1 else None
        self.trigger_run_id = self.triggered_run_id = run_id
        child = TriggerRequest(
            dag_id=self.trigger_dag_id,
            run_id=run_id or "",
            identity=Identity.PINNED,
            allowed_states=tuple(self.allowed_states),
            failed_states=tuple(self.failed_states),
        )
        path = dispatch.load(dispatch.path_name(self.path, defers=True))
        if self.durable and run_id:
            # A try that was believed lost may have published its own child since (X6).
            path.publish(self, child, context)
        state = path.resumed(child, payload)
        if child.classify(state) is not Outcome.ALLOWED:
            resumption.note_try(context)
        self._conclude(child, state)

    # The six methods of ResumableJobMixin, which drives them on 3.3+; below, its stand-in does.

    def submit_job(self, context: Context) -> dict[str, Any]:
        """Trigger the child, unless an earlier or overlapping try of this epoch already has."""
        child, state = self._try.found or self._look_back(context)
        while True:
            decision = child.resume(state)
            if decision is Resume.NEXT_GENERATION:
                self.log.info("Dag run %s is %s; triggering a fresh run", child.run_id, state)
                child = child.at_generation(child.generation + 1)
            elif decision is Resume.REFUSE:
                raise self._exists(child)
            elif decision is not Resume.SUBMIT:
                self.log.info("Going back to dag run %s of an earlier try: %s", child.run_id, state)
                break
            if self._submit(child, context):
                state = None
                break
            state = self._state_of_existing(child, context)
            if not child.durable:
                break
        self._settle(child, state, context)
        return child.record()

    def get_job_status(self, external_id: object, context: Context) -> str:
        """Return the state of the recorded child, or why there is none to go back to."""
        recalled = self._try.request.recalls(external_id)
        if recalled is None:
            return "cleared"
        state = self._try.path.look(recalled, context)
        # The record may be older than the newest child: it is written where the store can be reached.
        # Only a child that settles the matter is taken from it, all else is left to the look back.
        if state is not None and recalled.settles(state):
            self._try.found = recalled, state
        return state or "missing"

    def is_job_active(self, status: str) -> bool:
        """Say whether the child is still to be waited for."""
        return status not in _NO_RUN and self._try.request.classify(status) is Outcome.PENDING

    def is_job_succeeded(self, status: str) -> bool:
        """Say whether the child is in an allowed state."""
        return self._try.request.classify(status) is Outcome.ALLOWED

    def poll_until_complete(self, external_id: object, context: Context) -> None:
        """Wait for the child, in this process or deferred; return at once if not asked to wait."""
        child, state = self._settled(context)
        if not child.wait:
            return
        if state is None or child.classify(state) is Outcome.PENDING:
            if child.defers:
                self._defer_for(child)
            try:
                state = wait.wait_for(
                    child, partial(self._try.path.look, child, context), self.log, state=state
                )
            except wait.ChildGone:
                msg = f"Dag run {child.run_id} of {child.dag_id} is gone: deleted while it was waited for"
                raise AirflowException(msg) from None
        self._conclude(child, state)

    def get_job_result(self, external_id: object, context: Context) -> None:
        """Return nothing, as upstream does; the child's run id and link are XComs."""
        self._settled(context)

    # What they share.

    def _start(self, context: Context) -> None:
        self.triggered_run_id = None
        request = self._request(context)
        path = dispatch.path_name(self.path, defers=request.defers)
        self._try = _Try(request, dispatch.load(path))
        self.log.info("Triggering dag %s by the %s path, durable=%s", request.dag_id, path, request.durable)
        # durable=False touches no store (X11): the mixin then neither reads nor writes.
        self.execute_resumable(with_records(context, self.log))

    def _request(self, context: Context) -> TriggerRequest:
        """Return the rendered arguments, checked."""
        ti = task_instance(context)
        self._honour_arguments()
        given = self.trigger_run_id
        if given is not None and given == self._generated_run_id:
            given = None  # dag.test() runs a retry on the same object
        request = contract.build_request(
            trigger_dag_id=self.trigger_dag_id,
            trigger_run_id=given,
            conf=self.conf,
            logical_date=_unset(self.logical_date),
            run_after=_unset(self.run_after),
            reset_dag_run=self.reset_dag_run,
            skip_when_already_exists=self.skip_when_already_exists,
            wait_for_completion=self.wait_for_completion,
            poke_interval=self.poke_interval,
            allowed_states=tuple(self.allowed_states),
            failed_states=tuple(self.failed_states),
            fail_when_dag_is_paused=self.fail_when_dag_is_paused,
            note=self.note,
            deferrable=self.deferrable,
            durable=self.durable,
            parent=None if ti is None else self._parent(ti),
            run_id_pattern=airflow_conf.get(
                "scheduler", "allowed_run_id_pattern", fallback=contract.DEFAULT_RUN_ID_PATTERN
            ),
        )
        if self.openlineage_inject_parent_info:
            request = replace(request, conf=with_parent_info(request.conf, ti))
        return request

    def _parent(self, ti: Any) -> Parent:
        map_index = ti.map_index
        return Parent(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=map_index if isinstance(map_index, int) else -1,
            try_number=ti.try_number,
            epoch=ti.max_tries,
            retries=self.retries or 0,
        )

    def _honour_arguments(self) -> None:
        """Warn of, or refuse, what the running Airflow cannot honour (C3)."""
        given = {
            "note": self.note is not None,
            "run_after": _unset(self.run_after) not in (values.UNSET, None),
            "fail_when_dag_is_paused": self.fail_when_dag_is_paused,
        }
        for name, argument in contract.ARGUMENTS.items():
            if not given[name] or dispatch.within(argument.honoured):
                continue
            found = dispatch.text(dispatch.release())
            says = f"{name} is honoured by Airflow {argument.honoured}, found {found}"
            if argument.otherwise == "fail":
                msg = f"{says}; leave it out, since ignoring it would do something else than asked"
                raise AirflowFailException(msg)
            self.log.warning("%s; the run is triggered without it", says)

    def _look_back(self, context: Context) -> tuple[TriggerRequest, str | None]:
        """Find the newest child that an earlier try of this epoch can have left."""
        request = self._try.request
        if request.durable and request.parent:
            # No try leaves more than one generation, so no more than the earlier tries can exist.
            for generation in range(request.parent.earlier_tries, 0, -1):
                child = request.at_generation(generation)
                state = self._try.path.look(child, context)
                if state is not None:
                    return child, state
                if request.identity is Identity.PINNED:
                    break
            if not request.first_try:
                self.log.info("No dag run of %s is left of an earlier try", request.dag_id)
        return request, None

    def _submit(self, child: TriggerRequest, context: Context) -> bool:
        """Trigger one run; False if it exists. Its id is recorded before the trigger leaves (X4, X10)."""
        if child.fail_when_paused and self._try.path.is_paused(child, context):
            raise DagIsPaused(child.dag_id)
        self._name(child)
        if child.durable and (records := context.get(STORE)) is not None:
            records.set(self.external_id_key, child.record())
        return self._try.path.submit(self, child, context)

    def _state_of_existing(self, child: TriggerRequest, context: Context) -> str | None:
        """Return the state of a run that was there already, if it is this parent's (T2, T4, T8, X12)."""
        if not child.owns_run and (child.first_try or not child.durable):
            self.triggered_run_id = child.run_id
            if child.skip:
                self._try.path.publish(self, child, context)
                msg = f"Dag run {child.run_id} of {child.dag_id} exists already"
                raise AirflowSkipException(msg)
            raise self._exists(child)
        state = self._try.path.look(child, context)
        if state is None:
            # 3.3+ also says "exists" of a run that has the same logical date and another id.
            msg = f"Cannot trigger dag run {child.run_id} of {child.dag_id}: its logical date is taken"
            raise AirflowException(msg)
        self.log.info("Dag run %s of %s exists already and is this task's own", child.run_id, child.dag_id)
        return state

    def _exists(self, child: TriggerRequest) -> ChildRunExists:
        return ChildRunExists(
            f"Dag run {child.run_id} of {child.dag_id} exists already, or one with its logical date does;"
            " set reset_dag_run or skip_when_already_exists, or trigger another run"
        )

    def _name(self, child: TriggerRequest) -> None:
        """Make the run id known to listeners, which read it from the task (T6)."""
        self.trigger_run_id = child.run_id
        if child.owns_run:
            self._generated_run_id = child.run_id

    def _settle(
        self, child: TriggerRequest, state: str | None, context: Context
    ) -> tuple[TriggerRequest, str | None]:
        """Remember the child of this try and publish it: a new try has lost its XComs on 3.x."""
        self._name(child)
        self.triggered_run_id = child.run_id
        self._try.path.publish(self, child, context)
        self._try.child = child, state
        return self._try.child

    def _settled(self, context: Context) -> tuple[TriggerRequest, str | None]:
        """Return the child of this try; the mixin goes back to a recorded one without a submit."""
        return self._try.child or self._settle(*(self._try.found or self._look_back(context)), context)

    def _defer_for(self, child: TriggerRequest) -> NoReturn:
        """Give the slot back until the child ends, on its run id alone (D1)."""
        from trigger_compat.triggers import ChildRunTrigger  # loads ORM models on 3.x

        self.defer(
            trigger=ChildRunTrigger(
                dag_id=child.dag_id,
                run_ids=[child.run_id],
                states=[*child.allowed_states, *child.failed_states],
                poll_interval=child.poke_interval,
            ),
            method_name="execute_complete",
            timeout=self.execution_timeout,
        )
        raise AssertionError  # pragma: no cover - defer() raises TaskDeferred

    def _conclude(self, child: TriggerRequest, state: str | None) -> None:
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
        self.log.info("%s finished with allowed state %s", child.dag_id, state)


def _unset(value: Any) -> Any:
    """Translate Airflow's "not given", of which there have been two, to the contract's."""
    return values.UNSET if value is NOTSET or isinstance(value, ArgNotSet) else value
