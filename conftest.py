"""Load the plugin of the contract suite, but where the package is not installed: for e2e and ui tests."""

from __future__ import annotations

from importlib.util import find_spec

pytest_plugins = ["trigger_compat.suite.plugin"] if find_spec("trigger_compat") else []
