"""What the paths of 3.x send, and what they make of the answers, beside a fake Airflow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit import fake_airflow as fake
from tests.unit.fake_airflow import ApiError, Run
from tests.unit.parents import reaching, release
from trigger_compat import paths
from trigger_compat.contract import Identity, TriggerRequest
from trigger_compat.paths import TransientError

# Not imported: beside the other major of Airflow a type checker cannot read them.
_task_sdk: Any = import_module("trigger_compat.paths._task_sdk")
accessor: Any = import_module("trigger_compat.paths.accessor")
exception: Any = import_module("trigger_compat.paths.exception")
DATE = datetime(2026, 1, 31, tzinfo=timezone.utc)


@pytest.fixture
def server() -> Iterator[fake.Server]:
    server = fake.Server()
    with reaching(server):
        yield server


@pytest.fixture
def caller() -> Any:
    return SimpleNamespace(trigger_dag_id="child", triggered_run_id="r1", log=fake.Log())


@pytest.fixture
def ti(server: fake.Server, caller: Any) -> fake.TaskInstance:
    return fake.TaskInstance(server, caller)


def request(**changes: Any) -> TriggerRequest:
    given: dict[str, Any] = {"dag_id": "child", "run_id": "r1", "identity": Identity.GENERATED, **changes}
    return TriggerRequest(**given)


def http_error(status: int, detail: Any = None, words: str = "server says no") -> Exception:
    """The client's own error, which ``dag.test()`` sees."""
    error = RuntimeError(words)
    error.response = SimpleNamespace(status_code=status)  # type: ignore[attr-defined]
    if detail is not None:
        error.detail = detail  # type: ignore[attr-defined]
    return error


# Errors


@pytest.mark.parametrize("status", [None, 408, 429, 500, 503, 599])
def test_w7_what_can_pass(server: fake.Server, ti: fake.TaskInstance, status: int | None) -> None:
    server.fails = [ApiError(status, "come back later"), ApiError(status, "come back later")]
    with pytest.raises(TransientError, match="come back later"):
        _task_sdk.get_state(request(), {"ti": ti})
    with pytest.raises(TransientError, match="come back later"):
        _task_sdk.find_ended("child", ["r1"], ["queued"], {"ti": ti})


@pytest.mark.parametrize("status", [400, 401, 403, 409, 422, 499])
def test_w7_what_cannot(server: fake.Server, ti: fake.TaskInstance, status: int) -> None:
    server.fails = [ApiError(status), ApiError(status)]
    with pytest.raises(ApiError):
        _task_sdk.get_state(request(), {"ti": ti})
    with pytest.raises(ApiError):
        _task_sdk.find_ended("child", ["r1"], ["queued"], {"ti": ti})


def test_an_error_of_another_kind_is_nobodys_answer(server: fake.Server, ti: fake.TaskInstance) -> None:
    for error in (KeyError("x"), SimpleError("GENERIC_ERROR"), SimpleError(None)):
        assert _task_sdk.api_failure(error) is None
        server.fails = [error]
        with pytest.raises(type(error)):
            _task_sdk.get_state(request(), {"ti": ti})


class SimpleError(Exception):
    """An error answer that is not the API server's."""

    def __init__(self, kind: str | None) -> None:
        super().__init__("other")
        value = kind and SimpleNamespace(value=kind)
        self.error = SimpleNamespace(error=value, detail={"status_code": 503})


@pytest.mark.parametrize(
    ("error", "status", "text", "reason"),
    [
        (ApiError(404, "gone"), 404, "gone", None),
        (ApiError(500, "outer", detail={"message": "inner"}), 500, "inner", None),
        (
            ApiError(400, "o", detail={"detail": {"message": "deep", "reason": "value_error"}}),
            400,
            "deep",
            "value_error",
        ),
        (ApiError(400, "outer", detail={"message": 7}), 400, "outer", None),
        (ApiError(400, "outer", detail="text"), 400, "outer", None),
        (http_error(503, {"message": "inner", "reason": "busy"}), 503, "inner", "busy"),
        (http_error(404), 404, "server says no", None),
    ],
)
def test_the_servers_own_words_are_found(
    error: Exception, status: int, text: str, reason: str | None
) -> None:
    assert _task_sdk.api_failure(error) == _task_sdk.ApiFailure(status, text, reason)


