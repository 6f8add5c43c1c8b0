"""Dispatch by release, with no Airflow but the one that is asked about."""

from __future__ import annotations

import ast
import itertools
import pathlib
import re
import subprocess
import sys
import warnings

import pytest
from packaging.specifiers import SpecifierSet

from trigger_compat import dispatch, errors, ranges
from trigger_compat.dispatch import FORCING_VARIABLE, choose, default_path, within
from trigger_compat.errors import PathUnavailable, UnsupportedAirflow

SRC = pathlib.Path(dispatch.__file__).parent
RANGE = re.compile(r'"((?:(?:>=|<|!=)\d[\d.]*(?:\.\*)?,?)+)"')
RANGES = {found for path in SRC.rglob("*.py") for found in RANGE.findall(path.read_text())}
RELEASES = list(itertools.product((2, 3, 4), (*range(6), 10, 11, 12), (0, 1, 4, 5, 9)))


@pytest.fixture(autouse=True)
def _nothing_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FORCING_VARIABLE, raising=False)
    dispatch.default_path.cache_clear()


@pytest.mark.parametrize(
    ("release", "path"),
    [
        ((2, 11, 0), "airflow2"),
        ((2, 11, 9), "airflow2"),
        ((3, 0, 0), "exception"),
        ((3, 2, 9), "exception"),
        ((3, 3, 0), "accessor"),
        ((3, 4, 0), "accessor"),
    ],
)
def test_p1_default_path(release: dispatch.Release, path: str) -> None:
    assert default_path(release) == path
    assert choose(None, defers=False, of=release)[0] == path


def test_p1_a_deferral_is_the_runners_on_every_3x() -> None:
    assert choose(None, defers=True, of=(3, 3, 2))[0] == "exception"
    assert choose(None, defers=True, of=(3, 0, 6))[0] == "exception"
    assert choose(None, defers=True, of=(2, 11, 2))[0] == "airflow2"
    assert choose("accessor", defers=True, of=(3, 3, 2))[0] == "accessor"


@pytest.mark.parametrize("defers", [False, True])
def test_c7_code_around_execute_is_never_left_by_an_exception(defers: bool) -> None:
    for release in ((3, 0, 0), (3, 1, 8), (3, 2, 2), (3, 3, 2)):
        assert choose(None, defers=defers, wrapped=True, of=release)[0] == "accessor"
    assert choose(None, defers=defers, wrapped=True, of=(2, 11, 2))[0] == "airflow2"
    assert choose("exception", defers=defers, wrapped=True, of=(3, 1, 8))[0] == "exception"


@pytest.mark.parametrize("release", [(2, 10, 5), (2, 9, 0), (1, 10, 15)])
def test_p3_older_than_supported_is_refused(release: dispatch.Release) -> None:
    with pytest.raises(UnsupportedAirflow, match=r"needs Airflow 2\.11 or newer, found"):
        default_path(release)
    with pytest.raises(UnsupportedAirflow):
        choose("accessor", defers=False, of=release)


@pytest.mark.parametrize("release", [(3, 5, 0), (4, 0, 1)])
def test_p3_newer_than_known_takes_the_newest_path_with_one_warning(release: dispatch.Release) -> None:
    with pytest.warns(UserWarning, match=r"knows Airflow up to 3\.4, found") as caught:
        assert default_path(release) == "accessor"
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert default_path(release) == "accessor"


@pytest.mark.parametrize(
    ("path", "release"),
    [("accessor", (3, 0, 0)), ("accessor", (3, 2, 2)), ("exception", (3, 3, 2)), ("airflow2", (2, 11, 0))],
)
def test_p2_a_path_is_forced_where_it_can_be_carried(
    path: str, release: dispatch.Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose(path, defers=False, of=release)[0] == path
    monkeypatch.setenv(FORCING_VARIABLE, path)
    assert choose(None, defers=False, of=release)[0] == path


def test_p2_the_argument_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FORCING_VARIABLE, "exception")
    assert choose("accessor", defers=False, of=(3, 2, 2))[0] == "accessor"


