"""``trigger-compat migrate``: prints, checks or writes, and lists what is left."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from trigger_compat.dags.files import write_all
from trigger_compat.diffs import unified_diff
from trigger_compat.migrate.run import Direction, Outcome, left, migrate


def run(options: argparse.Namespace) -> int:
    """Carry the command out and return its exit code.

    :raises SourceError: a path is not there, or a file cannot be written.
    """
    direction = Direction(reverse=options.reverse, everything=options.all, durable=options.durable)
    outcomes = migrate(options.dags, direction)
    changed = [outcome for outcome in outcomes if outcome.changed]
    if options.write:
        write_all({outcome.path: outcome.new.encode(outcome.encoding) for outcome in changed})
    elif not options.check:
        sys.stdout.write("".join(map(_diff, changed)))
    verb = "rewrote" if options.write else "would rewrite"
    if options.write or options.check:
        sys.stdout.write("".join(f"{verb} {outcome.path}\n" for outcome in changed))
    _summarise(outcomes, len(changed), verb, after=options.write)
    return int(options.check and bool(changed))


def _summarise(outcomes: Sequence[Outcome], changed: int, verb: str, *, after: bool) -> None:
    """Write to standard error, so that standard output is the diff and nothing else."""
    remarks = left(outcomes, after=after)
    sys.stderr.write(f"{verb} {changed} of {len(outcomes)} files\n")
    if remarks:
        sys.stderr.write("left as it is:\n" + "".join(f"  {remark}\n" for remark in remarks))


def _diff(outcome: Outcome) -> str:
    return unified_diff(outcome.path.as_posix().lstrip("/"), outcome.old, outcome.new)
