"""What each test of the suite found, with the observed outcome in a few words, for the drift table."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import platform
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final, Literal

import pytest

from trigger_compat.suite.harness import AIRFLOW, ChildRun, Outcome, operator_path

Verdict = Literal["pass", "fail", "deviation", "not applicable", "skipped"]
SCHEMA: Final = 1
SHOWN: Final = 90
"""Longest description of an outcome, in characters."""
NOT_APPLICABLE: Final = "not applicable: "
FOUND: Final = pytest.StashKey[dict[str, "Finding"]]()
DISTRIBUTIONS: Final = ("apache-airflow-providers-standard", "apache-airflow-providers-common-compat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One test on one path."""

    clauses: tuple[str, ...]
    title: str
    case: str
    path: str
    verdict: Verdict
    observed: str


def note(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Keep what a phase of a test has found: the first phase that says anything but "passed" counts."""
    found = item.config.stash.setdefault(FOUND, {})
    known = found.get(item.nodeid)
    if known and known.verdict != "pass":
        return
    params: dict[str, Any] = getattr(getattr(item, "callspec", None), "params", {})
    name = getattr(item, "originalname", item.name)
    verdict = _verdict(report)
    found[item.nodeid] = Finding(
        clauses=tuple(dict.fromkeys(mark.args[0] for mark in item.iter_markers("clause"))),
        title=name.removeprefix("test_").replace("_", " "),
        case=item.name.removeprefix(name).strip("[]"),
        path=str(params.get("path", "default")),
        verdict=verdict,
        observed="" if verdict == "pass" else _observed(call, report),
    )


def write(config: pytest.Config, target: Path) -> None:
    """Write all findings of the run, and what they were found on, as JSON."""
    found = config.stash.get(FOUND, {}).values()
    report = {
        "schema": SCHEMA,
        "operator": operator_path(config),
        "airflow": AIRFLOW,
        "python": platform.python_version(),
        "distributions": _versions(),
        "date": datetime.now(timezone.utc).date().isoformat(),
        "findings": [asdict(finding) for finding in found if finding.clauses],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _versions() -> dict[str, str]:
    installed = {found.name: found.version for found in importlib.metadata.distributions()}
    return {name: installed[name] for name in DISTRIBUTIONS if name in installed}


def _verdict(report: pytest.TestReport) -> Verdict:
    if report.passed:
        return "pass"
    if report.skipped:
        if hasattr(report, "wasxfail"):
            return "deviation"
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        return "not applicable" if NOT_APPLICABLE in reason else "skipped"
    return "fail"


def _observed(call: pytest.CallInfo[None], report: pytest.TestReport) -> str:
    """Say in a few words what was seen instead of what the clause says."""
    if call.excinfo is None:  # a strict expected failure that did not fail
        return _short(str(report.longrepr))
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        return _short(reason.removeprefix("Skipped: ").removeprefix(NOT_APPLICABLE))
    entry = call.excinfo.traceback[-1]
    words = None
    if call.excinfo.errisinstance(AssertionError):
        words = _of_assertion(str(entry.statement), dict(entry.frame.f_globals), dict(entry.frame.f_locals))
    if words is None:
        message = str(call.excinfo.value).strip().partition("\n")[0]
        kind = "" if call.excinfo.errisinstance(AssertionError) else f"{call.excinfo.typename}: "
        words = f"{kind}{message}"
    return _short(words + _aside(dict(call.excinfo.traceback[0].frame.f_locals), words))


def _aside(test: dict[str, Any], words: str) -> str:
    """Add to a wrong state what nobody was told of."""
    outcomes = [value for value in test.values() if isinstance(value, Outcome)]
    if outcomes and words.startswith("state") and not outcomes[-1].kinds:
        return "; no callback ran"
    return ""


def _of_assertion(statement: str, names: dict[str, Any], inside: dict[str, Any]) -> str | None:
    """Say what a comparison that does not hold compares; None for any other kind of assertion."""
    try:
        (asserted,) = ast.parse(statement.strip()).body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(asserted, ast.Assert) or asserted.msg is not None:
        return None
    test = asserted.test
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    left, right = test.left, test.comparators[0]
    if any(isinstance(node, ast.NamedExpr) for node in ast.walk(test)) or not _is_pure(test):
        return None  # to ask again might change the answer
    found, wanted = (eval(ast.unparse(side), names, inside) for side in (left, right))
    if isinstance(test.ops[0], ast.Eq):
        return f"{_name(left)} is {_value(found)}, not {_value(wanted)}"
    if isinstance(test.ops[0], ast.In):
        short = isinstance(wanted, str) and len(wanted) <= SHOWN
        return f"{_name(right)} is without {found!r}" + (f": {wanted!r}" if short else "")
    if isinstance(test.ops[0], ast.NotIn):
        return f"{_name(right)} holds {found!r}"
    return None


def _is_pure(test: ast.expr) -> bool:
    """Whether an expression calls nothing but what only looks at its arguments."""
    calls = [node.func for node in ast.walk(test) if isinstance(node, ast.Call)]
    return all(isinstance(called, ast.Name) and called.id in ("len", "set", "sorted") for called in calls)


def _name(node: ast.expr) -> str:
    """Name an expression without the variable of the test that it begins with: ``outcome.state`` is state."""
    text = ast.unparse(node)
    if isinstance(node, (ast.Attribute, ast.Subscript)):
        return text.partition(".")[2] or text
    return "it" if isinstance(node, (ast.Tuple, ast.Constant)) else text


def _value(value: object) -> str:
    """Name child runs by their run ids, anything else as Python writes it."""
    if isinstance(value, ChildRun):
        return f"run {value.run_id!r}"
    if isinstance(value, tuple) and value and all(isinstance(run, ChildRun) for run in value):
        return f"runs {[run.run_id for run in value]}"
    return "none" if value == () else repr(value)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."
