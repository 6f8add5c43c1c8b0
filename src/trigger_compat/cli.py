"""The command line ``trigger-compat``: what runs here, what the matrix says, what a higher floor would buy.

Needs the extra ``cli``. What each command does lives elsewhere; this module reads arguments and writes the
answer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date, datetime, timezone
from pathlib import Path
from typing import NoReturn

from trigger_compat import __version__, doctor
from trigger_compat.errors import SourceError, ToolMissing, TriggerCompatError, UnknownFloor, UsageError
from trigger_compat.floor import raise_options
from trigger_compat.matrix import cli as matrix_cli
from trigger_compat.matrix import load as load_matrix

CHECK_FAILED = 1
_MIGRATE_EXITS = (
    "Exit codes: 0 done, also where something is left as it is; 1 with --check, if there is anything to"
    " rewrite; 7 a path is not there or cannot be written; 9 the extra is not installed; 10 wrong arguments."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see {self.prog} --help")


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0, 1 where a check fails, or that of the error's class."""
    try:
        options = _parser().parse_args(arguments)
        code: int = options.run(options)
    except TriggerCompatError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except BrokenPipeError:  # whoever reads has seen enough
        sys.stderr.close()
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="trigger-compat", description="What runs here, and what a higher floor would buy.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _add_doctor(commands)
    _add_migrate(commands)
    _add_matrix(commands)
    _add_floor(commands)
    return parser


def _add_doctor(commands: argparse._SubParsersAction[_Parser]) -> None:
    what = "say which Airflow is here, which path a trigger takes and why, and what it cannot keep"
    also = " With dags: say what can go wrong with their triggers, from the files alone."
    command = commands.add_parser("doctor", help=what, description=_sentence(what) + also)
    add = command.add_argument
    add(
        "dags",
        nargs="*",
        type=Path,
        metavar="DAGS",
        help="folders and files: Python, and YAML of dag-factory",
    )
    add("--airflow", metavar="X.Y.Z", help="with dags: the release to judge for; default: the installed one")
    add("--format", choices=tuple(doctor.FORMATS), default="table")
    add("--html", type=Path, metavar="FILE", help="with dags: also write a page to look at")
    add("--output", type=Path, metavar="FILE", help="default: standard output")
    command.set_defaults(run=_doctor)


def _add_migrate(commands: argparse._SubParsersAction[_Parser]) -> None:
    what = "move dags from upstream's operator to this one, and back"
    command = commands.add_parser("migrate", help=what, description=_sentence(what), epilog=_MIGRATE_EXITS)
    add = command.add_argument
    add(
        "dags",
        nargs="+",
        type=Path,
        metavar="DAGS",
        help="folders and files: Python, and YAML of dag-factory",
    )
    what_to_do = command.add_mutually_exclusive_group()
    what_to_do.add_argument("--diff", action="store_true", help="print what would change (default)")
    what_to_do.add_argument("--write", action="store_true", help="change the files")
    what_to_do.add_argument(
        "--check", action="store_true", help="exit with 1 if there is anything to rewrite"
    )
    add("--durable", action="store_true", help="also add durable=True to triggers that wait and retry")
    add("--reverse", action="store_true", help="undo what this command wrote, byte for byte")
    add("--all", action="store_true", help="with --reverse: also what others wrote for this package")
    command.set_defaults(run=_migrate)


def _add_matrix(commands: argparse._SubParsersAction[_Parser]) -> None:
    what = "show or check the matrix of supported releases"
    command = commands.add_parser("matrix", help=what, description=_sentence(what))
    matrix_cli.add_arguments(command)
    command.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    command.set_defaults(run=_matrix)


def _add_floor(commands: argparse._SubParsersAction[_Parser]) -> None:
    what = "report what each higher floor would let a package delete"
    command = commands.add_parser("floor", help=what, description=_sentence(what))
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
    raise_options.add_arguments(command)
    command.set_defaults(run=_floor)


def _doctor(options: argparse.Namespace) -> int:
    if options.dags:
        return _doctor_of_dags(options)
    if options.airflow or options.html:
        raise UsageError(
            "trigger-compat doctor: --airflow and --html need dags; see trigger-compat doctor --help"
        )
    _write(doctor.FORMATS[options.format](doctor.examine()), options.output)
    return 0


def _doctor_of_dags(options: argparse.Namespace) -> int:
    from trigger_compat.dags import report, risks

    airflow = options.airflow or doctor.installed() or ""
    if options.airflow:
        load_matrix().release(options.airflow)
    folder = risks.examine(options.dags, airflow)
    if options.html:
        _write(report.as_html(folder), options.html)
    _write(report.FORMATS[options.format](folder), options.output)
    return 0


def _migrate(options: argparse.Namespace) -> int:
    if options.all and not options.reverse:
        raise UsageError("trigger-compat migrate: --all needs --reverse; see trigger-compat migrate --help")
    if options.durable and options.reverse:
        raise UsageError("trigger-compat migrate: --durable and --reverse exclude each other")
    try:
        from trigger_compat.migrate import command
    except ModuleNotFoundError as error:
        if error.name not in ("libcst", "yaml"):
            raise
        needs = {"libcst": "LibCST", "yaml": "PyYAML"}[error.name]
        raise ToolMissing(f"migrate needs {needs}; run: pip install 'trigger-compat[cli]'") from error
    return command.run(options)


def _matrix(options: argparse.Namespace) -> int:
    _write(matrix_cli.answer(options), options.output)
    return 0


def _floor(options: argparse.Namespace) -> int:
    if raise_options.is_asked(options):
        from trigger_compat.floor import raise_command

        return raise_command.run(options)
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
    _write(render.FORMATS[options.format](report), options.output)
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


def _sentence(what: str) -> str:
    return f"{what[0].upper()}{what[1:]}."


def _write(text: str, output: Path | None) -> None:
    text = text if text.endswith("\n") else f"{text}\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SourceError(f"--output: {output}: {error.strerror}; name a file that can be written") from error
