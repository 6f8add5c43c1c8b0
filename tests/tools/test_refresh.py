"""What a refresh of the matrix takes from the index: rows, and their place in the file."""

from __future__ import annotations

import copy
import http.server
import json
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tools import ToolError, refresh
from tools.generated import OF_RELEASES
from trigger_compat import matrix
from trigger_compat.errors import MatrixError
from trigger_compat.matrix import Release

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / matrix.FILE_NAME).read_text(encoding="utf-8")
KNOWN = matrix.load()
# PyPI's answer of 2026-11-22, without the releases before 2.10.5, most pre-releases, and what is not read.
RECORDED = json.loads((Path(__file__).parent / "data" / "apache-airflow.json").read_text(encoding="utf-8"))
PINNED = {pin.airflow for pin in KNOWN.pins}
LATE = "2.11.1"
"""The one release that resolves later than two days after it came out; a comment in the matrix says why."""


def index_with(*versions: str, day: str = "2026-12-01", python: str = "!=3.15,>=3.11", **others: Any) -> Any:
    """Return the recorded answer with releases that it does not have."""
    file = RECORDED["releases"]["3.4.0b2"][0] | {"requires_python": python} | others
    later = file | {"upload_time_iso_8601": "2027-01-01T00:00:00.000001Z"}
    first = file | {"upload_time_iso_8601": f"{day}T23:59:59.999999Z"}
    return RECORDED | {"releases": RECORDED["releases"] | {each: [later, first] for each in versions}}


def planned(index: Any) -> refresh.Plan:
    return refresh.plan(KNOWN, refresh.uploads(index))


def edited(index: Any) -> str:
    return refresh.edit(TEXT, KNOWN, planned(index))


def without(row: Release) -> str:
    """Return the matrix before a release came out: the newest older one of its minor stood for it."""
    lines = TEXT.splitlines()
    lines.remove(matrix.as_yaml_row(row))
    before = [each for each in KNOWN.releases if each.minor == row.minor and each != row]
    if row.default and before:
        lines[lines.index(matrix.as_yaml_row(before[-1]))] = matrix.as_yaml_row(
            replace(before[-1], default=True)
        )
    return "".join(f"{line}\n" for line in lines)


