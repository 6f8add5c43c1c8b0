"""The Airflow and the paths of the contract suite, for tests of how this package is made."""

from __future__ import annotations

from trigger_compat.suite.conftest import airflow, path, pytest_generate_tests, pytest_unconfigure, stack

__all__ = ("airflow", "path", "pytest_generate_tests", "pytest_unconfigure", "stack")
