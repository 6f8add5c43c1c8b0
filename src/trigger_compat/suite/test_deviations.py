"""Nothing deviates silently: each declared gap is proved by a test of this suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from trigger_compat.suite.deviations import HONOURED, deviations_here


@pytest.mark.own
def test_every_deviation_that_is_declared_here_has_a_test(request: pytest.FixtureRequest) -> None:
    modules = {item.path for item in request.session.items}
    if set(Path(__file__).parent.glob("test_*.py")) - modules:
        pytest.skip("this run has not collected the whole suite")
    proved: set[str] = request.config.stash[HONOURED]
    unproved = set(deviations_here()) - proved

    assert not unproved, (
        f"no test fails for {sorted(unproved)}: write one, or delete the rows in compat-matrix.yaml"
    )
