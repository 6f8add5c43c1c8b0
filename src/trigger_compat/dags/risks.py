"""What can go wrong with the triggers of a dag folder, as far as its files say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from trigger_compat import contract, dispatch
from trigger_compat.dags import pins, triggers
from trigger_compat.dags.files import PYTHON, YAML, Unreadable, find, read
from trigger_compat.dags.literals import Unknown
from trigger_compat.dags.names import OPERATOR
from trigger_compat.dags.triggers import Trigger
from trigger_compat.parsing import parse_python

PINS: Final = ("trigger_run_id", "logical_date", "execution_date", "trigger_dag_id")
_MENTION: Final = re.compile(rf"{OPERATOR}|trigger_compat|trigger_dagrun|dagrun_operator")
_OWN: Final = ("durable", "path")
_UNSET: Final = (None, False, contract.UNSET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One trigger.

    :param operator: ``ours``, ``upstream``, ``subclass of`` one of them, or ``unknown`` and why.
    :param waits: ``yes``, ``no`` or ``unknown``; durable too.
    :param retries: how many, ``not set`` or ``unknown``.
    :param crash: what a retry does after a crash during the wait: ``duplicates``, ``collides``, ``safe`` or
        ``unknown``.
    :param why: the reason for that.
    :param arguments: those that the Airflow does not honour, each with what happens.
    :param pins: those that do not stay the same, or may not, on the next try.
    """

    file: str
    line: int
    task: str
    operator: str
    waits: str
    retries: str
    durable: str
    crash: str
    why: str
    arguments: Mapping[str, str]
    pins: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """What was found.

    :param airflow: the release that arguments are judged for; empty if none is known.
    :param unread: the files that could not be read, and why.
    """

    airflow: str
    files: int
    findings: Sequence[Finding]
    unread: Mapping[str, str]


def examine(roots: Sequence[Path], airflow: str) -> Folder:
    """Read dag folders and files.

    :param airflow: a release, or empty: then arguments that any release lacks are listed with their range.
    :raises SourceError: a path is not there.
    """
    paths = [path for path in find(roots) if path.suffix in (*PYTHON, *YAML)]
    release = _release(airflow) if airflow else None
    found = {path: _triggers_or_reason(path) for path in paths}
    return Folder(
        airflow=airflow,
        files=len(paths),
        findings=[
            _finding(path, trigger, release)
            for path, each in found.items()
            if not isinstance(each, str)
            for trigger in each
        ],
        unread={str(path): each for path, each in found.items() if isinstance(each, str)},
    )


def _release(airflow: str) -> dispatch.AirflowVersion:
    major, minor, patch = map(int, re.findall(r"\d+", airflow)[:3])
    return major, minor, patch


def _triggers_or_reason(path: Path) -> Sequence[Trigger] | str:
    try:
        return _triggers(path)
    except Unreadable as error:
        return str(error)


def _triggers(path: Path) -> Sequence[Trigger]:
    text = read(path).text
    if path.suffix in YAML:
        if not _MENTION.search(text):
            return ()
        from trigger_compat.dags import yaml_triggers

        return yaml_triggers.find(text)
    try:
        tree = parse_python(text)
    except SyntaxError as error:
        raise Unreadable(f"cannot be parsed: line {error.lineno}: {error.msg}") from error
    except (ValueError, MemoryError, RecursionError) as error:
        raise Unreadable(f"cannot be parsed: {error}") from error
    return triggers.find(tree) if _MENTION.search(text) else ()


def _finding(path: Path, trigger: Trigger, release: dispatch.AirflowVersion | None) -> Finding:
    waits = trigger.get("wait_for_completion", False)
    retries = trigger.get("retries", None)
    durable = trigger.get("durable", False) if not trigger.operator.endswith("upstream") else False
    verdicts = _pins(trigger)
    crash, why = _after_crash(trigger, waits, retries, durable, verdicts)
    task = trigger.arguments.get("task_id", "unknown")
    return Finding(
        file=str(path),
        line=trigger.line,
        task=task.source if isinstance(task, Unknown) else str(task),
        operator=trigger.operator,
        waits=_answer(waits),
        retries=_count(retries),
        durable=_answer(durable),
        crash=crash,
        why=why,
        arguments=dict(_arguments(trigger, release)),
        pins={name: _SAID[found] for name, found in verdicts.items() if found in _SAID},
    )


