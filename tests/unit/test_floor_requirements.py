"""What the requirements of a package decide: whether a provider is there at all, and nothing more."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.unit.floors import scanned
from trigger_compat.floor.scan.providers import Providers

PYPROJECT = """
    [project]
    name = "apache-airflow-providers-acme"
    version = "1.0"
    dependencies = [
        "apache-airflow>=2.11",
        "apache-airflow-providers-http>=1.2",
        "apache-airflow-providers-cncf-kubernetes",
        "apache-airflow-providers-ssh ; python_version >= '3.99'",
    ]
    """
REQUIRES = (
    "apache-airflow-providers-http>=1.2",
    "apache-airflow-providers-common-sql[pandas]>=1.32,<3",
    "apache-airflow-providers-ftp ; extra == 'ftp'",
    "not a requirement !",
)


def listed(root: Path, text: str) -> list[str]:
    """Return the reasons of what is listed in a module of the package."""
    (root / "pyproject.toml").write_text(dedent(PYPROJECT), encoding="utf-8")
    found = scanned(root, {"airflow/providers/acme/module.py": text})
    assert not [each for each in found.removals if each.category.value != "restated"]
    return [place.reason for place in found.undecided]


@pytest.mark.parametrize(
    "imported",
    [
        "import airflow.providers.http",
        "import airflow.providers.http as http",
        "from airflow.providers import http",
        "import airflow.providers.cncf.kubernetes",
        "from airflow.providers.cncf import kubernetes",
    ],
)
def test_the_package_of_a_required_provider_is_there(tmp_path: Path, imported: str) -> None:
    assert listed(tmp_path, f"try:\n    {imported}\nexcept ImportError:\n    http = None\n") == []


@pytest.mark.parametrize(
    ("imported", "reason"),
    [
        (
            "from airflow.providers.http import __version__",
            "apache-airflow-providers-http>=1.2 is required; whether every version from 1.2 on has this name",
        ),
        (
            "import airflow.providers.http.hooks",
            "apache-airflow-providers-http>=1.2 is required; whether every version from 1.2 on has this name",
        ),
        (
            "from airflow.providers.cncf.kubernetes.operators import pod",
            "apache-airflow-providers-cncf-kubernetes is required; whether every allowed version",
        ),
        (
            "import airflow.providers.ssh",
            'apache-airflow-providers-ssh is required only if python_version >= "3.99", so it may be missing',
        ),
        (
            "import airflow.providers.cncf",
            "no requirement of this package always brings the provider of airflow.providers.cncf, ",
        ),
        (
            "import airflow.providers.http2",
            "no requirement of this package always brings the provider of airflow.providers.http2, ",
        ),
        (
            "from airflow.providers.acme.other import thing",
            "airflow.providers.acme.other is part of this package, and what it imports itself may be missing",
        ),
    ],
)
def test_what_a_requirement_does_not_settle_is_listed(tmp_path: Path, imported: str, reason: str) -> None:
    [found] = listed(tmp_path, f"try:\n    {imported}\nexcept ImportError:\n    thing = None\n")
    assert found.startswith(reason)


def test_what_else_the_block_does_may_fail(tmp_path: Path) -> None:
    code = """
        try:
            import airflow.providers.http
            from airflow.providers.ftp.hooks import ftp
        except ImportError:
            ftp = None
        """
    [reason] = listed(tmp_path, code)
    assert "airflow.providers.ftp.hooks" in reason


def test_an_exception_for_a_missing_provider(tmp_path: Path) -> None:
    code = """
        try:
            from airflow.providers.http.hooks.http import HttpHook
        except ImportError as error:
            from airflow.exceptions import AirflowOptionalProviderFeatureException
            raise AirflowOptionalProviderFeatureException(error)
        """
    [reason] = listed(tmp_path, code)
    assert reason.startswith("apache-airflow-providers-http>=1.2 is required; ")


def test_a_spec_of_a_required_provider_is_found(tmp_path: Path) -> None:
    code = """
        from importlib.util import find_spec
        if find_spec("airflow.providers.http"):
            print(1)
        if find_spec("airflow.providers.ftp"):
            print(2)
        if find_spec("airflow.providers.http.hooks"):
            print(3)
        """
    reasons = listed(tmp_path, code)
    assert [("ftp" in each, "http.hooks" in each) for each in reasons] == [(True, False), (False, True)]


def test_requirements_of_a_wheel() -> None:
    providers = Providers("apache_airflow_providers_acme", REQUIRES)
    assert providers.brings("airflow.providers.common.sql")
    assert not providers.brings("airflow.providers.common")
    assert not providers.brings("airflow.providers.ftp")
    assert not providers.brings("airflow.sdk")
    assert 'only if extra == "ftp"' in providers.doubt("airflow.providers.ftp.hooks.ftp")
    assert "common-sql[pandas]<3,>=1.32 is required; whether every version from 1.32 on" in providers.doubt(
        "airflow.providers.common.sql.hooks"
    )
