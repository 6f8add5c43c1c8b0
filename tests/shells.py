"""The environment variables of somebody who has just opened a terminal."""

from __future__ import annotations

import os
from typing import Final

TOOLS: Final = ("AIRFLOW", "HARNESS_", "NOX", "PYTEST_", "TOX", "TRIGGER_COMPAT_", "UV_", "VIRTUAL_ENV")
"""What the names of variables begin with that the tools around a test set: nox exports UV_PYTHON, for one."""
MACHINE: Final = ("UV_CACHE_DIR", "UV_DEFAULT_INDEX", "UV_FIND_LINKS", "UV_INDEX", "UV_INDEX_URL")
"""Settings of the machine, which a newcomer has too: where packages come from."""


def newcomer() -> dict[str, str]:
    """Return the variables without those that the tools around a test set."""
    return {
        name: value
        for name, value in os.environ.items()
        if name in MACHINE or not (name.startswith(TOOLS) or name == "PYTHONPATH")
    }
