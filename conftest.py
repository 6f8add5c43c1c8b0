"""Load the plugins of the suite and of a row, where the package is installed: not for e2e and ui tests."""

from __future__ import annotations

from importlib.util import find_spec

pytest_plugins = ["trigger_compat.suite.plugin", "tests.cell"] if find_spec("trigger_compat") else []
