"""Whether pyright knows the type of every public name of this package (``pyright --verifytypes``)."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from environments import FOLDER, ROOT, packages_of

if TYPE_CHECKING:
    import nox

# Packages of Airflow without an __init__.py. When pyright 1.1.414 verifies types (only then) it finds nothing
# below them, and so no base class of BaseOperator.
NAMESPACES: Final = (("_shared",), ("sdk", "_shared"))


def verify(session: nox.Session, python: Path) -> None:
    """Fail the session unless the score is 100 %, beside the Airflow of an interpreter."""
    overlay = FOLDER / f".pyright-{python.parents[1].name}"
    shutil.rmtree(overlay, ignore_errors=True)
    complete(packages_of(session, python) / "airflow", overlay / "airflow", NAMESPACES)
    environment = {
        "PATH": os.pathsep.join((str(python.parent), session.env.get("PATH") or os.environ["PATH"])),
        # Of a project that is installed editable it reads nothing.
        "PYTHONPATH": os.pathsep.join((str(overlay), str(ROOT / "src"))),
    }
    pyright = Path(session.bin) / "pyright"
    session.run(
        str(pyright),
        "--verifytypes",
        "trigger_compat",
        "--ignoreexternal",
        env=environment,
        external=True,
        silent=True,
    )


def complete(package: Path, mirror: Path, namespaces: Sequence[Sequence[str]]) -> None:
    """Mirror a package by links, with an __init__.py in the folders below it that have none."""
    mirror.mkdir(parents=True)
    if not (package / "__init__.py").exists():
        (mirror / "__init__.py").touch()
    for entry in package.iterdir():
        below = [path[1:] for path in namespaces if path and path[0] == entry.name]
        if below:
            complete(entry, mirror / entry.name, below)
        else:
            (mirror / entry.name).symlink_to(entry)
