"""What the report makes of a scan: counts, policies, checks, and the forms it is shown in."""

from __future__ import annotations

import json
import re
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.unit.floors import scanned
from trigger_compat import matrix
from trigger_compat.errors import SourceError, UnknownFloor
from trigger_compat.floor.report import build, check, heatmap, policy_dates, render
from trigger_compat.floor.report.model import FloorReport
from trigger_compat.floor.scan import names, releases
from trigger_compat.floor.scan.model import Kind
from trigger_compat.floor.settings import Settings

TODAY = date(2026, 11, 22)
MATRIX = matrix.load()
KNOWN = policy_dates.first_releases(MATRIX)
POLICIES = {each.id: each for each in MATRIX.policies}
FILES = {
    "package/module.py": """
        from package.version_compat import AIRFLOW_V_2_10_PLUS, AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS

        if not AIRFLOW_V_2_10_PLUS:
            a = 0
        if AIRFLOW_V_3_0_PLUS:
            a = 1
        else:

            a = 2
        b = a if AIRFLOW_V_3_2_PLUS else 3
        """,
    "package/only_old.py": """
        '''Old.'''
        import os
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        if not AIRFLOW_V_3_0_PLUS:
            c = os
        """,
    "tests/test_module.py": """
        import pytest
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        @pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="old <b>")
        def test_old():
            assert True
        """,
    "pyproject.toml": """
        [project]
        name = "package"
        version = "1.0"
        dependencies = ["apache-airflow[x]>=2.11.0", "other"]
        """,
}


def built(root: Path, **options: object) -> FloorReport:
    return build.build(scanned(root, FILES), MATRIX, TODAY, **options)  # type: ignore[arg-type]


def test_floors_begin_with_the_declared_one_and_add_up(tmp_path: Path) -> None:
    found = built(tmp_path)
    lines = {floor.name: floor.counts[Kind.PACKAGE].lines for floor in found.floors}

    assert list(lines) == ["2.11", "3.0", "3.1", "3.2", "3.3", "3.4"]
    assert lines["2.11"] == 2, "what is left over"
    # Of module.py lines 3-4 (for 2.10), 5, 7 and 9; of only_old.py 3-5. Line 8 is blank.
    assert lines["3.0"] == lines["3.1"] == 8
    assert lines["3.2"] == 9, "the import of the flags now goes as a whole"
    assert found.floors[1].counts[Kind.TESTS].lines == 4
    assert found.floors[1].dead_files == ("package/only_old.py", "tests/test_module.py")
    assert found.floors[3].total.changed == 1


def test_what_is_below_the_declared_floor_is_left_over_and_fails_the_check(tmp_path: Path) -> None:
    found = built(tmp_path)

    assert [each.line for each in found.leftovers] == [1, 3]
    [flag, dead] = check.problems(found, None, Settings())
    assert (flag.file, flag.line) == ("package/module.py", 1)
    assert flag.message.startswith("left below the declared floor 2.11: AIRFLOW_V_2_10_PLUS")
    assert (dead.file, dead.line, dead.end) == ("package/module.py", 3, 4)
    assert dead.message.startswith("left below the declared floor 2.11: not AIRFLOW_V_2_10_PLUS")


def test_each_place_is_listed_at_one_floor(tmp_path: Path) -> None:
    found = built(tmp_path)
    listed = [each for floor in found.floors for each in found.removable_at(floor)]

    assert sorted([*listed, *found.leftovers]) == sorted(found.removals)


def test_the_policies_disagree_today() -> None:
    asked = {name: policy_dates.floor_asked_for(each, TODAY, KNOWN) for name, each in POLICIES.items()}

    assert asked == {
        "airflow-providers": (3, 2),
        "minimum-versions": (3, 1),
        "airflow-eol": (3, 0),
        "spec-0": (2, 11),
    }