def test_an_answer_without_detail_says_what_it_can() -> None:
    error = SimpleError("api_server_error")
    error.error.detail = None
    assert _task_sdk.api_failure(error) == _task_sdk.ApiFailure(None, "other")
    error.error.detail = {"status_code": 503, "message": "words"}
    assert _task_sdk.api_failure(error) == _task_sdk.ApiFailure(503, "words")
    assert _task_sdk.api_failure(http_error("teapot")) is None  # type: ignore[arg-type]


def test_a_refusal_names_dag_run_and_status() -> None:
    found = _task_sdk.refusal(request(), _task_sdk.ApiFailure(404, "no such dag"))
    assert str(found) == "Cannot trigger dag 'child', run 'r1': no such dag (HTTP 404)"
    assert type(found) is fake.AirflowException
    wrong = _task_sdk.refusal(request(), _task_sdk.ApiFailure(400, "bad params", "value_error"))
    assert type(wrong) is fake.AirflowFailException
    assert str(wrong) == "Cannot trigger dag 'child', run 'r1': bad params (HTTP 400)"
    for status, reason in ((400, "other"), (400, None), (422, "value_error")):
        assert (
            type(_task_sdk.refusal(request(), _task_sdk.ApiFailure(status, "x", reason)))
            is fake.AirflowException
        )


# Reading


def test_a_state_is_plain_text(server: fake.Server, ti: fake.TaskInstance) -> None:
    server.runs["child", "r1"] = Run("running")
    assert _task_sdk.get_state(request(), {"ti": ti}) == "running"
    assert _task_sdk.get_state(request(), {"task_instance": ti}) == "running"
    assert _task_sdk.get_state(request(), {}) == "running", "in the triggerer there is no context"
    assert _task_sdk.get_state(request(run_id="r2"), {"ti": ti}) is None
    ti.get_dagrun_state = lambda *_: "success"  # type: ignore[method-assign]
    assert _task_sdk.get_state(request(), {"ti": ti}) == "success"


def test_is_paused(server: fake.Server, ti: fake.TaskInstance) -> None:
    assert _task_sdk.is_paused(request(), {"ti": ti}) is False
    server.paused.add("child")
    assert _task_sdk.is_paused(request(), {"ti": ti}) is True
    server.fails = [ApiError(404, "no such dag"), ApiError(503), KeyError("x")]
    with pytest.raises(fake.AirflowException, match="Cannot trigger dag 'child', run 'r1': no such dag"):
        _task_sdk.is_paused(request(), {"ti": ti})
    for kind in (ApiError, KeyError):
        with pytest.raises(kind):
            _task_sdk.is_paused(request(), {"ti": ti})


def test_what_is_published(ti: fake.TaskInstance, caller: Any) -> None:
    caller.triggered_run_id = "r2"
    _task_sdk.publish(caller, request(), {"ti": ti})
    assert ti.xcoms == {"trigger_run_id": "r1", "_link_TriggerDagRunLink": "/dags/child/runs/r2"}
    _task_sdk.publish_link(caller, {})


def test_t2_a_run_of_this_id_or_of_this_date(server: fake.Server, ti: fake.TaskInstance) -> None:
    context = {"ti": ti}
    assert _task_sdk.find_existing(request(), context) is None
    assert _task_sdk.find_existing(request(logical_date=DATE), context) is None
    server.runs["child", "other"] = Run(logical_date=DATE)
    server.runs["another", "r1"] = Run(logical_date=DATE)
    assert (
        _task_sdk.find_existing(request(logical_date=datetime(2026, 2, 1, tzinfo=timezone.utc)), context)
        is None
    )
    assert _task_sdk.find_existing(request(), context) is None
    assert _task_sdk.find_existing(request(logical_date=DATE), context) == ""
    server.runs["child", "r1"] = Run()
    assert _task_sdk.find_existing(request(logical_date=DATE), context) == "r1"


