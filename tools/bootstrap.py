"""Run nox with nothing but python3 and pip: ``python3 noxfile.py [nox arguments]``.

uv installs what the PEP 723 header of the noxfile lists, into a cached environment that only nox uses. Where
uv is missing, pip installs it into ``.nox`` first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final, NoReturn

FOLDER: Final = Path(__file__).parents[1] / ".nox" / ".uv"
OLDEST_PYTHON: Final = (3, 10)


def run_nox(noxfile: Path) -> NoReturn:
    """Replace this process by nox on the noxfile, with the arguments of this process."""
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"noxfile.py needs Python 3.10 or newer, this is {sys.version.split()[0]}")
    uv, requirements = ensure_uv(), ("--with-requirements", str(noxfile))
    run = [uv, "run", "--quiet", "--no-project", "--python", sys.executable, *requirements]
    command = [*run, "python", "-m", "nox", "--noxfile", str(noxfile), *sys.argv[1:]]
    # The header is satisfied, so nox need not install it again.
    os.execve(uv, command, os.environ | {"NOX_SCRIPT_MODE": "none"})  # noqa: S606 - uv, by its path


def ensure_uv(folder: Path = FOLDER) -> str:
    """Return the path of uv: the one on PATH, or one that pip installs into a folder, once.

    :raises SystemExit: pip cannot install it, with one line that says what to do.
    """
    if found := shutil.which("uv"):
        return found
    uv = folder / "bin" / "uv"
    if not uv.is_file():
        print(f"installing uv into {folder} (once)", file=sys.stderr, flush=True)
        # The first two settings would forbid --target, the third hides a warning.
        settings = {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore"}
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), "uv"]
        done = subprocess.run(command, env=os.environ | settings, check=False)
        if done.returncode or not uv.is_file():
            sys.exit("uv is not on PATH, and pip could not install it (see above); install uv and try again")
    return str(uv)
