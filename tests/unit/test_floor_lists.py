"""Long lists of what is left: by file, and without losing a line."""

from __future__ import annotations

import re

from trigger_compat.floor.raise_command import _lines
from trigger_compat.floor.report.render.wording import by_file
from trigger_compat.floor.rewrite.change import Left
from trigger_compat.floor.scan.mentions import LOOKS_LIKE


def test_no_place_of_a_raise_gets_lost() -> None:
    left = [Left("a.py", line, f"not decided: x: {line} {LOOKS_LIKE}") for line in range(1, 8)]
    left += [Left("b.md", line, f"names an older Airflow: {line}") for line in (4, 9)]
    left += [Left("a.py", 20 + line, "not decided: y: asks") for line in range(5)]
    left += [Left("c.py", 0, "cannot be read")]
    lines = list(_lines(left))
    assert f"a.py: 4 more, at 4, 5, 6, 7: {LOOKS_LIKE}" in lines
    assert "c.py: cannot be read" in lines
    assert len(lines) == 3 + 1 + 2 + 5 + 1
    listed = {(line.partition(":")[0], number) for line in lines for number in re.findall(r"\d+", line)}
    assert {(place.file, str(place.line)) for place in left if place.line} <= listed


def test_places_by_file() -> None:
    places = [("b.py", 3), *(("a.py", line) for line in (9, 1, 2, 3, 4, 5))]
    assert by_file(places) == [("a.py", "6 at 1, 2, 3, 4, 5, ..."), ("b.py", "1 at 3")]
