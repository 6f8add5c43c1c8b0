"""Settings for all unit tests: of hypothesis, and which of them run beside an Airflow."""

from __future__ import annotations

from importlib.util import find_spec

from hypothesis import settings

from tests.unit import fake_airflow

# A busy machine is slow, which says nothing about the code: no test asserts on time.
settings.register_profile("any-machine", deadline=None)
settings.load_profile("any-machine")
# A mutant that a few examples do not notice is for another test: each of thousands would try them all.
settings.register_profile("mutants", deadline=None, max_examples=10)

# The command line, its reports and the tools do not depend on the Airflow beside them: the unit session tests
# them.
if find_spec("airflow"):
    collect_ignore_glob = ["test_cli.py", "test_doctor_dags.py", "test_floor_*.py", "test_migrate.py"]
    collect_ignore_glob += ["test_quick.py", "test_soak.py", "test_faked_*.py"]
else:
    fake_airflow.install()
