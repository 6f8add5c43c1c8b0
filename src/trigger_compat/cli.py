"""The command line ``trigger-compat``: what runs here, what the matrix says, what a higher floor would buy.

Needs the extra ``cli``. What each command does lives elsewhere; this module reads arguments and writes the
answer.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from trigger_compat import __version__, doctor
from trigger_compat.errors import ToolMissing, TriggerCompatError, UsageError
from trigger_compat.floor import command as floor_command
from trigger_compat.matrix import cli as matrix_cli
from trigger_compat.matrix import load as load_matrix
from trigger_compat.output import write

_MIGRATE_EXITS = (
    "Exit codes: 0 done, also where something is left as it is; 1 with --check, if there is anything to"
    " rewrite; 7 a path is not there or cannot be written; 9 the extra is not installed; 10 wrong arguments."
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see {self.prog} --help")


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
    what = "report what each higher floor would let a package delete"
    floor = commands.add_parser("floor", help=what, description=_sentence(what))
    floor_command.add_arguments(floor)
    floor.set_defaults(run=floor_command.run)
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


def _doctor(options: argparse.Namespace) -> int:
    if options.dags:
        return _doctor_of_dags(options)
    if options.airflow or options.html:
        raise UsageError(
            "trigger-compat doctor: --airflow and --html need dags; see trigger-compat doctor --help"
        )
    write(doctor.FORMATS[options.format](doctor.examine()), options.output)
    return 0


def _doctor_of_dags(options: argparse.Namespace) -> int:
    from trigger_compat.dags import report, risks

    airflow = options.airflow or doctor.installed() or ""
    if options.airflow:
        load_matrix().release(options.airflow)
    folder = risks.examine(options.dags, airflow)
    if options.html:
        write(report.as_html(folder), options.html)
    write(report.FORMATS[options.format](folder), options.output)
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
    write(matrix_cli.answer(options), options.output)
    return 0


def _sentence(what: str) -> str:
    return f"{what[0].upper()}{what[1:]}."
