"""No invalid argument leaves the process, and each is refused in one line (clauses R1-R5).

Requests are generated: each has at most one field that is wrong, among plausible and hostile values. What is
right is said here by Airflow's own rules, not by those of this package. What leaves the process is caught
where each path hands it over. A long run: ``TRIGGER_COMPAT_EXAMPLES=10000``, with
``-k any_request``.
"""

from __future__ import annotations

import json
import math
import os
import re
import string
import traceback
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.integration.simulation import Border
from trigger_compat import TriggerDagRunOperator, contract, dispatch
from trigger_compat._airflow import AirflowException
from trigger_compat.errors import InvalidRequest

pytestmark = [
    pytest.mark.clause("R1"),
    pytest.mark.clause("R2"),
    pytest.mark.clause("R3"),
    pytest.mark.clause("R4"),
    pytest.mark.clause("R5"),
    pytest.mark.filterwarnings("ignore", "error:::trigger_compat"),
]
EXAMPLES = os.environ.get("TRIGGER_COMPAT_EXAMPLES")
SETTINGS = settings(
    max_examples=int(EXAMPLES or 300),
    derandomize=not EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
SUPPORTED = [row.name for row in dispatch.PATHS if dispatch.within(row.supported_on)]
SECRET = "hunter2-do-not-print"
STATES = ("queued", "running", "success", "failed")
#: Airflow's default for run ids and its rule for dag ids.
RUN_ID = re.compile(r"[A-Za-z0-9_.~:+-]+")
DAG_ID = re.compile(r"[\w.-]+")


def is_id(value: object, pattern: re.Pattern[str]) -> bool:
    if not isinstance(value, str) or not 1 <= len(value) <= 250:
        return False
    return bool(pattern.fullmatch(value)) and value != "." and ".." not in value


# Ids: text of any kind, of nearly legal characters, of path tricks, and too long.
TRICKS = st.sampled_from(
    [
        "a/../b",
        "..",
        ".",
        "a/b",
        "a\\b",
        "%2e%2e",
        "a?b=c",
        "a#b",
        "a\nb",
        "a\r\nHost: x",
        "\x00",
        "a b",
        " a",
        "",
    ]
)
NEARLY = st.text(string.ascii_letters + string.digits + "_.~:+-/ ", max_size=12)
LONG = st.integers(240, 260).map(lambda length: "x" * length)
IDS: st.SearchStrategy[Any] = st.one_of(TRICKS, NEARLY, LONG, st.text(max_size=8), st.binary(max_size=4))

# What every channel of every Airflow carries.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
INTEGERS = st.integers(-(2**63), 2**64 - 1)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False, allow_infinity=False), TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=6,
)
OBJECTS = st.dictionaries(TEXT, JSON, max_size=3)
NO_JSON = st.sampled_from(
    [
        object(),
        b"bytes",
        {1, 2},
        datetime.now,
        float("nan"),
        math.inf,
        1j,
        SECRET.encode(),
        2**64,
        "\ud800",
        "a\0b",
    ]
)


def hidden(culprit: Any) -> st.SearchStrategy[Any]:
    """Put what is no JSON at some depth, beside a secret."""
    places = ["here", "list", "deep"]
    shapes = {
        "here": {"password": SECRET, "culprit": culprit},
        "list": {"password": SECRET, "rows": [1, [culprit]]},
        "deep": {"a": {"b": {"c": culprit, "password": SECRET}}},
    }
    return st.sampled_from(places).map(shapes.__getitem__)