@pytest.mark.parametrize(
    ("path", "release", "says"),
    [
        ("accessor", (2, 11, 2), r"path: 'accessor' needs Airflow >=3\.0, found 2\.11\.2"),
        ("exception", (2, 11, 2), r"path: 'exception' needs Airflow >=3\.0, found 2\.11\.2"),
        ("airflow2", (3, 0, 0), r"path: 'airflow2' needs Airflow >=2\.11,<3, found 3\.0\.0"),
        ("fastest", (3, 3, 2), "path: 'fastest' is no path; use one of airflow2, exception, accessor"),
    ],
)
def test_p2_an_unfit_path_is_refused_with_the_reason(
    path: str, release: dispatch.Release, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PathUnavailable, match=says):
        choose(path, defers=False, of=release)
    monkeypatch.setenv(FORCING_VARIABLE, path)
    with pytest.raises(PathUnavailable, match=says.replace("path: ", f"{FORCING_VARIABLE}: ", 1)):
        choose(None, defers=False, of=release)


def test_ranges_are_inclusive_of_pre_releases() -> None:
    assert within(">=3.3", (3, 4, 0))
    assert not within("!=3.0.*,!=3.1.*", (3, 1, 8))
    assert within("!=3.0.*,!=3.1.*", (2, 11, 2))


@pytest.mark.parametrize("specifier", sorted(RANGES))
def test_ranges_mean_what_pep_440_says(specifier: str) -> None:
    for release in RELEASES:
        expected = SpecifierSet(specifier).contains(dispatch.text(release))
        assert ranges.contains(specifier, release) is expected, release


@pytest.mark.parametrize(
    "specifier", ["==3.0", "<=3.0", "!=3.0", "~=3.0", ">3", "3.0", ">=3.0.*", ">=3.0, <4"]
)
def test_a_range_of_another_form_is_no_range(specifier: str) -> None:
    with pytest.raises(ValueError, match=r"[34]"):
        ranges.contains(specifier, (3, 0, 0))


def test_importing_the_package_imports_no_airflow() -> None:
    code = (
        "import sys, trigger_compat, trigger_compat.contract, trigger_compat.dispatch,"
        " trigger_compat.provider_info, trigger_compat.wait, trigger_compat.paths;"
        " sys.exit(sorted(m for m in sys.modules if m.split('.')[0] in ('airflow', 'sqlalchemy')).__repr__()"
        " if any(m.split('.')[0] in ('airflow', 'sqlalchemy') for m in sys.modules) else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def _modules() -> list[tuple[pathlib.Path, ast.Module]]:
    return [(path, ast.parse(path.read_text())) for path in sorted(SRC.rglob("*.py"))]


def _imported(tree: ast.Module) -> set[str]:
    """Return the top-level packages a module imports at any depth."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_the_contract_knows_no_airflow() -> None:
    pure = {"contract.py", "values.py", "wait.py", "errors.py", "provider_info.py", "matrix/checks.py"}
    for path, tree in _modules():
        name = path.relative_to(SRC).as_posix()
        if name in pure or name.startswith("matrix/"):
            assert "airflow" not in _imported(tree), path
            pure.discard(name)
    assert not pure


def test_versions_are_compared_in_dispatch_only() -> None:
    """``packaging`` and ``airflow.__version__`` are what one compares versions with."""
    for path, tree in _modules():
        # The others sort rows, the floor report reads other projects: none of them runs an Airflow.
        if path.name in ("dispatch.py", "drift.py") or path.parts[len(SRC.parts)] in ("floor", "matrix"):
            continue
        assert "packaging" not in _imported(tree), path
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        theirs = (n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module != "trigger_compat")
        names |= {name.name for node in theirs for name in node.names}
        if path.parent != SRC or path.name != "__init__.py":
            assert not names & {"__version__", "version_info"}, path


def test_sizes_promised() -> None:
    assert len((SRC / "dispatch.py").read_text().splitlines()) < 100
    for path in (SRC / "paths").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 250, path


def test_the_paths_have_the_same_functions_in_the_same_order() -> None:
    """Read as text, since no Airflow can import all of them."""
    protocol = ast.parse((SRC / "paths" / "__init__.py").read_text())
    methods = next(node for node in protocol.body if isinstance(node, ast.ClassDef) and node.name == "Path")
    wanted = [node.name for node in methods.body if isinstance(node, ast.FunctionDef)]
    for row in dispatch.PATHS:
        tree = ast.parse((SRC / "paths" / f"{row.name}.py").read_text())
        defined = []
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                defined.append(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                defined.append(node.target.id)
        assert [name for name in defined if name.islower()] == wanted, row.name


def test_exit_codes_are_unique() -> None:
    family = [
        member
        for member in vars(errors).values()
        if isinstance(member, type) and issubclass(member, errors.TriggerCompatError)
    ]
    assert len({member.exit_code for member in family}) == len(family) >= 6
