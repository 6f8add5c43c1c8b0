"""What a newcomer's shell does not have."""

from __future__ import annotations

import pytest

from tests import shells


@pytest.mark.parametrize(
    "name", ["UV_PYTHON", "UV_EXCLUDE_NEWER", "VIRTUAL_ENV", "NOX_CURRENT_SESSION", "AIRFLOW_HOME"]
)
def test_settings_of_the_tools_around_a_test_are_left_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With UV_PYTHON, which nox exports, uv would install into the environment of the session."""
    monkeypatch.setenv(name, "set")

    assert name not in shells.newcomer()


def test_settings_of_the_machine_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", "/cache")

    assert shells.newcomer()["UV_CACHE_DIR"] == "/cache"
    assert "PATH" in shells.newcomer()