def test_a4_the_runs_that_have_ended(server: fake.Server, ti: fake.TaskInstance) -> None:
    server.runs.update({("child", f"r{n}"): Run("running") for n in range(8)})
    server.runs["child", "r3"].state = "failed"
    server.runs["other", "r4"] = Run("failed")
    names = [f"r{n}" for n in range(9)]
    for context in ({"ti": ti}, {}):
        found = _task_sdk.find_ended("child", names, ["queued", "running"], context)
        assert found == {"r3": "failed", "r8": None}
    assert server.asked[0] == ("count", "child", tuple(names), ("queued", "running"))


@pytest.mark.parametrize("status", [414, 431])
def test_s1_a_question_that_is_too_long_is_split(
    server: fake.Server, ti: fake.TaskInstance, status: int
) -> None:
    server.runs.update({("child", f"r{n}"): Run("running") for n in range(4)})
    server.fails = [ApiError(status)]
    before = _task_sdk._BATCHES.length
    try:
        assert _task_sdk.find_ended("child", [f"r{n}" for n in range(4)], ["running"], {"ti": ti}) == {}
        assert _task_sdk._BATCHES.length == before // 2
    finally:
        _task_sdk._BATCHES.length = before


@pytest.mark.parametrize(
    ("event", "state"),
    [
        ({"r1": "success", "r2": "failed"}, "success"),
        ({"r1": SimpleNamespace(value="failed")}, "failed"),
        ({"r1": None}, None),
        ({}, None),
    ],
)
def test_d4_the_state_in_an_event(event: dict[str, Any], state: str | None) -> None:
    assert _task_sdk.state_from_event(request(), event) == state


def test_the_task_instance_of_a_context() -> None:
    assert paths.task_instance({"ti": 1}) == 1
    assert paths.task_instance({"task_instance": 2}) == 2
    assert paths.task_instance({}) is None
    assert paths.load("accessor") is accessor


# The accessor path


def test_p4_the_message_holds_the_request(server: fake.Server, ti: fake.TaskInstance, caller: Any) -> None:
    fields = {"conf": {"a": 1}, "logical_date": DATE, "run_after": DATE, "note": "n", "reset_dag_run": True}
    assert accessor.submit(caller, request(**fields), {"ti": ti}) is True
    assert server.runs["child", "r1"].sent == {"dag_id": "child", "run_id": "r1", **fields}