NOT_OBJECTS: st.SearchStrategy[Any] = st.sampled_from(
    [
        f'["{SECRET}"]',
        f'{{"password": "{SECRET}"',
        f"{{'password': '{SECRET}'}}",
        SECRET,
        [SECRET],
        "",
        "42",
        "null,",
        42,
    ]
)
DAYS: dict[str, Any] = {
    "min_value": datetime(1970, 1, 1),  # noqa: DTZ001 - as hypothesis asks
    "max_value": datetime(2100, 1, 1),  # noqa: DTZ001
}
UTC: Any = st.just(timezone.utc)
DATES = st.datetimes(**DAYS) | st.datetimes(**DAYS, timezones=UTC)
NO_DATES: st.SearchStrategy[Any] = st.sampled_from(
    [
        "yesterday",
        "2026-13-01",
        "2026-01-01T25:00",
        "31.12.2026",
        "{{ ds }}",
        "T",
        5,
        1.5,
        [],
        timedelta(days=1),
    ]
)
NAMES = st.text(min_size=1, max_size=250)
STATE_LISTS = st.lists(st.sampled_from([*STATES, "nope", "", "SUCCESS"]), max_size=3)
SECONDS: st.SearchStrategy[Any] = st.one_of(
    st.floats(), st.integers(-5, 5), st.sampled_from(["60", True, None, -0.0, 1e400])
)


@dataclass(frozen=True)
class Case:
    """Arguments of the operator, and the field that must be named if they are refused."""

    arguments: dict[str, Any]
    field: str = ""

    @property
    def valid(self) -> bool:
        return not self.field


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """One field at a time is of any kind, the others are right."""
    arguments: dict[str, Any] = {
        "trigger_dag_id": "child",
        "trigger_run_id": draw(st.sampled_from([None, "mine", "x" * 250])),
        "conf": draw(st.one_of(st.none(), OBJECTS, OBJECTS.map(json.dumps))),
        "logical_date": draw(st.one_of(st.none(), DATES, DATES.map(datetime.isoformat))),
        "poke_interval": draw(st.floats(0.001, 1e6)),
        "durable": draw(st.booleans()),
    }
    kinds = {
        "trigger_dag_id": lambda: _of_id(draw, arguments, "trigger_dag_id", DAG_ID),
        "trigger_run_id": lambda: _of_id(draw, arguments, "trigger_run_id", RUN_ID),
        "conf": lambda: Case({**arguments, "conf": draw(NO_JSON.flatmap(hidden) | NOT_OBJECTS)}, "conf"),
        "logical_date": lambda: Case({**arguments, "logical_date": draw(NO_DATES)}, "logical_date"),
        "states": lambda: _of_states(draw, arguments),
        "poke": lambda: _of_seconds(draw, arguments),
    }
    return kinds[draw(st.sampled_from(sorted(kinds)))]()


def _of_id(draw: st.DrawFn, arguments: dict[str, Any], field: str, pattern: re.Pattern[str]) -> Case:
    value = draw(IDS)
    return Case({**arguments, field: value}, "" if is_id(value, pattern) else field)


def _of_states(draw: st.DrawFn, arguments: dict[str, Any]) -> Case:
    allowed, failed = draw(STATE_LISTS), draw(STATE_LISTS)
    known = set(allowed) | set(failed) <= set(STATES)
    valid = known and not set(allowed or ["success"]) & set(failed)
    wrong = "failed_states" if known or set(allowed) <= set(STATES) else "allowed_states"
    return Case({**arguments, "allowed_states": allowed, "failed_states": failed}, "" if valid else wrong)


def _of_seconds(draw: st.DrawFn, arguments: dict[str, Any]) -> Case:
    value = draw(SECONDS)
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    valid = number and math.isfinite(value) and value > 0
    return Case({**arguments, "poke_interval": value}, "" if valid else "poke_interval")