@pytest.mark.parametrize(
    ("name", "minor", "day"),
    [
        # Upstream's own example: 3.1 after 20th of May 2026, because 2.11.0 was 2025-05-20.
        ("airflow-providers", (3, 1), date(2026, 5, 20)),
        ("airflow-providers", (3, 0), date(2026, 5, 20)),
        ("airflow-providers", (3, 2), date(2026, 9, 25)),
        ("minimum-versions", (3, 1), date(2026, 9, 25)),
        ("minimum-versions", (3, 4), None),
        ("spec-0", (3, 0), date(2027, 5, 20)),
        ("spec-0", (2, 11), date(2026, 8, 15)),
        ("airflow-providers", (3, 4), date(2027, 7, 6)),
        # Airflow 2 ended on that day, and upstream has set none for Airflow 3.
        ("airflow-eol", (3, 0), date(2026, 4, 22)),
        ("airflow-eol", (2, 11), date(2026, 4, 22)),
        ("airflow-eol", (3, 1), None),
        ("airflow-eol", (3, 4), None),
    ],
)
def test_a_policy_allows_a_floor_from_a_day_on(name: str, minor: tuple[int, int], day: date | None) -> None:
    assert policy_dates.earliest_day(POLICIES[name], minor, KNOWN) == day


def test_a_preview_is_never_asked_for() -> None:
    for name, each in POLICIES.items():
        newest = (3, 0) if name == "airflow-eol" else (3, 3)
        assert policy_dates.floor_asked_for(each, date(2040, 1, 1), KNOWN) == newest


def test_a_month_without_the_day_ends_earlier() -> None:
    assert policy_dates.add_months(date(2024, 2, 29), 12) == date(2025, 2, 28)
    assert policy_dates.add_months(date(2025, 10, 31), 4) == date(2026, 2, 28)
    assert policy_dates.add_months(date(2025, 12, 31), 12) == date(2026, 12, 31)


@pytest.mark.parametrize(
    ("text", "allow_older", "broken"),
    [
        ("spec-0", False, False),
        ("airflow-providers", False, True),
        ("airflow-providers", True, False),
        ("newest-at-least:24", False, True),
        ("newest-at-least:24", True, True),
    ],
)
def test_a_floor_may_be_overdue_or_too_early(
    tmp_path: Path, text: str, allow_older: bool, broken: bool
) -> None:
    chosen = policy_dates.choose(text, MATRIX.policies)
    found = built(tmp_path, policies=[chosen])
    problems = [
        each
        for each in check.problems(found, chosen, Settings(allow_older=allow_older))
        if each.rule == "policy"
    ]

    assert bool(problems) is broken


@pytest.mark.parametrize("text", ["", "drop-after", "drop-after:0", "drop:12", "airflow"])
def test_an_unknown_policy_is_refused(text: str) -> None:
    with pytest.raises(UnknownFloor, match=r"policy: .* is unknown; use airflow-providers, "):
        policy_dates.choose(text, MATRIX.policies)


@pytest.mark.parametrize("text", ["", "next", "2.12", "3.5", "1.10", "4.0", "3.x"])
def test_an_unknown_floor_is_refused(text: str) -> None:
    with pytest.raises(UnknownFloor, match=r"^floor: "):
        releases.parse_floor(text)


def test_json_says_everything(tmp_path: Path) -> None:
    data = json.loads(render.as_json(built(tmp_path)))

    assert data["source"]["declared_floor"] == "2.11.0"
    assert [floor["floor"] for floor in data["floors"]] == ["2.11", "3.0", "3.1", "3.2", "3.3", "3.4"]
    assert data["floors"][1]["releases_left_behind"] == ["2.11.0", "2.11.1", "2.11.2"]
    assert {each["file"] for each in data["findings"]} == set(FILES) - {"pyproject.toml"}


def test_markdown_has_tables_of_one_width(tmp_path: Path) -> None:
    text = render.as_markdown(built(tmp_path))
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]

    assert len(tables) == 2
    for lines in tables:
        assert len({line.count("|") for line in lines}) == 1
    assert "`package/module.py:7-9`" in text


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("href", "src")]
        if tag not in ("meta", "line", "rect", "path", "circle", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "rect", "path", "circle"):
            assert self.open.pop() == tag
        elif self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_is_whole_and_asks_for_nothing_else(tmp_path: Path) -> None:
    text = render.as_html(built(tmp_path, heat_map=heatmap.from_matrix(MATRIX)))
    page = _Page()
    page.feed(text)

    assert not page.open
    assert not page.links
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert not re.search(r"@import|url\(", text)
    assert "prefers-color-scheme: dark" in text
    assert 'name="viewport"' in text
    assert text.count('<svg viewBox="0 0 340') == 3
    assert 'reason="old <b>"' not in text, "code is escaped"


