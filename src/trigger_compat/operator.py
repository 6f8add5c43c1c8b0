"""The operator: upstream's arguments, one contract, three paths, and ``durable``.

Every parse of a dag file loads this module, so it stays small. What a running task does is in
:mod:`trigger_compat.task`.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final

from trigger_compat import dispatch, values
from trigger_compat._airflow import (
    NOT_GIVEN,
    NOTSET,
    ArgNotSet,
    BaseOperator,
    ResumableJobMixin,
    register_with_upstream,
)
from trigger_compat._airflow import conf as airflow_conf
from trigger_compat.links import TriggerDagRunLink

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from trigger_compat._airflow import BaseOperatorLink
    from trigger_compat.paths import Context
    from trigger_compat.task.attempt import Attempt


IDENTIFYING_FIELDS: Final = ("trigger_dag_id", "trigger_run_id", "logical_date")


class TriggerDagRunOperator(ResumableJobMixin, BaseOperator):
    """Trigger a dag run and, if asked to, wait for it: the same on Airflow 2.11 and every 3.x.

    Takes every argument of the operator in apache-airflow-providers-standard 1.21.0, with the same
    defaults. An argument that the running Airflow does not support is never dropped in silence: ``note``
    (3.2+) is left out with a warning; ``run_after`` (3.3+) and ``fail_when_dag_is_paused`` (all but 3.0 and
    3.1) fail the task at run time, without a retry.

    :param trigger_dag_id: dag to trigger (templated).
    :param trigger_run_id: run id of the child (templated); generated if None.
    :param conf: conf of the child: a mapping, or a JSON text of an object (templated).
    :param logical_date: aware datetime or ISO 8601 text; naive means the time zone of Airflow's
        ``[core] default_timezone`` (templated). Left out: now, unless ``run_after`` is given. None: no
        logical date on 3.x, now on 2.11, which needs one.
    :param run_after: earliest start of the child, like ``logical_date``. Airflow 3.3+.
    :param reset_dag_run: if the run exists, clear it and no other, and continue with it.
    :param wait_for_completion: wait for the child to end (templated).
    :param poke_interval: longest time between two polls of the child, in seconds.
    :param allowed_states: states of the child that make the parent succeed; default ``success``.
    :param failed_states: states that make it fail; default ``failed``, empty for none.
    :param skip_when_already_exists: if the run exists, skip the parent (templated).
    :param fail_when_dag_is_paused: raise :class:`DagIsPaused` if the target dag is paused.
    :param note: note of the child. Airflow 3.2+.
    :param deferrable: give up the worker slot while waiting.
    :param openlineage_inject_parent_info: name the parent in the child's conf if OpenLineage is on.
    :param durable: a retry reconnects to the child that an earlier try triggered, instead of triggering
        another one. A cleared parent starts again. The child's run id is computed from the parent, so a
        worker may die at any moment.
    :param path: force ``airflow2``, ``exception`` or ``accessor``, where the running Airflow supports it;
        the environment variable ``TRIGGER_COMPAT_PATH`` does so for all triggers.
    :raises trigger_compat.errors.InvalidRequest: an argument is not valid; states and ``poke_interval`` when
        the dag is parsed, all others after rendering, before anything is sent.
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
    operator_extra_links: Collection[BaseOperatorLink] = [TriggerDagRunLink()]
    external_id_key = "trigger_compat_child"
    durable_key: str | None = None  # of the calls of a function; an operator makes one trigger

    trigger_dag_id: str
    trigger_run_id: str | None
    conf: Mapping[str, Any] | str | None
    logical_date: str | datetime | ArgNotSet | None
    run_after: str | datetime | ArgNotSet | None
    reset_dag_run: bool
    wait_for_completion: bool
    poke_interval: float
    allowed_states: list[str]
    failed_states: list[str]
    skip_when_already_exists: bool
    fail_when_dag_is_paused: bool
    note: str | None
    deferrable: bool
    openlineage_inject_parent_info: bool
    path: str | None

    triggered_run_id: str | None
    """The child of this try, once it is triggered; ``trigger_run_id`` is set before that."""

    generated_run_id: str | None = None
    """The child's run id, if this package generated it; dag.test() runs a retry on the same object."""

    unrendered: Mapping[str, Any] = {}
    """The fields that identify the child, before rendering; see :mod:`trigger_compat.task.pins`."""

    _attempt: Attempt

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
        # An Airflow that no path supports is refused when the dag is parsed.
        dispatch.default_path(dispatch.release())
        allowed, failed = values.wait_states(allowed_states, failed_states)
        # Airflow's __setattr__ would make checks for each one that matter only for a finished operator.
        self.__dict__.update(
            trigger_dag_id=trigger_dag_id,
            trigger_run_id=trigger_run_id,
            conf=conf,
            logical_date=NOT_GIVEN if isinstance(logical_date, ArgNotSet) else logical_date,
            run_after=NOT_GIVEN if isinstance(run_after, ArgNotSet) else run_after,
            reset_dag_run=reset_dag_run,
            wait_for_completion=wait_for_completion,
            poke_interval=values.seconds("poke_interval", poke_interval),
            allowed_states=list(allowed),
            failed_states=list(failed),
            skip_when_already_exists=skip_when_already_exists,
            fail_when_dag_is_paused=fail_when_dag_is_paused,
            note=note,
            deferrable=deferrable,
            openlineage_inject_parent_info=openlineage_inject_parent_info,
            path=path,
        )

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Any, jinja_env: Any, *rest: Any, **named: Any
    ) -> None:
        """Render the template fields, on every Airflow and for mapped tasks too.

        The fields that identify the child are also kept as they were given. They stay texts where templates
        are rendered to native objects, which would turn the run id ``2026_01_31`` into the number 20260131.
        """
        given = {name: getattr(parent, name, None) for name in IDENTIFYING_FIELDS}
        super()._do_render_template_fields(parent, template_fields, context, jinja_env, *rest, **named)
        if parent is not self:
            return
        self.unrendered = given
        for name, value in given.items():
            if isinstance(value, str) and not isinstance(getattr(self, name), (str, datetime, type(None))):
                setattr(self, name, self.render_as_text(value, context, jinja_env))

    def render_as_text(self, template: str, context: Any, jinja_env: Any = None) -> str:
        """Render one template to text, also in a dag that renders to native objects."""
        prefix = "text: "  # makes the rendered text no literal of Python
        rendered: str = self.render_template(prefix + template, context, jinja_env)
        return rendered[len(prefix) :]

    @property
    def is_subclassed(self) -> bool:
        """Whether a subclass of the author's overrides ``execute``."""
        classes = type(self).__mro__
        return any("execute" in vars(cls) for cls in classes[: classes.index(TriggerDagRunOperator)])

    def execute(self, context: Context) -> None:
        """Check the rendered arguments, then trigger the child or reconnect to an existing one."""
        from trigger_compat.task.attempt import Attempt

        self._attempt = Attempt.begin(self, context)
        # With durable=False, the mixin neither reads nor writes the store (X11).
        self.execute_resumable(self._attempt.context)

    def execute_complete(self, context: Context, event: tuple[str, Mapping[str, Any]]) -> None:
        """Finish after a deferral: the task succeeds only if the child is in an allowed state (D4).

        :param event: class path and payload of the trigger's event.
        """
        from trigger_compat.task.attempt import Attempt
        from trigger_compat.task.resumption import resume_from_event

        if resume_from_event(self, context, event):
            return
        self._attempt = Attempt.begin(self, context)  # Airflow lets only its runner call execute()
        self.execute_resumable(self._attempt.context)

    # The six methods that ResumableJobMixin calls, Airflow's own on 3.3+ and a stand-in before.

    def submit_job(self, context: Context) -> dict[str, Any]:
        """Trigger the child, unless an earlier or overlapping try of this epoch has done so."""
        return self._attempt.submit()

    def get_job_status(self, external_id: object, context: Context) -> str:
        """Return the state of the recorded child, or why there is none to reconnect to."""
        return self._attempt.state_of_record(external_id)

    def is_job_active(self, status: str) -> bool:
        """Return whether the child still has to be waited for."""
        return self._attempt.is_active(status)

    def is_job_succeeded(self, status: str) -> bool:
        """Return whether the child is in an allowed state."""
        return self._attempt.is_allowed(status)

    def poll_until_complete(self, external_id: object, context: Context) -> None:
        """Wait for the child, in this process or deferred; return at once if not asked to wait."""
        self._attempt.wait()

    def get_job_result(self, external_id: object, context: Context) -> None:
        """Return None, as upstream does; the child's run id and link are XComs."""
        self._attempt.settled()


register_with_upstream(TriggerDagRunOperator)
