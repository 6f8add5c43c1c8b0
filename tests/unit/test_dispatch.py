"""Dispatch by release, with no Airflow but the one that is asked about."""

from __future__ import annotations

import itertools
import pathlib
import re
import warnings
from typing import Any

import pytest
from packaging.specifiers import SpecifierSet

from trigger_compat import dispatch, ranges
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
def test_p1_default_path(release: dispatch.AirflowVersion, path: str) -> None:
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
def test_p3_older_than_supported_is_refused(release: dispatch.AirflowVersion) -> None:
    with pytest.raises(UnsupportedAirflow, match=r"needs Airflow 2\.11 or newer, found"):
        default_path(release)
    with pytest.raises(UnsupportedAirflow):
        choose("accessor", defers=False, of=release)


@pytest.mark.parametrize("release", [(3, 5, 0), (4, 0, 1)])
def test_p3_newer_than_known_takes_the_newest_path_with_one_warning(release: dispatch.AirflowVersion) -> None:
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
    path: str, release: dispatch.AirflowVersion, monkeypatch: pytest.MonkeyPatch
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
        (
            "fastest",
            (3, 3, 2),
            "path: 'fastest' is not a known path; use one of airflow2, exception, accessor",
        ),
    ],
)
def test_p2_an_unfit_path_is_refused_with_the_reason(
    path: str, release: dispatch.AirflowVersion, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PathUnavailable, match=says):
        choose(path, defers=False, of=release)
    monkeypatch.setenv(FORCING_VARIABLE, path)
    with pytest.raises(PathUnavailable, match=says.replace("path: ", f"{FORCING_VARIABLE}: ", 1)):
        choose(None, defers=False, of=release)


def test_p2_users_know_the_variable_by_its_name() -> None:
    assert FORCING_VARIABLE == "TRIGGER_COMPAT_PATH"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"forced": None, "defers": False}, "the default on Airflow 3.3.2"),
        ({"forced": None, "defers": True}, "the task runner defers on Airflow 3.3.2"),
        ({"forced": None, "defers": True, "wrapped": True}, "other code of this task runs around execute()"),
        ({"forced": "accessor", "defers": True}, "forced by path=accessor"),
    ],
)
def test_p1_p2_the_log_gets_the_reason(arguments: dict[str, Any], reason: str) -> None:
    assert choose(**arguments, of=(3, 3, 2))[1] == reason


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
