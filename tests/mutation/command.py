"""``python -m tests.mutation``: judge mutants for some minutes, and report what has survived so far."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.mutation import mutants
from tests.mutation.mutants import RESULTS, Mutant
from tests.mutation.processes import JudgeError
from tests.mutation.records import Summary, Verdicts, explained, summarise
from tests.mutation.tiers import ROW_TESTS, UNIT, UNIT_TESTS, Tier

MODULES: Final = (
    *("contract.py", "values.py", "task/attempt.py", "task/records.py", "task/wait.py", "dispatch.py"),
    *("task/resumption.py", "task/steps.py", "task/wait_for_many.py", "triggers.py", "shared_poll.py"),
    *("counting.py", "accessor.py", "aio.py", "paths/__init__.py", "paths/_task_sdk.py", "paths/accessor.py"),
    *("paths/exception.py", "paths/airflow2.py"),
)
"""In the order in which they are judged: first what decides whether a run is triggered twice or never."""
EXPLAINED: Final = mutants.ROOT / "tests" / "mutants.yaml"
PROGRESS: Final = 30.0
"""Seconds between two lines of progress."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 1 if a survivor is not explained, or an explanation is stale; 2 for an error."""
    options = _options(arguments)
    deadline = time.monotonic() + 60 * options.minutes
    tiers = [Tier(name=UNIT, python=Path(sys.executable), tests=UNIT_TESTS)]
    for row in options.row:
        name, _, python = row.partition("=")
        tiers.append(Tier(name=name, python=Path(python), tests=ROW_TESTS))
    modules = [
        name for name in MODULES if not options.only or options.only in (name, name.removesuffix(".py"))
    ]
    if not modules:
        print(f"--only {options.only}: is not a module that has mutants; use one of {', '.join(MODULES)}")
        return 2
    verdicts = Verdicts(RESULTS / "verdicts.jsonl")
    try:
        known = explained(EXPLAINED)
        for tier in tiers:
            if not options.list and (options.measure or not tier.is_measured):
                print(f"{tier.name}: measuring which tests run which lines", flush=True)
                tier.measure()
        planned, tiers = len(tiers), [tier for tier in tiers if tier.is_measured]
        found = [mutant for module in modules for mutant in mutants.of_module(module)]
        if not options.list:
            judge(found, verdicts, tiers, deadline)
    except (JudgeError, ValueError) as error:
        print(error)
        return 2
    finally:
        for tier in tiers:
            tier.close()
    summary = summarise(found, verdicts, tiers, known, complete=len(tiers) == planned)
    print(report(found, summary, diffs=options.list))
    return 0 if summary.passed else 1


def judge(found: Sequence[Mutant], verdicts: Verdicts, tiers: Sequence[Tier], deadline: float) -> None:
    """Let the tiers judge until all is known or the time is over: what has no verdict yet comes first."""
    began, shown, count = time.monotonic(), 0.0, 0
    # Code that runs on import needs imports of its own for each mutant: it waits for the cheap ones.
    in_functions = [mutant for mutant in found if mutant.function]
    on_import = [mutant for mutant in found if not mutant.function]
    for some, again in itertools.product((in_functions, on_import), (False, True)):
        for tier in tiers:
            for mutant in some:
                if time.monotonic() > deadline:
                    return
                if verdicts.waits_for(mutant, tiers, again=again) is not tier:
                    continue
                verdicts.add(mutant, tier, tier.judge(mutant, tier.tests_of(mutant)))
                count += 1
                if time.monotonic() - shown > PROGRESS:
                    shown = time.monotonic()
                    pace = (shown - began) / count
                    print(_progress(found, verdicts, tiers, pace, deadline - shown), flush=True)
            tier.close()


def _progress(
    found: Sequence[Mutant],
    verdicts: Verdicts,
    tiers: Sequence[Tier],
    pace: float,
    left: float,
) -> str:
    killed = sum(verdicts.killer(mutant, tiers) is not None for mutant in found)
    waiting = sum(verdicts.waits_for(mutant, tiers) is not None for mutant in found)
    survived = len(found) - killed - waiting
    fates = f"{killed} killed, {survived} survived; {waiting} to go"
    return (
        f"{len(found) - waiting} of {len(found)} judged: {fates}, {pace:.1f} s each, {left / 60:.0f} min left"
    )


def report(found: Sequence[Mutant], summary: Summary, *, diffs: bool) -> str:
    """Return the figures by module, the survivors and what is stale."""
    columns = {f"by {tier}": killed for tier, killed in summary.killed.items()}
    columns |= {"explained": summary.explained, "survived": summary.survived, "not judged": summary.open}
    lines = [f"{'':24}" + "".join(f"{name:>12}" for name in ("mutants", *columns))]
    for module in [*dict.fromkeys(mutant.module for mutant in found), "all"]:
        counts = [
            sum(module in (mutant.module, "all") for mutant in group) for group in (found, *columns.values())
        ]
        lines.append(f"{module:24}" + "".join(f"{count:12,}" for count in counts))
    for mutant in summary.survived:
        where = f"src/trigger_compat/{mutant.module}:{mutant.lines[0]}"
        lines += ["", f"{where} {mutant.function or 'on import'}: no test notices this"]
        number = f"  number: {mutant.number}" if mutant.number > 1 else ""
        lines += (
            [mutant.diff]
            if diffs
            else [f"  was: {mutant.was}", f"  now: {mutant.now}", *filter(None, [number])]
        )
    lines += ["", *(f"{EXPLAINED.name}: {line}" for line in summary.stale)] if summary.stale else []
    return "\n".join(lines)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s mutants --")
    parser.add_argument("--minutes", type=float, default=60, help="stop after these; a later run goes on")
    parser.add_argument("--only", metavar="MODULE", help="such as task/wait.py")
    parser.add_argument("--list", action="store_true", help="judge nothing; show the survivors as diffs")
    parser.add_argument("--measure", action="store_true", help="measure anew which tests run which lines")
    parser.add_argument(
        "--row", action="append", default=[], metavar="RELEASE=PYTHON", help=argparse.SUPPRESS
    )
    return parser.parse_args(arguments)
