"""Which paths a test is run on, and the declared deviations as strict expected failures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import pytest

from trigger_compat import dispatch, matrix
from trigger_compat.suite.harness import AIRFLOW

PROVED: Final = pytest.StashKey[set[str]]()
"""The ids of the deviations that the collected tests prove."""


def paths_to_test(test: pytest.Item) -> list[str]:
    """Return ``default``, and the paths to force.

    These are the accessor wherever it can run, because it keeps more of the contract; and any other path
    that has a deviation from a clause of this test on the installed Airflow, which needs its proof.
    """
    clauses = {_key(mark) for mark in test.iter_markers("clause")}
    defers = test.get_closest_marker("defers") is not None
    forced = []
    for row in dispatch.PATHS:
        if row.name == dispatch.choose(None, defers=defers)[0] or not dispatch.within(row.supported_on):
            continue
        declared = any(f"{row.name}-{clause}" in deviations_here() for clause in clauses)
        if declared or row.name == "accessor":
            forced.append(row.name)
    return ["default", *forced]


def expect(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    """Make the tests of declared deviations strict expected failures."""
    proved = config.stash.setdefault(PROVED, set())
    for item in items:
        asked = getattr(getattr(item, "callspec", None), "params", {}).get("path")
        if asked is None:
            continue
        defers = item.get_closest_marker("defers") is not None
        path = dispatch.choose(None if asked == "default" else asked, defers=defers)[0]
        for mark in item.iter_markers("clause"):
            deviation = deviations_here().get(f"{path}-{_key(mark)}")
            if deviation is None:
                continue
            proved.add(deviation.id)
            reason = (
                f"{deviation.id}: {deviation.reason} (If this test passes, the deviation is gone: delete"
                f" {deviation.id}, or end its range before Airflow {AIRFLOW}, in {matrix.FILE_NAME}.)"
            )
            # Only a failed check is the gap that is declared; any other error is one of the test.
            item.add_marker(pytest.mark.xfail(strict=True, raises=AssertionError, reason=reason))


@cache
def deviations_here() -> dict[str, matrix.Deviation]:
    """The deviations that cover the installed Airflow, by id."""
    return {row.id: row for row in matrix.load().deviations if row.covers(AIRFLOW)}


def gap(deviation: str) -> pytest.MarkDecorator:
    """Return a strict expected failure where a deviation applies, for a test outside the suite."""
    here = deviation in deviations_here()
    return pytest.mark.xfail(here, strict=True, raises=AssertionError, reason=deviation)


def _key(mark: pytest.Mark) -> str:
    return "-".join(filter(None, (mark.args[0], mark.kwargs.get("aspect"))))
