"""``trigger-compat floor``: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
import sys
from datetime import date, datetime, timezone
from pathlib import Path
from typing import Final

from trigger_compat.errors import UnknownFloor
from trigger_compat.matrix import load as load_matrix
from trigger_compat.output import write

CHECK_FAILED: Final = 1


class _Once(argparse.Action):
    """An option that keeps no value in silence when it is given twice."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        if before := getattr(namespace, self.dest):
            parser.error(f"{option_string} {values}: {before} is given already; report on one at a time")
        setattr(namespace, self.dest, values)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    add = command.add_argument
    add(
        "--source",
        action=_Once,
        required=True,
        metavar="NAME|FOLDER",
        help="an installed distribution, or a folder with Python files",
    )
    add(
        "--floor",
        action="append",
        default=[],
        metavar="X.Y",
        help="a floor to report, repeatable; default: the declared one and all later",
    )
    add("--format", choices=("table", "markdown", "json", "html"), default="table")
    add("--output", type=Path, metavar="FILE", help="default: standard output")
    add(
        "--today",
        type=_day,
        metavar="YYYY-MM-DD",
        help="report as of that day, with the releases that were out then",
    )
    add("--matrix", type=Path, metavar="FILE", help="another compat-matrix.yaml with releases and policies")
    add(
        "--policy",
        metavar="ID|RULE:MONTHS",
        help="the policy that --check applies, or your own: drop-after:18",
    )
    add("--drift", type=Path, metavar="FILE", help="a drift table (JSON) for the heat map of the HTML page")
    add("--check", action="store_true", help="exit with 1 if dead code is left or the policy is broken")
    add(
        "--allow-older",
        action="store_true",
        help="with --check: accept an older floor than the policy asks for",
    )


def run(options: argparse.Namespace) -> int:
    """Report, check, and return the exit code.

    :raises TriggerCompatError: an argument is wrong.
    """
    # Imported here: the other commands need neither the scanner nor its tables.
    from trigger_compat.floor.report import build, check, heatmap, policy_dates, render
    from trigger_compat.floor.scan import names, releases, scanner, source

    matrix = load_matrix(options.matrix)
    chosen = policy_dates.choose(options.policy, matrix) if options.policy else None
    own = [chosen] if chosen and chosen not in matrix.policies else []
    floors = [releases.parse_floor(text) for text in options.floor]
    heat_map = heatmap.from_file(options.drift) if options.drift else None
    today = options.today or datetime.now(timezone.utc).date()
    published = {airflow for airflow, day in policy_dates.release_days(load_matrix()).items() if day <= today}
    report = build.build(
        scanner.scan(source.read(options.source), names.load().of(published)),
        matrix,
        today,
        floors=floors,
        policies=own,
        heat_map=heat_map,
    )
    write(render.FORMATS[options.format](report), options.output)
    if not options.check:
        return 0
    problems = check.problems(report, chosen, allow_older=options.allow_older)
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return CHECK_FAILED if problems else 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UnknownFloor(f"--today: {text!r} is not a date; write it as YYYY-MM-DD") from error
