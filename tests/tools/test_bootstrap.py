"""How ``python3 noxfile.py`` finds uv, and what its header installs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tools import bootstrap

ROOT = Path(__file__).parents[2]


def test_the_header_lists_what_the_group_lists() -> None:
    """Of the noxfile; the session of types installs the group, to check the same modules."""
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 or newer reads TOML")
    header = (ROOT / "noxfile.py").read_text(encoding="utf-8").partition("# ///\n")[0]
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    group = [need for need in pyproject["dependency-groups"]["runner"] if isinstance(need, str)]
    needs = {"uv", *group, *pyproject["project"]["optional-dependencies"]["matrix"]}

    listed = re.findall(r'"([\w-]+)[^"]*"', header.partition("dependencies = ")[2])
    assert sorted(listed) == sorted(re.split(r"[^\w-]", need)[0] for need in needs)


def test_uv_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "uv").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert bootstrap.ensure_uv(tmp_path / "elsewhere") == str(tmp_path / "uv")


def test_uv_that_cannot_be_installed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1))

    with pytest.raises(
        SystemExit, match=r"uv is not on PATH, and pip could not install it .*; install uv"
    ) as raised:
        bootstrap.ensure_uv(tmp_path / "folder")
    assert "\n" not in str(raised.value)