def test_the_heat_map_shows_each_deviation_of_the_default_path() -> None:
    found = heatmap.from_matrix(MATRIX)

    assert found.cells["W2", "3.0.6"][0] == "deviates"
    assert found.cells["W2", "2.11.2"] == ("kept", "")
    assert found.cells["W2", "3.3.2"] == ("kept", "")
    assert found.cells["D1", "3.1.3"][0] == "deviates"
    assert found.cells["D1", "3.1.5"] == ("kept", "")


def test_a_report_about_another_project_shows_no_heat_map_of_this_one(tmp_path: Path) -> None:
    assert built(tmp_path).heat_map is None
    assert "Clauses" not in render.as_html(built(tmp_path))

    own = {**FILES, "pyproject.toml": FILES["pyproject.toml"].replace('"package"', '"trigger-compat"')}
    assert build.build(scanned(tmp_path, own), MATRIX, TODAY).heat_map == heatmap.from_matrix(MATRIX)


@pytest.mark.parametrize("form", ["html", "json", "markdown", "table"])
def test_a_policy_is_quoted_with_its_caveat(tmp_path: Path, form: str) -> None:
    found = built(tmp_path)

    assert "not settled for Airflow 3" in render.FORMATS[form](found)
    [problem, *_] = check.problems(found, POLICIES["airflow-providers"], Settings())
    assert "overdue; written for Airflow 2" in problem.message


def test_a_drift_table_can_be_given(tmp_path: Path) -> None:
    file = tmp_path / "drift.json"
    cells = {
        "3.0.6": {"text": "FAIL: state is 'failed'", "passed": 1, "failed": 1, "deviates": 0},
        "3.3.2": {"text": "pass", "passed": 2, "failed": 0, "deviates": 0},
        "3.4.0b2": {"text": "-", "passed": 0, "failed": 0, "deviates": 0},
    }
    runs = [{"airflow": release, "operator": "its.Operator"} for release in cells]
    data = {"schema": 1, "runs": runs, "clauses": [{"clause": "W2", "test": "", "cells": cells}], "tests": []}
    file.write_text(json.dumps(data), encoding="utf-8")
    text = render.as_html(built(tmp_path, heat_map=heatmap.from_file(file)))

    assert "Clauses that its.Operator cannot keep" in text
    assert "W2 on 3.0.6: deviates. FAIL: state is &#x27;failed&#x27;" in text
    assert "W2 on 3.3.2: kept" in text
    assert "W2 on 3.4.0b2: not known" in text


@pytest.mark.parametrize("text", ["", "[]", '{"runs": []}', '{"runs": [], "clauses": [1]}'])
def test_a_wrong_drift_table_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "drift.json"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(SourceError, match="not a drift table"):
        heatmap.from_file(file)


def test_the_table_of_names_is_of_the_releases_of_the_matrix() -> None:
    rows = (*(row.airflow for row in MATRIX.history), *(row.airflow for row in MATRIX.releases))

    assert names.load().releases == rows, "see: nox -s names"


def test_the_table_of_names_knows_what_came_and_what_went() -> None:
    table = names.load()

    def first(module: str, name: str) -> str:
        return releases.floor_name(
            releases.first_without(~table.name(module, name).present & releases.ALL_RELEASES)
        )

    assert first("airflow.sdk", "ResumableJobMixin") == "3.3"
    assert first("airflow.sdk", "DAG") == "3.0"
    assert not table.name("airflow.datasets", "Dataset").present & releases.from_release((3, 2, 0))
    assert table.name("airflow.models", "BaseOperator").present & releases.from_release((2, 11, 0))


def test_runs_of_places_are_written_and_read() -> None:
    assert names.format_runs([3, 0, 1, 2, 7]) == "0-3,7"
    assert names.format_runs([]) == ""