@contextmanager
def served(answer: bytes, status: int = 200) -> Iterator[str]:
    """Serve one answer, as an index would."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/json"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in (matrix.FILE_NAME, *(file for file, _ in OF_RELEASES)):
        shutil.copy(ROOT / name, tmp_path / name)
    # The days of the policies get old, and these tests must not.
    (tmp_path / matrix.FILE_NAME).write_text(read_on(date.max), encoding="utf-8")
    return tmp_path


def read_on(day: date) -> str:
    """Return the matrix with ends of life that were read on a day."""
    return re.sub(r"read: \d{4}-\d{2}-\d{2}", f"read: {day}", TEXT)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_every_row_of_the_matrix_is_what_a_refresh_makes_of_the_index() -> None:
    found = {str(upload.version): upload for upload in refresh.uploads(RECORDED)}

    for row in KNOWN.releases:
        made = refresh.row_of(found[row.airflow], default=row.default)
        assert row == (replace(made, resolve=row.resolve) if row.airflow == LATE else made)


def test_the_recorded_index_has_nothing_that_the_matrix_lacks() -> None:
    todo = planned(RECORDED)

    assert not todo
    assert (todo.add, todo.drop, todo.yanked) == ((), (), {})


@pytest.mark.parametrize(
    "row",
    # A pin is for a row that is there.
    [row for row in KNOWN.releases[1:] if row.airflow not in {LATE, *PINNED}],
    ids=lambda row: str(row.airflow),
)
def test_a_row_that_is_missing_comes_back_where_it_was(row: Release) -> None:
    before = without(row)
    known = matrix.parse(before)
    todo = refresh.plan(known, refresh.uploads(RECORDED))

    result = refresh.edit(before, known, todo)
    assert todo.add == (row,)
    assert matrix.parse(result) == KNOWN
    assert sorted(result.splitlines()) == sorted(TEXT.splitlines())
    if row.airflow not in {
        "3.0.4",
        "3.4.0b2",
    }:  # there a comment is above the row, which stays with the next one
        assert result == TEXT


def test_a_new_patch_stands_for_its_minor() -> None:
    rows = {row.airflow: row for row in matrix.parse(edited(index_with("3.3.3"))).releases}

    assert rows["3.3.3"] == Release(
        airflow="3.3.3",
        released=date(2026, 12, 1),
        resolve=date(2026, 12, 3),
        pythons=("3.11", "3.12", "3.13", "3.14"),
        path="accessor",
        default=True,
        preview=False,
    )
    assert not rows["3.3.2"].default
    assert list(rows)[-3:] == ["3.3.2", "3.3.3", "3.4.0b2"]


def test_several_patches_are_added_in_order_and_the_last_is_the_default() -> None:
    rows = matrix.parse(edited(index_with("3.2.10", "3.2.9"))).releases

    found = [(row.airflow, row.default) for row in rows if row.minor == "3.2"]
    assert found == [("3.2.0", False), ("3.2.1", False), ("3.2.2", False), ("3.2.9", False), ("3.2.10", True)]


def test_a_new_minor_is_added_at_the_end() -> None:
    todo = planned(index_with("3.4.0", "3.5.0"))

    assert [(row.airflow, row.default, row.preview) for row in todo.add] == [
        ("3.4.0", True, False),
        ("3.5.0", True, False),
    ]
    assert "because 3.5 is new" in refresh.next_steps(KNOWN, todo)
    assert "NEWEST_KNOWN" not in refresh.next_steps(KNOWN, planned(index_with("3.4.0")))


@pytest.mark.parametrize("newer", ["3.4.0b3", "3.4.0rc1", "3.4.0"])
def test_a_preview_gives_its_place_to_the_next_and_to_the_final_release(newer: str) -> None:
    result = edited(index_with(newer))

    assert [row.airflow for row in matrix.parse(result).releases if row.minor == "3.4"] == [newer]
    # The comment above the row stays there.
    assert re.search(rf'# 3.4 needs Python 3.11 or newer\.\n  - {{airflow: "{re.escape(newer)}"', result)


@pytest.mark.parametrize(
    "ignored",
    [
        pytest.param(index_with("3.3.3rc1"), id="pre-release of a released minor"),
        pytest.param(index_with("3.4.0b1.post1"), id="pre-release before the one in the matrix"),
        pytest.param(index_with("3.3.3", yanked=True, yanked_reason="oops"), id="yanked"),
        pytest.param(index_with("2.10.6"), id="before the oldest row"),
        pytest.param(RECORDED | {"releases": RECORDED["releases"] | {"3.3.3": []}}, id="without files"),
        pytest.param(index_with("3.1.4"), id="excluded"),
    ],
)
def test_what_does_not_belong_into_the_matrix_is_left_out(ignored: Any) -> None:
    assert not planned(ignored).add


def test_a_file_that_was_yanked_alone_yanks_no_release() -> None:
    index = index_with("3.3.3")
    index["releases"]["3.3.3"][0]["yanked"] = True

    assert [row.airflow for row in planned(index).add] == ["3.3.3"]


def test_a_row_that_was_yanked_since_is_named() -> None:
    todo = planned(index_with("3.3.1", yanked=True, yanked_reason="loses data"))

    assert todo
    assert refresh.headline(todo) == "Airflow 3.3.1 was yanked (loses data): move it to excluded"


def test_a_release_for_none_of_the_pythons_is_refused() -> None:
    with pytest.raises(
        ToolError, match=r"Airflow 3\.5\.0 needs Python >=3\.15, none of 3\.10, .*extend schema"
    ):
        planned(index_with("3.5.0", python=">=3.15"))


@pytest.mark.parametrize(
    ("python", "wanted"),
    [
        ("<3.14,>=3.10", ("3.10", "3.11", "3.12", "3.13")),
        ("!=3.13,>=3.9", ("3.10", "3.11", "3.12")),
        ("!=3.13,!=3.14,>=3.10", ("3.10", "3.11", "3.12")),
        ("!=3.15,>=3.12", ("3.12", "3.13", "3.14")),
        (">=3.14", ("3.14",)),
    ],
)
def test_a_python_that_is_left_out_ends_those_that_a_release_has(
    python: str, wanted: tuple[str, ...]
) -> None:
    [row] = planned(index_with("3.4.0", python=python)).add

    assert row.pythons == wanted


def test_a_pin_of_a_preview_that_is_replaced_stops_the_refresh(checkout: Path) -> None:
    file = checkout / matrix.FILE_NAME
    pin = '\n  - {airflow: "3.4.0b2", requirement: "structlog<26", reason: "x"}\n'
    file.write_text(TEXT.replace("\npins:\n", f"\npins:{pin}"), encoding="utf-8")
    before = contents(checkout)

    answer = json.dumps(index_with("3.4.0b3")).encode()
    with served(answer) as url, pytest.raises(MatrixError, match=r"pins\[0\] \(3\.4\.0b2\): .*has no row"):
        refresh.refresh(checkout, url, force=True)
    assert contents(checkout) == before


def test_a_refresh_prints_first_and_writes_when_forced(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = contents(checkout)
    with served(json.dumps(index_with("3.3.3")).encode()) as url:
        refresh.refresh(checkout, url)
        printed = capsys.readouterr().out
        assert contents(checkout) == before
        with pytest.raises(ToolError, match="lacks releases"):
            refresh.refresh(checkout, url, check=True)
        refresh.refresh(checkout, url, force=True)
        refresh.refresh(checkout, url, check=True)

    assert printed.startswith("compat-matrix.yaml lacks Airflow 3.3.3\n")
    assert '\n+  - {airflow: "3.3.3", released: 2026-12-01, ' in printed
    after = contents(checkout)
    assert set(after) == set(before)
    known = matrix.parse(after[matrix.FILE_NAME])
    for (file, _), block in OF_RELEASES.items():
        assert f":begin -->\n{block(known)}\n" in after[file] or f":begin\n{block(known)}\n" in after[file]
    assert "airflow-3.3.3" in after["pyproject.toml"]


def test_the_question_is_the_same_each_time_and_goes_with_its_reason(checkout: Path) -> None:
    question = checkout / "question.md"
    with served(json.dumps(index_with("3.5.0b1")).encode()) as url:
        refresh.refresh(checkout, url, report_to=question)
        first = question.read_text(encoding="utf-8")
        refresh.refresh(checkout, url, report_to=question)
        assert question.read_text(encoding="utf-8") == first
        refresh.refresh(checkout, url, force=True, report_to=question)
        refresh.refresh(checkout, url, report_to=question)

    assert first.startswith("compat-matrix.yaml lacks Airflow 3.5.0b1.\n\n```diff\n")
    assert "- [ ] `dispatch.NEWEST_KNOWN`, because 3.5 is new" in first
    assert not question.exists()


def test_an_end_of_life_that_was_read_long_ago_is_a_question(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = checkout / "question.md"
    (checkout / matrix.FILE_NAME).write_text(read_on(date(2020, 1, 1)), encoding="utf-8")
    with served(json.dumps(RECORDED).encode()) as url:
        refresh.refresh(checkout, url, check=True, report_to=question)

    [headline, old] = capsys.readouterr().out.splitlines()
    assert headline == "compat-matrix.yaml has every release that is on PyPI"
    assert re.fullmatch(
        r"The policy airflow-eol: its days were read \d+ days ago, on 2020-01-01: look .*", old
    )
    assert question.read_text(encoding="utf-8") == f"{headline}.\n\n{old}\n"


@pytest.mark.parametrize("name", [file for file, _ in OF_RELEASES])
def test_a_file_without_its_marks_is_named(checkout: Path, name: str) -> None:
    (checkout / name).write_text("nothing\n", encoding="utf-8")

    with pytest.raises(ToolError, match=rf"{re.escape(name)}: not one line .* restore them"):
        refresh.texts(checkout, planned(index_with("3.3.3")))


def test_a_row_in_another_form_is_named() -> None:
    text = TEXT.replace('{airflow: "3.3.2", released', '{ airflow: "3.3.2", released')

    with pytest.raises(
        ToolError, match=r"compat-matrix\.yaml: 3\.3\.2 has no line .*; write it that way first"
    ):
        refresh.edit(text, matrix.parse(text), planned(index_with("3.3.3")))


def _changed(change: Callable[[Any], object]) -> Any:
    index = copy.deepcopy(RECORDED)
    for file in index["releases"]["3.3.2"]:
        change(file)
    return index


@pytest.mark.parametrize(
    "index",
    [
        pytest.param([], id="a list"),
        pytest.param({"message": "Not Found"}, id="without releases"),
        pytest.param({"releases": {"3.3.2": {"no": "files"}}}, id="files that are no list"),
        pytest.param({"releases": {"no version": RECORDED["releases"]["3.3.2"]}}, id="no version"),
        pytest.param(_changed(lambda file: file.pop("upload_time_iso_8601")), id="no time"),
        pytest.param(_changed(lambda file: file.update(upload_time_iso_8601="0")), id="bad time"),
        pytest.param(_changed(lambda file: file.update(requires_python="3+")), id="bad range"),
    ],
)
def test_an_answer_of_another_shape_is_one_line(index: Any) -> None:
    with pytest.raises(ToolError) as caught:
        refresh.uploads(index)

    assert str(caught.value).startswith("the answer does not have the form of PyPI's JSON API (")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (b"", 503, "HTTP Error 503"),
        (b"<html>", 200, "does not answer with JSON"),
        (b"\xff\xfe", 200, "with JSON"),
    ],
)
def test_an_index_that_does_not_answer_is_one_line(answer: bytes, status: int, message: str) -> None:
    with served(answer, status) as url, pytest.raises(ToolError, match=message) as caught:
        refresh.fetch(url)

    assert "\n" not in str(caught.value)


def test_an_index_that_is_not_there_is_one_line() -> None:
    with served(b"") as url:
        gone = url
    with pytest.raises(ToolError, match=r"/json does not answer: .*refused.*; check the network"):
        refresh.fetch(gone)
    with pytest.raises(ToolError, match=r"--url file:///etc/hosts: not an address"):
        refresh.fetch("file:///etc/hosts")


def test_the_newest_are_a_final_release_and_a_preview_after_it() -> None:
    def names(index: Any) -> list[str]:
        return [str(upload.version) for upload in refresh.newest(refresh.uploads(index))]

    assert names(RECORDED) == ["3.3.2", "3.4.0b2"]
    assert names(index_with("3.3.3rc1")) == ["3.3.2", "3.4.0b2"]
    assert names(index_with("3.4.0")) == ["3.4.0"]
    assert names(index_with("3.4.0rc1", yanked=True)) == ["3.3.2", "3.4.0b2"]
    with pytest.raises(ToolError, match="no final release"):
        names({"releases": {"3.4.0b2": RECORDED["releases"]["3.4.0b2"]}})


def test_the_newest_are_tested_with_the_dependencies_of_today() -> None:
    with served(json.dumps(RECORDED).encode()) as url:
        rows = refresh.newest_rows(url)
        [chosen] = refresh.newest_rows(url, ["3.4.0b1"])
        with pytest.raises(
            ToolError, match=r"--airflow 9\.9: not on the index; the newest are 3\.3\.2 and 3\.4"
        ):
            refresh.newest_rows(url, ["9.9"])

    assert [(row.airflow, row.path) for row in rows] == [("3.3.2", "accessor"), ("3.4.0b2", "accessor")]
    assert chosen.airflow == "3.4.0b1"
    assert all(row.resolve - max(row.released for row in rows) > timedelta(days=2) for row in rows)
