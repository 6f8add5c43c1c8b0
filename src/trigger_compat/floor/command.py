"""``trigger-compat floor``: its arguments, and what it does with them."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import Final

from trigger_compat.errors import UnknownFloor
from trigger_compat.floor import raise_options
from trigger_compat.parsing import many_trees

CHECK_FAILED: Final = 1


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the arguments of the command to its parser."""
    add = command.add_argument
    add(
        "--source",
        action="append",
        default=[],
        metavar="NAME|FOLDER",
        help="an installed distribution, or a folder: of one, or of many; repeatable; default: .",
    )
    add(
        "--floor",
        action="append",
        default=[],
        metavar="X.Y",
        help="a floor to report, repeatable; default: the declared one and all later",
    )
    formats = ("table", "markdown", "json", "html", "github", "sarif")
    add("--format", choices=formats, metavar="FORMAT", help=f"{', '.join(formats)}; default: table")
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
    add("--check", action="store_true", help="print problems, and exit with 1 if there are any")
    add("--baseline", type=Path, metavar="FILE", help="with --check: findings that are not counted")
    add("--write-baseline", type=Path, metavar="FILE", help="write the findings of now to a baseline")
    add(
        "--allow-older",
        action="store_true",
        help="with --check: accept an older floor than the policy asks for",
    )
    raise_options.add_arguments(command)


def run(options: argparse.Namespace) -> int:
    """Report, check or raise, and return the exit code.

    :raises TriggerCompatError: an argument or a setting is wrong.
    """
    if raise_options.is_asked(options):
        from trigger_compat.floor import raise_command

        return raise_command.run(options)
    return _report(options)


@many_trees()
def _report(options: argparse.Namespace) -> int:
    # Imported here: the other commands need neither the scanner nor its tables.
    from trigger_compat.floor import targets
    from trigger_compat.floor.run import Run

    run = Run(options, targets.read(options.source))
    if options.write_baseline:
        run.write_baseline(options.write_baseline)
    if options.format or options.output or not (options.check or options.write_baseline):
        run.show(options.format or "table", options.output)
    problems = run.problems() if options.check else []
    sys.stderr.write("".join(f"{problem}\n" for problem in problems))
    return CHECK_FAILED if problems else 0


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UnknownFloor(f"--today: {text!r} is not a date; write it as YYYY-MM-DD") from error
