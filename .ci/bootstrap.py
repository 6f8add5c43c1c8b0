"""Run the noxfile with nothing but python3 and pip: ``python3 noxfile.py [nox arguments]``.

What the noxfile needs stands in its own PEP 723 header. If this Python has it all, nox runs right away.
Otherwise it is installed once into a folder under ``.nox``, which only nox itself gets to see: no virtual
environment is needed for that, and no Python that belongs to the system is changed.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

FOLDER: Final = Path(__file__).parents[1] / ".nox"
OLDEST_PYTHON: Final = (3, 10)


def run_nox(noxfile: Path) -> NoReturn:
    """Replace this process by nox on the noxfile, with the arguments of this process."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"noxfile.py needs Python 3.10 or newer, this is {sys.version.split()[0]}")
    requirements = header(noxfile)
    environment = dict(os.environ)
    if not all(map(_installed, requirements)):
        runner = _runner(requirements)
        environment["PYTHONPATH"] = str(runner)
        environment["PATH"] = os.pathsep.join((str(runner / "bin"), environment.get("PATH", os.defpath)))
        environment["NOX_SCRIPT_MODE"] = "none"  # the header is satisfied: nox need not see to it again
    command = [sys.executable, "-m", "nox", "--noxfile", str(noxfile), *sys.argv[1:]]
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)  # noqa: S606 - this very Python


def header(noxfile: Path) -> list[str]:
    """Read the dependencies from the header; Python 3.10 has no TOML parser, but the list is Python too."""
    source = noxfile.read_text(encoding="utf-8")
    block = re.search(r"^# /// script\n((?:#.*\n)*?)# ///$", source, re.MULTILINE)
    text = re.sub(r"^# ?", "", block[1], flags=re.MULTILINE) if block else ""
    found = re.search(r"^dependencies = (\[[^]]*\])", text, re.MULTILINE)
    if not found:
        sys.exit(f"{noxfile.name}: no dependencies in its PEP 723 header; restore the header")
    return list(ast.literal_eval(found[1]))


def _installed(requirement: str) -> bool:
    name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _runner(requirements: list[str]) -> Path:
    """Return the folder that holds the requirements, filled if it is not there or holds others."""
    runner = FOLDER / f".runner-{sys.implementation.cache_tag}"
    stamp = runner / "requirements.txt"
    text = "".join(f"{line}\n" for line in requirements)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == text:
        return runner
    print(f"installing nox into {runner} (once)", file=sys.stderr, flush=True)
    fresh = runner.with_name(f"{runner.name}.{os.getpid()}")
    fresh.mkdir(parents=True)
    try:
        # Two settings that would forbid --target, and a warning; none is about a folder of our own.
        settings = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore"}
        environment = os.environ | settings
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        done = subprocess.run([*command, "--target", str(fresh), *requirements], env=environment, check=False)
        if done.returncode:
            sys.exit(f"pip could not install nox (exit code {done.returncode}); its message is above")
        (fresh / stamp.name).write_text(text, encoding="utf-8")
        shutil.rmtree(runner, ignore_errors=True)
        fresh.rename(runner)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return runner
