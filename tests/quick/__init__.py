"""What an edit needs first: the unit tests and clauses of the changed modules, on the oldest and newest row.

The nox session ``quick`` imports it, so it needs nothing but Python.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
SUITE: Final = "src/trigger_compat/suite"
TOUCHED: Final[Mapping[str, Sequence[str]]] = {
    # What runs without an Airflow. Its unit tests say all that there is to say.
    "floor/*": (),
    "migrate/*": (),
    "dags/*": (),
    "matrix/*": (),
    "cli.py": (),
    "diffs.py": (),
    "output.py": (),
    "pages.py": (),
    "parsing.py": (),
    "markdown.py": (),
    # The operator and what it is made of.
    "__init__.py": ("test_constructor", "test_dispatch"),
    "__main__.py": (),
    "_airflow.py": ("test_dispatch", "test_trigger"),
    "accessor.py": ("test_accessor",),
    "aio.py": ("test_accessor",),
    "contract.py": ("test_request", "test_trigger", "test_wait"),
    "counting.py": ("test_many_waits",),
    "dispatch.py": ("test_dispatch",),
    "doctor.py": (),
    "errors.py": ("test_dispatch",),
    "events.py": ("test_wait", "test_durable"),
    "example_dags/*": ("test_constructor",),
    "exceptions.py": ("test_trigger", "test_wait"),
    "links.py": ("test_trigger",),
    "operator.py": ("test_constructor", "test_trigger", "test_wait"),
    "paths/*": ("test_trigger", "test_wait", "test_defer", "test_durable"),
    "polling.py": ("test_wait", "test_many_waits"),
    "provider_info.py": (),
    "ranges.py": ("test_dispatch",),
    "shared_poll.py": ("test_many_waits", "test_defer"),
    "task/attempt.py": ("test_durable", "test_trigger"),
    "task/calls.py": ("test_accessor",),
    "task/lineage.py": ("test_lineage",),
    "task/pins.py": ("test_durable",),
    "task/records.py": ("test_durable",),
    "task/request.py": ("test_request",),
    "task/resumption.py": ("test_durable",),
    "task/steps.py": ("test_wait", "test_accessor"),
    "task/wait.py": ("test_wait",),
    "task/wait_for_many.py": ("test_accessor", "test_many_waits"),
    "task/__init__.py": ("test_trigger",),
    "triggers.py": ("test_defer", "test_many_waits"),
    "values.py": ("test_request",),
    # The suite itself: a few tests of everything.
    "suite/harness/*": ("test_wait", "test_defer"),
    "suite/*": ("test_wait",),
}
"""For a module of the package the clause tests that are most likely to notice a fault in it."""


def clause_tests(changed: Iterable[str]) -> list[str]:
    """Return the test files to run on a row, in the order of the changed files.

    :param changed: paths from the root of the repository.
    """
    chosen: dict[str, None] = {}
    for path in changed:
        if path.startswith((f"{SUITE}/test_", "tests/integration/test_")):
            chosen[path] = None
        elif path.startswith("src/trigger_compat/") and path.endswith(".py"):
            module = path.removeprefix("src/trigger_compat/")
            pattern = next((each for each in TOUCHED if fnmatch.fnmatch(module, each)), None)
            chosen |= dict.fromkeys(f"{SUITE}/{name}.py" for name in TOUCHED.get(pattern or "", ()))
    return [path for path in chosen if (ROOT / path).exists()]


def unit_tests(changed: Iterable[str]) -> list[str]:
    """Return the unit tests that import or name a changed module, and those that changed themselves."""
    changed = list(changed)
    names = {Path(path).stem for path in changed if path.endswith(".py")}
    names |= {Path(path).parent.name for path in changed if path.endswith("__init__.py")}
    chosen = []
    for file in sorted((ROOT / "tests").glob("unit/test_*.py")) + sorted(
        (ROOT / "tests").glob("tools/test_*.py")
    ):
        path = file.relative_to(ROOT).as_posix()
        text = file.read_text(encoding="utf-8")
        if path in changed or any(name in _words_of_imports(text) for name in names):
            chosen.append(path)
    return chosen


def _words_of_imports(text: str) -> set[str]:
    """Return the words of the import statements of a module, and of the names after ``trigger_compat.``."""
    words: set[str] = set()
    for line in text.splitlines():
        if line.lstrip().startswith(("import ", "from ")) or "trigger_compat." in line:
            words |= set("".join(c if c.isalnum() or c == "_" else " " for c in line).split())
    return words
