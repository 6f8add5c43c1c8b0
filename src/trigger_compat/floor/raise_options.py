"""The options of ``trigger-compat floor --to``; what carries them out is loaded only then."""

from __future__ import annotations

import argparse
from typing import Final

from trigger_compat.errors import UsageError

EXITS: Final = (
    "Exit codes with --to: 0 done, also where something is left to a person; 7 a file cannot be written (then"
    " none is), or the source is no folder; 8 the floor is unknown, or not newer; 10 wrong arguments."
)


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Add the options of a raise to ``floor``."""
    command.epilog = EXITS
    group = command.add_argument_group("raise the floor")
    group.add_argument("--to", metavar="X.Y", help="change the source so that it requires this Airflow")
    what = group.add_mutually_exclusive_group()
    what.add_argument("--diff", action="store_true", help="with --to: print what would change (default)")
    what.add_argument("--write", action="store_true", help="with --to: change the files")


def is_asked(options: argparse.Namespace) -> bool:
    """Say whether the command line asks for a raise.

    :raises UsageError: it asks for parts of one.
    """
    if not options.to and (options.diff or options.write):
        raise UsageError(
            "trigger-compat floor: --diff and --write need --to X.Y; see trigger-compat floor --help"
        )
    others = ("check", "floor", "format", "output", "baseline", "write_baseline")
    if options.to and (given := [name for name in others if getattr(options, name)]):
        name = given[0].replace("_", "-")
        raise UsageError(f"trigger-compat floor: --to and --{name} exclude each other; give one of them")
    return bool(options.to)
