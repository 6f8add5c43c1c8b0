"""No clause is without a test, and nothing deviates silently."""

from __future__ import annotations

from pathlib import Path

import pytest

from trigger_compat.suite import CLAUSES
from trigger_compat.suite.deviations import PROVED, deviations_here


@pytest.fixture
def whole(request: pytest.FixtureRequest) -> list[pytest.Item]:
    """All tests of the suite, deselected ones left out."""
    modules = {item.path for item in request.session.items}
    if set(Path(__file__).parent.glob("test_*.py")) - modules:
        pytest.skip("this run has not collected the whole suite")
    return request.session.items


def test_every_clause_has_a_test(whole: list[pytest.Item]) -> None:
    tested = {mark.args[0] for item in whole for mark in item.iter_markers("clause")}
    clauses = {f"{kind}{number + 1}" for kind, count in CLAUSES.items() for number in range(count)}

    assert clauses - tested == set()
    assert tested - clauses == set()


@pytest.mark.own
@pytest.mark.usefixtures("whole")
def test_every_deviation_that_is_declared_here_has_a_test(request: pytest.FixtureRequest) -> None:
    proved: set[str] = request.config.stash[PROVED]
    unproved = set(deviations_here()) - proved

    remedy = "write one, or delete the rows in compat-matrix.yaml"
    assert not unproved, f"no test fails for {sorted(unproved)}: {remedy}"
