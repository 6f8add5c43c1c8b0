"""The nox session ``quick``: the tests of what was edited, in three environments side by side."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests import quick
from tools.environments import ROOT, airflow_python
from tools.parallel import LOGS
from tools.sessions import options

if TYPE_CHECKING:
    import nox

    from trigger_compat.matrix import Release

OPTIONS: Final = ("-p", "tests.quick.plugin", "-q", "--no-header", "-p", "no:cacheprovider")


def run(session: nox.Session, rows: Sequence[Release]) -> None:
    """Run the tests of the files that differ from a commit, and print how they went as each run ends.

    The session's argument is a commit, a branch or a tag.
    """
    changed = _changed(session, options(session, {"base": {"nargs": "?", "default": "HEAD"}}).base)
    units, clauses = quick.unit_tests(changed), quick.clause_tests(changed)
    session.log(f"{len(changed)} changed files; {len(units)} unit test files, {len(clauses)} for each row")
    runs = {"unit": (Path(session.bin) / "python", units)}
    if clauses:
        runs |= {row.airflow: (airflow_python(session, row), clauses) for row in rows}
    began = time.monotonic()
    running = {name: _start(name, python, tests) for name, (python, tests) in runs.items() if tests}
    failed = []
    while running:
        time.sleep(0.1)
        for name in [name for name, process in running.items() if process.poll() is not None]:
            process = running.pop(name)
            text = (LOGS / f"quick-{name}.log").read_text(encoding="utf-8", errors="replace").rstrip()
            session.log(f"{name}, {time.monotonic() - began:.0f} s: {' '.join(text.splitlines()[-2:])}")
            if process.returncode:
                failed.append(name)
                print(text, flush=True)
    if failed:
        session.error(f"failed: {', '.join(failed)}")


def _changed(session: nox.Session, base: str) -> list[str]:
    """Return the files that differ from a commit, and those that git does not know yet."""
    commands = (["diff", "--name-only", base], ["ls-files", "--others", "--exclude-standard"])
    found: list[str] = []
    for command in commands:
        ran = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
        if ran.returncode:
            session.error(f"git {' '.join(command)}: {ran.stderr.strip().splitlines()[0]}")
        found += ran.stdout.splitlines()
    return found


def _start(name: str, python: Path, tests: Sequence[str]) -> subprocess.Popen[bytes]:
    LOGS.mkdir(parents=True, exist_ok=True)
    home = python.parents[1] / "home"
    with (LOGS / f"quick-{name}.log").open("wb") as log:
        return subprocess.Popen(
            [str(python), "-m", "pytest", *OPTIONS, *tests],
            cwd=ROOT,
            env={**os.environ, "AIRFLOW_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