class Gate(Border):
    """Catches what would leave the process, on every path."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sent: list[SimpleNamespace] = []
        self.said: list[str] = []
        super().__init__(monkeypatch)

        def say(text: str, *given: object, **_: object) -> None:
            self.said.append(text % given)

        log = dict.fromkeys(("debug", "info", "warning"), say)
        monkeypatch.setattr(TriggerDagRunOperator, "log", SimpleNamespace(**log))

    def leave(self, dag_id: str, run_id: str, conf: Any, date: Any) -> None:
        self.sent.append(SimpleNamespace(dag_id=dag_id, run_id=run_id, conf=conf, date=date))

    def _send(self, message: Any) -> Any:
        self.leave(message.dag_id, message.run_id, message.conf, message.logical_date)

    def _trigger_dag(self, *, dag_id: str, run_id: str, **given: Any) -> None:
        self.leave(dag_id, run_id, given["conf"], given["execution_date"])

    def trigger(self, path: str, arguments: dict[str, Any]) -> None:
        """Parse and execute, as far as the trigger."""
        operator = TriggerDagRunOperator(
            task_id="trigger", path=path, openlineage_inject_parent_info=False, **arguments
        )
        ti = SimpleNamespace(
            dag_id="parent",
            run_id="the-parent",
            task_id="trigger",
            map_index=-1,
            try_number=1,
            max_tries=0,
            stats_tags={},
            xcom_push=lambda **_: None,
        )
        try:
            TriggerDagRunOperator.execute.__wrapped__(operator, {"ti": ti})  # type: ignore[attr-defined]
        except AirflowException as asked:
            if type(asked).__name__ != "DagRunTriggerException":
                raise
            run: Any = asked
            self.leave(run.trigger_dag_id, run.dag_run_id, run.conf, run.logical_date)


@pytest.mark.parametrize("path_name", SUPPORTED)
def test_any_request_is_sent_as_it_is_or_refused_in_one_line(
    path_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(monkeypatch)

    @SETTINGS
    @given(case=cases())
    def check(case: Case) -> None:
        gate.sent.clear()
        gate.said.clear()
        if case.valid:
            gate.trigger(path_name, case.arguments)
            check_sent(gate, case.arguments)
        else:
            with pytest.raises(InvalidRequest) as refused:
                gate.trigger(path_name, case.arguments)
            check_refused(gate, case, refused.value)

    check()


def check_sent(gate: Gate, asked: dict[str, Any]) -> None:
    """Exactly one request has left, and it is fit for every Airflow."""
    (sent,) = gate.sent
    assert is_id(sent.dag_id, DAG_ID)
    assert is_id(sent.run_id, RUN_ID)
    assert sent.dag_id == asked["trigger_dag_id"]
    assert asked["trigger_run_id"] in (None, sent.run_id)
    assert sent.date is None or sent.date.utcoffset() == timedelta(0)
    conf = asked["conf"]
    conf = json.loads(conf) if isinstance(conf, str) else conf
    assert sent.conf == conf
    assert json.loads(json.dumps(sent.conf, allow_nan=False)) == sent.conf


def check_refused(gate: Gate, case: Case, error: InvalidRequest) -> None:
    """Nothing has left, and the error is one line with the field, a remedy, and no secret."""
    message = str(error)
    note(message)
    assert gate.sent == []
    assert "\n" not in message
    assert len(message) <= 400
    assert case.field in message
    assert ";" in message, "what is wrong; what to do"
    told = "".join(traceback.format_exception(error)) if case.field == "conf" else message
    assert SECRET not in "".join([told.rpartition("InvalidRequest")[2], *gate.said])


@pytest.mark.parametrize("map_index", [-1, 7])
def test_a_generated_run_id_is_always_fit(map_index: int) -> None:
    """Whatever a parent is called, the ids that are made for it pass Airflow's own rules."""

    @SETTINGS
    @given(
        dag_id=st.text(min_size=1, max_size=250),
        task_id=st.text(min_size=1, max_size=250),
        durable=st.booleans(),
    )
    def check(dag_id: str, task_id: str, durable: bool) -> None:
        parent = contract.ParentTask(dag_id=dag_id, run_id="r" * 250, task_id=task_id, map_index=map_index)
        request = contract.build_request(trigger_dag_id="child", durable=durable, parent=parent)
        assert is_id(request.run_id, RUN_ID)

    check()
