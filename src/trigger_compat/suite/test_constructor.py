"""The operator in a dag file (clauses C1-C7)."""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

import pytest

from trigger_compat.suite.harness import Airflow, Code, Run, database, finish

#: Arguments and defaults of the operator in apache-airflow-providers-standard 1.21.0.
UPSTREAM: dict[str, Any] = {
    "trigger_run_id": None,
    "conf": None,
    "reset_dag_run": False,
    "wait_for_completion": False,
    "poke_interval": 60,
    "allowed_states": None,
    "failed_states": None,
    "skip_when_already_exists": False,
    "fail_when_dag_is_paused": False,
    "note": None,
    "deferrable": False,
    "openlineage_inject_parent_info": True,
}
UNSET = ("logical_date", "run_after")
"""Arguments whose default tells "not given" from None."""


@pytest.mark.clause("C1")
def test_the_arguments_are_those_of_upstream(stack: Airflow) -> None:
    parameters = dict(inspect.signature(stack.operator_class.__init__).parameters)
    named = {name: parameter for name, parameter in parameters.items() if name not in ("self", "kwargs")}
    missing = sorted({"trigger_dag_id", *UPSTREAM, *UNSET} - set(named))

    assert missing == []
    assert {parameter.kind for parameter in named.values()} == {inspect.Parameter.KEYWORD_ONLY}
    assert named["trigger_dag_id"].default is inspect.Parameter.empty
    assert {name: named[name].default for name in UPSTREAM} == UPSTREAM
    assert {type(named[name].default).__name__ for name in UNSET} <= {"ArgNotSet", "NotSetType"}


@pytest.mark.own
@pytest.mark.clause("C1")
def test_the_arguments_of_its_own_are_off_by_default(stack: Airflow) -> None:
    parameters = inspect.signature(stack.operator_class.__init__).parameters
    own = set(parameters) - {"self", "kwargs", "trigger_dag_id", *UPSTREAM, *UNSET}

    assert {name: parameters[name].default for name in own} == {"durable": False, "path": None}


@pytest.mark.clause("C2")
def test_the_template_fields_are_those_of_upstream(stack: Airflow) -> None:
    assert set(stack.operator_class.template_fields) == {
        "trigger_dag_id",
        "trigger_run_id",
        "logical_date",
        "conf",
        "wait_for_completion",
        "skip_when_already_exists",
    }


@pytest.mark.clause("C1")
def test_an_unknown_argument_is_refused(stack: Airflow) -> None:
    from airflow.exceptions import AirflowException

    with pytest.raises((TypeError, AirflowException), match="no_such_argument"):
        stack.operator_class(task_id="t", trigger_dag_id="child", no_such_argument=1)


@pytest.mark.clause("C2")
def test_mapped_parents_have_a_child_each(airflow: Airflow) -> None:
    parent = airflow.parent(expand={"conf": [{"n": 0}, {"n": 1}, {"n": 2}]})
    outcomes = [parent.run(map_index=index) for index in range(3)]

    assert [outcome.state for outcome in outcomes] == ["success"] * 3
    children = {child.run_id: child.conf["n"] for child in outcomes[-1].children}
    assert [children[outcome.xcoms["trigger_run_id"]] for outcome in outcomes] == [0, 1, 2]


@pytest.mark.own
@pytest.mark.clause("C2")
def test_the_run_id_of_a_mapped_parent_is_more_than_a_time(airflow: Airflow) -> None:
    """Upstream's is not, so that two that start together may want one id (apache/airflow#28868)."""
    outcome = airflow.parent(expand={"conf": [{}]}).run(map_index=0)

    assert re.fullmatch(r"manual__[\d:.T+-]+_[A-Za-z0-9]{8}", outcome.child.run_id)


@pytest.mark.clause("C2")
def test_a_hundred_mapped_parents_have_a_hundred_children(stack: Airflow) -> None:
    """With the default path alone: the run ids are chosen before a path is."""
    stack.reset()
    parent = stack.parent(expand={"conf": [{"n": n} for n in range(100)]})
    outcomes = []
    for first in range(0, 100, 4):
        running = [parent.start(map_index=first + n) for n in range(4)]
        outcomes += [one_try.finish_with(None) for one_try in running]

    run_ids: list[str] = [outcome.xcoms["trigger_run_id"] for outcome in outcomes]
    assert {outcome.state for outcome in outcomes} == {"success"}
    assert len(set(run_ids)) == 100
    conf = {child.run_id: child.conf["n"] for child in stack.children()}
    assert [conf[run_id] for run_id in run_ids] == list(range(100))


@pytest.mark.clause("C2")
def test_any_argument_can_be_mapped(airflow: Airflow) -> None:
    parent = airflow.parent(durable=True, expand={"trigger_dag_id": ["child", "other_child"]})
    outcomes = [parent.run(map_index=index) for index in range(2)]

    assert [outcome.state for outcome in outcomes] == ["success"] * 2
    assert {child.dag_id for child in outcomes[-1].children} == {"child", "other_child"}


@pytest.mark.clause("C4")
@pytest.mark.parametrize("durable", [True, False])
def test_durable_can_be_a_default_argument(airflow: Airflow, durable: bool) -> None:
    outcome = airflow.parent(default_args={"durable": durable}).run()

    assert outcome.state == "success"
    assert outcome.child.run_id.startswith("durable__" if durable else "manual__")


