"""The browser of the UI tests: the system's, because a downloaded one would need its libraries anyway."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find(program: str = "", names: Sequence[str] = NAMES) -> str:
    """Return the path of a Chromium.

    :param program: its path, or its name on PATH; by default one of the usual names is looked for.
    :raises FileNotFoundError: there is none; the message is one line that says what to do.
    """
    wanted = [program] if program else names
    for name in wanted:
        if found := shutil.which(name):
            return found
    raise FileNotFoundError(
        f"no browser: {' or '.join(wanted)} is not on PATH; install one (apt-get install chromium) or name it"
        " (--chromium PATH)"
    )
