"""An Airflow environment that lacks this package, and nothing else, as a webserver's may."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE: Final = "trigger_compat"
"""Part of all names that an installation leaves in `site-packages`: also of an editable one's `.pth` file."""


def without_package(python: Path, folder: Path) -> Path:
    """Make a copy of an environment in a new folder, out of links, that lacks this package.

    :param python: interpreter of the environment.
    :return: the interpreter of the copy.
    """
    environment = python.absolute().parent.parent
    [packages] = environment.glob("lib/python*/site-packages")
    copies = folder / packages.relative_to(environment)
    copies.mkdir(parents=True)
    for entry in packages.iterdir():
        if PACKAGE not in entry.name:
            copies.joinpath(entry.name).symlink_to(entry)
    shutil.copy(environment / "pyvenv.cfg", folder)
    # By this link, not by its target, the interpreter tells which environment it is that of.
    copy = folder / "bin" / python.name
    copy.parent.mkdir()
    copy.symlink_to(python.resolve())
    return copy