@pytest.mark.clause("C4")
def test_the_arguments_own_value_wins_over_the_default(airflow: Airflow) -> None:
    outcome = airflow.parent(default_args={"durable": True}, durable=False).run()

    assert outcome.child.run_id.startswith("manual__")


@pytest.mark.clause("C1")
def test_poke_interval_may_be_a_float(airflow: Airflow) -> None:
    outcome = airflow.parent(wait_for_completion=True, poke_interval=0.05).run(finish("success"))

    assert outcome.state == "success"


@pytest.mark.clause("C3")
@pytest.mark.parametrize(
    "argument",
    [
        {"note": "a note"},
        {"run_after": Code("datetime.datetime(2031, 1, 1)")},
        {"fail_when_dag_is_paused": True},
        {"openlineage_inject_parent_info": False},
    ],
    ids=lambda argument: next(iter(argument)),
)
def test_no_argument_breaks_parsing(airflow: Airflow, argument: dict[str, Any]) -> None:
    airflow.parent(**argument)  # raises if the dag file does not import


def serialized(airflow: Airflow) -> dict[str, Any]:
    """The parent's dag as Airflow keeps it."""
    from airflow.models.serialized_dag import SerializedDagModel
    from sqlalchemy import select

    with database.open_session() as session:
        rows = session.scalars(select(SerializedDagModel).where(SerializedDagModel.dag_id == "parent")).all()
        data: dict[str, Any] = rows[-1].data["dag"]
        return data


def edges(airflow: Airflow) -> list[tuple[str, str, str]]:
    """The dag dependencies of the parent's dag: kind, target and task."""
    found = serialized(airflow)["dag_dependencies"]
    return [(each["dependency_type"], each["target"], each["dependency_id"]) for each in found]


@pytest.mark.clause("C5")
@pytest.mark.parametrize("subclass", [None, "setting"])
def test_the_dag_depends_on_its_target(airflow: Airflow, subclass: str | None) -> None:
    airflow.parent(subclass=subclass)

    assert edges(airflow) == [("trigger", "child", "trigger")]


@pytest.mark.clause("C5")
def test_a_mapped_parent_depends_on_its_target_where_upstreams_does(airflow: Airflow) -> None:
    airflow.parent(expand={"conf": [{"n": 0}]})

    assert edges(airflow) == ([("trigger", "child", "trigger")] if airflow.has_api else [])


@pytest.mark.clause("C6")
@pytest.mark.parametrize("expand", [None, {"conf": [{"n": 0}]}], ids=["plain", "mapped"])
def test_nothing_of_the_operator_is_serialised_with_an_address(
    airflow: Airflow, expand: dict[str, Any] | None
) -> None:
    airflow.parent(expand=expand)

    assert " at 0x" not in json.dumps(serialized(airflow)["tasks"])


@pytest.mark.clause("C7")
@pytest.mark.parametrize("state", ["success", "failed"])
@pytest.mark.parametrize("around", ["lenient", "inside"])
def test_code_around_a_trigger_goes_on_after_the_wait(airflow: Airflow, around: str, state: str) -> None:
    outcome = airflow.parent(subclass=around, wait_for_completion=True).run(finish(state))

    assert outcome.state == "success"
    assert outcome.child.state == state
    seen = outcome.child.run_id if state == "success" else "AirflowException"
    assert outcome.xcoms["return_value"] == f"went on after {seen}"


@pytest.mark.clause("C7")
def test_a_subclass_goes_on_after_a_trigger(airflow: Airflow) -> None:
    outcome = airflow.parent(subclass="lenient").run()

    assert outcome.state == "success"
    assert outcome.child.state == "queued"
    assert outcome.xcoms["return_value"] == f"went on after {outcome.child.run_id}"


@pytest.mark.clause("C7")
def test_a_subclass_sees_that_the_run_exists(airflow: Airflow) -> None:
    outcome = airflow.parent(subclass="lenient", trigger_run_id="mine", before=[Run("mine")]).run()

    assert outcome.state == "success"
    assert outcome.xcoms["return_value"].startswith("went on after ")
    assert outcome.child.clear_number == 0


@pytest.mark.clause("C7")
def test_a_mapped_subclass_goes_on_too(airflow: Airflow) -> None:
    parent = airflow.parent(subclass="lenient", wait_for_completion=True, expand={"conf": [{"n": 0}]})
    outcome = parent.run(finish("failed"), map_index=0)

    assert outcome.state == "success"
    assert outcome.xcoms["return_value"] == "went on after AirflowException"


@pytest.mark.clause("C7")
def test_a_subclass_defers_too(airflow: Airflow) -> None:
    """Nothing runs after a deferral but ``execute_complete``."""
    parent = airflow.parent(subclass="lenient", wait_for_completion=True, deferrable=True)
    first = parent.run()
    assert first.state == "deferred"
    outcome = parent.resume(lambda: airflow.set_state(first.child, "failed"))

    assert outcome.state == "up_for_retry"
    assert outcome.failure.text == "child failed with failed state failed"


@pytest.mark.clause("C7")
@pytest.mark.clause("C1")
def test_a_subclass_may_choose_its_arguments_at_run_time(airflow: Airflow) -> None:
    outcome = airflow.parent(subclass="setting").run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"chosen": "trigger"}
