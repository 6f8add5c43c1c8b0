"""Prove that the wheel is all it takes: ``python tests/installed.py AIRFLOW``, where it is installed."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

NAME = "trigger-compat"


def unmet() -> list[str]:
    """Return what the package needs, extras aside, and is not here."""
    needs = [Requirement(each) for each in metadata.requires(NAME) or []]
    found = []
    for need in needs:
        if need.marker is None or need.marker.evaluate({"extra": ""}):
            version = metadata.version(need.name)
            if not need.specifier.contains(version, prereleases=True):
                found.append(f"{need} (found {version})")
    return found


def main(airflow: str) -> None:
    """Exit with one line if something of the package is missing, or comes from elsewhere."""
    import trigger_compat
    from trigger_compat import TriggerDagRunOperator, matrix, provider_info

    here = Path(sys.prefix).resolve()
    providers = {each.value for each in metadata.entry_points(group="apache_airflow_provider")}
    commands = {each.value for each in metadata.entry_points(group="console_scripts")}
    checks: tuple[tuple[str, object, object], ...] = (
        ("Airflow", metadata.version("apache-airflow"), airflow),
        ("the package's folder", here in Path(trigger_compat.__file__).resolve().parents, True),
        ("the matrix's folder", here in matrix.find().resolve().parents, True),
        ("the version", metadata.version(NAME), trigger_compat.__version__),
        ("what is needed besides", unmet(), []),
        ("the row's path", matrix.load().release(airflow).airflow, airflow),
        ("the operator", TriggerDagRunOperator(task_id="t", trigger_dag_id="d").trigger_dag_id, "d"),
        ("the provider's entry point", "trigger_compat.provider_info:get_provider_info" in providers, True),
        ("the provider's name", provider_info.get_provider_info()["package-name"], NAME),
        ("the command", "trigger_compat.cli:main" in commands, True),
        ("the type marker", Path(trigger_compat.__file__).with_name("py.typed").is_file(), True),
    )
    for what, found, wanted in checks:
        if found != wanted:
            sys.exit(f"the wheel is not enough for Airflow {airflow}: {what} is {found!r}, not {wanted!r}")
    print(f"Airflow {airflow}: {NAME} {trigger_compat.__version__} from the wheel alone")


if __name__ == "__main__":
    main(*sys.argv[1:])