_SAID: Final = {
    "anew": "renders anew on every try",
    "unknown": "not known whether it stays the same on a retry",
}


def _answer(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, "unknown") if isinstance(value, bool) else "unknown"


def _count(retries: Any) -> str:
    if retries is None:
        return "not set"
    return str(retries) if isinstance(retries, int) else "unknown"


def _pins(trigger: Trigger) -> dict[str, pins.Verdict]:
    found = {}
    for name in PINS:
        value = trigger.arguments.get(name, trigger.defaults.values.get(name))
        verdict = pins.verdict(value, trigger.expressions.get(name))
        if name != "trigger_dag_id" or verdict == "anew":  # a dag id is no pin by itself
            found[name] = verdict
    return found


def _after_crash(
    trigger: Trigger, waits: Any, retries: Any, durable: Any, verdicts: Mapping[str, pins.Verdict]
) -> tuple[str, str]:
    if waits is False:
        return "safe", "it does not wait"
    if retries is None:
        return "safe", "nothing retries it, unless [core] default_task_retries is set"
    if retries == 0 and not isinstance(retries, Unknown):
        return "safe", "nothing retries it"
    if durable is True:
        return "safe", "a retry reconnects to the child"
    names = {"wait_for_completion": waits, "retries": retries, "durable": durable}
    unknown = [name for name, value in names.items() if not isinstance(value, int)]
    if trigger.operator.startswith("unknown"):
        unknown.insert(0, "the operator")
    if unknown:
        return "unknown", f"not known from this file: {', '.join(unknown)}"
    if "same" in verdicts.values():
        return "collides", _collision(trigger)
    if "unknown" in verdicts.values():
        return "unknown", "a retry triggers a second child, or meets the first one, depending on the pin"
    return "duplicates", "it waits, is retried and is not durable: a retry triggers a second child"


def _collision(trigger: Trigger) -> str:
    if trigger.get("reset_dag_run", False) is True:
        return "its run id is pinned: a retry resets the child of the crashed try, even while that runs"
    if trigger.get("skip_when_already_exists", False) is True:
        return "its run id is pinned: a retry finds the child of the crashed try, and skips"
    return "its run id is pinned: a retry finds the child of the crashed try, and fails"


def _arguments(trigger: Trigger, release: dispatch.AirflowVersion | None) -> Iterator[tuple[str, str]]:
    given = {**trigger.defaults.values, **trigger.arguments}
    upstream = trigger.operator.endswith("upstream")
    for name, argument in contract.ARGUMENTS.items():
        if argument.supported_on == contract.EVERYWHERE or given.get(name) in _UNSET:
            continue
        if release is None:
            yield name, f"needs Airflow {argument.supported_on}"
        elif not dispatch.within(argument.supported_on, release):
            otherwise = "ignored with a warning" if argument.otherwise == "warn" else "fails the task"
            otherwise = "dropped, or an error, depending on the release" if upstream else otherwise
            yield name, f"{otherwise}; needs Airflow {argument.supported_on}"
    for name in _OWN if upstream else ():
        if name in trigger.arguments:
            yield name, "upstream's operator does not take it"
    if "execution_date" in trigger.arguments:
        yield "execution_date", "only Airflow 2's own class takes it; use logical_date"
    path = trigger.arguments.get("path")
    needs = {row.name: row.supported_on for row in dispatch.PATHS}
    if (
        not upstream
        and release
        and isinstance(path, str)
        and not dispatch.within(needs.get(path, "<0"), release)
    ):
        yield "path", f"{path!r} is no path of Airflow {dispatch.text(release)}: the task fails"
