"""What OpenLineage finds in the child's conf (clause R6)."""

from __future__ import annotations

import importlib.util
import json
from typing import Any, Final

import pytest

from trigger_compat.suite.harness import Airflow

pytestmark: Final = pytest.mark.clause("R6")
CONSOLE = json.dumps({"type": "console"})
"""A transport that needs nothing, which switches OpenLineage on."""


def provider_is_installed() -> bool:
    try:
        return importlib.util.find_spec("airflow.providers.openlineage") is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture
def openlineage(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenLineage, switched on."""
    if not provider_is_installed():
        pytest.skip("the OpenLineage provider is not installed here")
    monkeypatch.setenv("AIRFLOW__OPENLINEAGE__TRANSPORT", CONSOLE)


def test_without_openlineage_conf_is_left_alone(airflow: Airflow) -> None:
    """Whether the provider is absent or not set up."""
    outcome = airflow.parent(conf={"a": 1}).run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"a": 1}


@pytest.mark.usefixtures("openlineage")
@pytest.mark.parametrize("conf", [None, {"a": 1, "openlineage": {"mine": 2}}], ids=["no conf", "some conf"])
def test_the_parent_is_named(airflow: Airflow, conf: dict[str, Any] | None) -> None:
    outcome = airflow.parent(conf=conf).run()
    named = dict(outcome.child.conf["openlineage"])

    assert outcome.state == "success"
    assert named["parentJobName"] == "parent.trigger"
    assert named["rootParentJobName"] == "parent"
    assert named["parentRunId"] != named["rootParentRunId"]
    expected = {"parentJobNamespace", "parentJobName", "parentRunId"}
    expected |= {"rootParentJobNamespace", "rootParentJobName", "rootParentRunId"}
    assert set(named) == expected | set((conf or {}).get("openlineage", {}))
    assert {key: value for key, value in outcome.child.conf.items() if key != "openlineage"} == (
        {"a": 1} if conf else {}
    )


@pytest.mark.usefixtures("openlineage")
def test_a_parent_that_is_named_already_stays(airflow: Airflow) -> None:
    conf = {"openlineage": {"parentRunId": "mine", "parentJobName": "mine", "parentJobNamespace": "mine"}}
    outcome = airflow.parent(conf=conf).run()

    assert outcome.child.conf == conf


@pytest.mark.usefixtures("openlineage")
def test_the_author_can_opt_out(airflow: Airflow) -> None:
    outcome = airflow.parent(conf={"a": 1}, openlineage_inject_parent_info=False).run()

    assert outcome.state == "success"
    assert outcome.child.conf == {"a": 1}
