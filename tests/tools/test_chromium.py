"""How the UI tests find their browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ui import chromium


def test_a_browser_is_found_by_its_usual_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "google-chrome"
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert chromium.find() == chromium.find(str(program)) == str(program)


@pytest.mark.parametrize("given", ["", "/nowhere/chromium"])
def test_no_browser_is_one_line_that_says_what_to_install(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FileNotFoundError) as raised:
        chromium.find(given)

    [line] = str(raised.value).splitlines()
    assert (given or "chromium") in line
    assert "apt-get install chromium" in line
