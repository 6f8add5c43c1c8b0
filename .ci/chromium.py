"""The browser of the UI tests: the system's, because a downloaded one would need its libraries anyway."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Final

NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find(given: str | None = None, names: Sequence[str] = NAMES) -> str:
    """Return the path of a Chromium.

    :param given: the one to take, a path or a name on PATH; None looks for the usual names.
    :raises SystemExit: there is none, with one line that says what to do.
    """
    wanted = [given] if given else names
    for name in wanted:
        if found := shutil.which(name):
            return found
    raise SystemExit(
        f"no browser: {' or '.join(wanted)} is not on PATH; install one (apt-get install chromium) or name it"
        " (--chromium PATH)"
    )