def test_p4_fields_that_a_release_does_not_know_are_left_out(
    server: fake.Server, ti: fake.TaskInstance, caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(fake.TriggerDagRun.model_fields, "note")
    monkeypatch.delitem(fake.TriggerDagRun.model_fields, "run_after")
    accessor.submit(caller, request(), {"ti": ti})
    assert "note" not in server.runs["child", "r1"].sent
    assert "run_after" not in server.runs["child", "r1"].sent


def test_p4_the_channel_of_before_3_0_4(server: fake.Server, ti: fake.TaskInstance, caller: Any) -> None:
    sent: list[Any] = []
    runner: Any = sys.modules["airflow.sdk.execution_time.task_runner"]
    runner.SUPERVISOR_COMMS = SimpleNamespace(
        send_request=lambda log, message: sent.append((log, server.send(message))),
        get_message=lambda: sent[-1][1],
    )
    assert accessor.submit(caller, request(), {"ti": ti}) is True
    assert accessor.submit(caller, request(), {"ti": ti}) is False
    assert [log for log, _ in sent] == ["logger of trigger_compat.paths.accessor"] * 2


def test_without_a_task_nothing_is_triggered(server: fake.Server, caller: Any) -> None:
    with pytest.raises(fake.AirflowException, match="holds no task instance"):
        accessor.submit(caller, request(), {})
    assert server.asked == []


@pytest.mark.parametrize(
    "error",
    [
        fake.DagRunAlreadyExists(),
        ApiError(409),
        SimpleError("dagrun_already_exists"),
        http_error(409),
    ],
)
def test_t4_a_run_that_exists_is_no_error(
    server: fake.Server, ti: fake.TaskInstance, caller: Any, error: Exception
) -> None:
    server.fails = [error]
    assert accessor.submit(caller, request(), {"ti": ti}) is False
    assert len(server.asked) == 1


def test_t5_a_refusal_is_one_line(server: fake.Server, ti: fake.TaskInstance, caller: Any) -> None:
    server.fails = [ApiError(404, "no such dag"), ApiError(500, "broken")]
    with pytest.raises(fake.AirflowException, match=r"run 'r1': no such dag \(HTTP 404\)"):
        accessor.submit(caller, request(), {"ti": ti})
    with pytest.raises(fake.AirflowException, match=r"run 'r1': broken \(HTTP 500\)"):
        accessor.submit(caller, request(), {"ti": ti})


@pytest.mark.parametrize("error", [ApiError(None), KeyError("x"), SimpleError("GENERIC_ERROR")])
def test_what_no_server_answered_is_passed_on(
    server: fake.Server, ti: fake.TaskInstance, caller: Any, error: Exception
) -> None:
    server.fails = [error]
    with pytest.raises(type(error)):
        accessor.submit(caller, request(), {"ti": ti})


@pytest.mark.parametrize(
    ("status", "given", "taken"),
    [(500, True, False), (500, False, True), (503, True, True), (400, True, True)],
)
def test_t4_a_server_error_is_one_if_no_run_has_the_date(
    ti: fake.TaskInstance, caller: Any, status: int, given: bool, taken: bool
) -> None:
    if taken:
        ti.server.runs["child", "other"] = Run(logical_date=DATE)
    ti.server.fails = [ApiError(status, "integrity")]
    with pytest.raises(fake.AirflowException, match="integrity"):
        accessor.submit(caller, request(logical_date=DATE, gives_date=given), {"ti": ti})


def test_t4_until_3_3_a_date_that_is_taken_is_a_server_error(ti: fake.TaskInstance, caller: Any) -> None:
    ti.server.runs["child", "other"] = Run(logical_date=DATE)
    ti.server.fails = [ApiError(500, "integrity")]
    assert accessor.submit(caller, request(logical_date=DATE, gives_date=True), {"ti": ti}) is False


class Accessor(fake.TaskInstance):
    """A task instance with the accessor proposed for Airflow."""

    got: dict[str, Any]
    answer: Any = None


class Few(Accessor):
    def trigger_dag_run(self, *, dag_id: str, run_id: str, conf: Any) -> Any:
        self.got = {"dag_id": dag_id, "run_id": run_id, "conf": conf}
        return self.answer


class All(Accessor):
    def trigger_dag_run(self, **fields: Any) -> Any:
        self.got = fields
        return self.answer


def test_an_accessor_of_airflows_own_gets_what_it_takes(server: fake.Server, caller: Any) -> None:
    few, every = Few(server, caller), All(server, caller)
    assert accessor.submit(caller, request(conf={"a": 1}), {"ti": few}) is True
    assert few.got == {"dag_id": "child", "run_id": "r1", "conf": {"a": 1}}
    assert accessor.submit(caller, request(note="n"), {"ti": every}) is True
    assert set(every.got) == set(fake.TriggerDagRun.model_fields)
    assert every.got["note"] == "n"
    every.answer = SimpleNamespace(error="DAGRUN_ALREADY_EXISTS")
    assert accessor.submit(caller, request(), {"ti": every}) is False
    assert server.asked == []


# The exception path


def raised(caller: Any, given: TriggerRequest, context: Any) -> dict[str, Any]:
    with pytest.raises(fake.DagRunTriggerException) as error:
        exception.submit(caller, given, context)
    return error.value.arguments


def test_the_task_runner_gets_the_request(server: fake.Server, ti: fake.TaskInstance, caller: Any) -> None:
    caller.triggered_run_id = None
    fields: dict[str, Any] = {
        "conf": {"a": 1},
        "logical_date": DATE,
        "reset_dag_run": True,
        "skip_when_already_exists": True,
        "wait_for_completion": True,
        "allowed_states": ("success", "queued"),
        "failed_states": ("failed",),
        "poke_interval": 7.0,
    }
    wanted = {"trigger_dag_id": "child", "dag_run_id": "r1", "deferrable": False, **fields}
    wanted |= {"allowed_states": ["success", "queued"], "failed_states": ["failed"]}
    assert raised(caller, request(**fields, deferrable=False), {"ti": ti}) == wanted
    assert caller.triggered_run_id == "r1"
    assert ti.xcoms == {"trigger_run_id": "r1", "_link_TriggerDagRunLink": "/dags/child/runs/r1"}
    assert raised(caller, request(deferrable=True), {"ti": ti})["deferrable"] is False, "it does not wait"
    both = request(deferrable=True, wait_for_completion=True)
    assert raised(caller, both, {"ti": ti})["deferrable"] is True
    assert server.asked == []


def test_the_run_id_of_a_run_that_is_triggered_is_the_runners_to_push(
    ti: fake.TaskInstance, caller: Any
) -> None:
    raised(caller, request(), {"ti": ti})
    assert ti.xcoms == {"_link_TriggerDagRunLink": "/dags/child/runs/r1"}
    raised(caller, request(skip_when_already_exists=True), {})


@pytest.mark.parametrize("skip", [True, False])
def test_t2_for_a_date_it_looks_before_the_xcoms_name_a_run(
    server: fake.Server, ti: fake.TaskInstance, caller: Any, skip: bool
) -> None:
    caller.triggered_run_id = None
    server.runs["child", "other"] = Run(logical_date=DATE)
    wanted = request(logical_date=DATE, gives_date=True, skip_when_already_exists=skip)
    if not skip:
        raised(caller, wanted, {"ti": ti})
        return
    assert exception.submit(caller, wanted, {"ti": ti}) is False
    assert (ti.xcoms, caller.triggered_run_id) == ({}, None)
    server.runs["child", "r1"] = Run()
    raised(caller, wanted, {"ti": ti})
    raised(caller, request(logical_date=DATE, skip_when_already_exists=True), {"ti": ti})


def test_note_and_run_after_where_the_runner_knows_them(
    ti: fake.TaskInstance, caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Newer(fake.AirflowException):
        def __init__(self, *, note: Any, run_after: Any, logical_date: Any) -> None:
            self.arguments = {"note": note, "run_after": run_after, "logical_date": logical_date}

    exceptions: Any = sys.modules["airflow.sdk.exceptions"]
    monkeypatch.setattr(exceptions, "DagRunTriggerException", Newer)
    with pytest.raises(Newer) as error:
        exception.submit(caller, request(note="n", run_after=DATE), {"ti": ti})
    assert error.value.arguments == {"note": "n", "run_after": DATE, "logical_date": None}


def test_until_3_2_the_exception_has_another_home(
    ti: fake.TaskInstance, caller: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    exceptions: Any = sys.modules["airflow.sdk.exceptions"]
    old: Any = sys.modules["airflow.exceptions"]
    monkeypatch.delattr(exceptions, "DagRunTriggerException")
    monkeypatch.setattr(old, "DagRunTriggerException", fake.DagRunTriggerException, raising=False)
    assert raised(caller, request(), {"ti": ti})["dag_run_id"] == "r1"


@pytest.mark.parametrize(
    ("version", "changes", "exists", "kept"),
    [
        ((3, 1, 4), {}, True, True),
        ((3, 1, 4), {}, False, False),
        ((3, 1, 4), {"reset_dag_run": False}, True, False),
        ((3, 1, 4), {"wait_for_completion": False}, True, False),
        ((3, 1, 5), {}, True, False),
    ],
)
def test_d3_until_3_1_5_a_reset_run_keeps_its_date(
    ti: fake.TaskInstance, version: tuple[int, ...], changes: dict[str, Any], exists: bool, kept: bool
) -> None:
    if exists:
        ti.server.runs["child", "r1"] = Run()
    asked: dict[str, Any] = {
        "reset_dag_run": True,
        "deferrable": True,
        "wait_for_completion": True,
        **changes,
    }
    with release(*version):
        arguments = raised(ti.task, request(logical_date=DATE, **asked), {"ti": ti})
    assert arguments["logical_date"] == (None if kept else DATE)
