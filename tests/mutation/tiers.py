"""What judges mutants: the unit tests, then one release of each path, with the tests that run a line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from coverage import CoverageData

from tests.mutation import reach
from tests.mutation.mutants import RESULTS, ROOT, Mutant
from tests.mutation.processes import Cold, JudgeError, Server

UNIT: Final = "unit"
_OF_TOOLS: Final = (
    *("architecture", "cli", "doctor_*", "drift", "floor_*", "matrix", "migrate", "mutation"),
    *("quick", "scale", "soak"),
)
UNIT_TESTS: Final = (
    *("tests/unit", "--hypothesis-profile=mutants"),
    *(f"--ignore-glob=*/tests/unit/test_{name}.py" for name in _OF_TOOLS),
)
ROW_TESTS: Final = ("src/trigger_compat/suite", "--ignore=src/trigger_compat/suite/test_completeness.py")
_SETTINGS: Final = """\
[run]
parallel = true
relative_files = true
source = src/trigger_compat
omit = */trigger_compat/suite/*, */trigger_compat/floor/*, */trigger_compat/matrix/*
patch = _exit, fork
disable_warnings = no-data-collected, module-not-measured
"""
CHEAP: Final = 0.2
"""Seconds of a test that judges what runs on import, whatever else it runs."""


SLOW: Final = 3.0
"""Seconds of a test that judges only where no faster one runs the line."""


@dataclass(kw_only=True, eq=False)
class Tier:
    """Tests on one interpreter.

    :param name: ``unit``, or the Airflow release.
    :param python: the interpreter.
    :param tests: pytest's arguments that collect the tests.
    """

    name: str
    python: Path
    tests: Sequence[str]
    kills: defaultdict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    broken: set[str] = field(default_factory=set)
    _server: Server | None = None
    _cold: Cold | None = None

    @property
    def folder(self) -> Path:
        return RESULTS / self.name

    @property
    def is_measured(self) -> bool:
        return (self.folder / "data").is_file() and (self.folder / "seconds.json").is_file()

    @cached_property
    def fingerprint(self) -> str:
        """What changes with the tests, so that survivors are judged again."""
        folders = ("tests/unit",) if self.name == UNIT else ("src/trigger_compat/suite",)
        found = hashlib.sha256()
        for file in sorted(file for folder in folders for file in (ROOT / folder).rglob("*.py")):
            found.update(file.read_bytes())
        return found.hexdigest()[:12]

    def measure(self) -> None:
        """Run all tests under coverage once, for the lines that each runs and the time it takes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for old in self.folder.glob("data*"):
            old.unlink()
        settings = self.folder / "coveragerc"
        settings.write_text(_SETTINGS, encoding="utf-8")
        environment = self.environment({"COVERAGE_FILE": str(self.folder / "data")})
        environment[reach.DURATIONS] = str(self.folder / "seconds.json")
        environment["PYTHONPATH"] += f"{os.pathsep}{RESULTS / 'coverage'}"
        measuring = [str(self.python), "-m", "coverage"]
        pytest = ["-m", "pytest", "-p", "tests.mutation.reach", "-p", "no:cacheprovider", "-q", *self.tests]
        with (self.folder / "measure.log").open("w") as log:
            run = [*measuring, "run", f"--rcfile={settings}", *pytest]
            code = subprocess.run(
                run, cwd=ROOT, env=environment, stdout=log, stderr=log, check=False
            ).returncode
            if code > 1:  # failed tests are left out, and judge nothing
                raise JudgeError(f"{self.name}: the tests could not be measured, see {log.name}")
            combine = [*measuring, "combine", "--quiet", f"--rcfile={settings}"]
            subprocess.run(combine, cwd=ROOT, env=environment, stdout=log, stderr=log, check=True)

    def environment(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of tests that run this tree, and leave nothing in it."""
        return {
            **os.environ,
            "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "AIRFLOW_HOME": str(self.folder / "home"),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder / "hypothesis"),
            **more,
        }

    @cached_property
    def seconds(self) -> dict[str, float]:
        """What each test takes that passes."""
        found = json.loads((self.folder / "seconds.json").read_text(encoding="utf-8"))
        return {test: seconds for test, seconds in found.items() if seconds >= 0}

    @cached_property
    def _reached(self) -> dict[str, dict[int, frozenset[str]]]:
        data = CoverageData(str(self.folder / "data"))
        data.read()
        files = {}
        for file in data.measured_files():
            lines = data.contexts_by_lineno(file)
            name = file.partition("trigger_compat/")[2]
            files[name] = {line: frozenset(tests) & self.seconds.keys() for line, tests in lines.items()}
        return files

    def tests_of(self, mutant: Mutant) -> list[str]:
        """Return the tests that run the mutated lines, those first that kill much, then the cheapest.

        Lines that run on import are reached by no test more than by another: these have as few tests as run
        all of the module, and all the cheap ones.
        """
        tests = self._tests(mutant.module, mutant.lines if mutant.function else None)
        place = mutant.module, mutant.function
        tests = [test for test in tests if test not in self.broken]
        tests = [test for test in tests if self.seconds[test] <= SLOW] or tests
        return sorted(tests, key=lambda test: (-self.kills[place][test], self.seconds[test], test))

    def reaches(self, mutant: Mutant) -> bool:
        """Return whether any test runs the mutated lines."""
        return bool(self._tests(mutant.module, mutant.lines if mutant.function else None))

    @cache  # noqa: B019 - a tier lives as long as its process
    def _tests(self, module: str, span: tuple[int, int] | None) -> Collection[str]:
        lines = self._reached.get(module, {})
        if span is None:
            reached = frozenset[str]().union(*lines.values())
            return {*self._cover(lines), *(test for test in reached if self.seconds[test] < CHEAP)}
        return frozenset[str]().union(*(tests for line, tests in lines.items() if span[0] <= line <= span[1]))

    @property
    def warm_up(self) -> str:
        """A cheap test that sets up an Airflow, because it runs a task; empty if there is none."""
        tests = frozenset[str]().union(*self._reached.get("task/attempt.py", {}).values())
        return min(tests, key=lambda test: (self.seconds[test], test), default="")

    def _cover(self, lines: Mapping[int, frozenset[str]]) -> list[str]:
        """Return tests that run all lines that any test runs, chosen greedily."""
        runs: dict[str, set[int]] = {}
        for line, tests in lines.items():
            for test in tests:
                runs.setdefault(test, set()).add(line)
        chosen: list[str] = []
        left = set().union(*runs.values()) if runs else set()
        while left:
            best = max(runs, key=lambda test: (len(runs[test] & left), -self.seconds[test], test))
            chosen.append(best)
            left -= runs[best]
        return chosen

    def judge(self, mutant: Mutant, tests: Sequence[str]) -> dict[str, Any]:
        """Return the verdict: killed, hung or survived, and by what.

        A test that fails without the mutant too judges nothing.
        """
        answer = {"verdict": "cold"}
        if mutant.function:
            job = {"dotted": mutant.dotted, "function": mutant.function, "source": mutant.source}
            answer = self._warm().ask({**job, "limits": self._limits(tests)})
            if answer.get("by") in tests and not self._passes(answer["by"]):
                return self.judge(mutant, [test for test in tests if test != answer["by"]])
        if answer["verdict"] == "cold":
            answer = self._judge_cold(mutant, tests, 60 + 20 * sum(self.seconds[test] for test in tests))
        if answer["verdict"] != "survived":
            self.kills[mutant.module, mutant.function][answer["by"]] += 1
        return answer

    def _limits(self, tests: Iterable[str]) -> dict[str, float]:
        """Return after how many seconds each test counts as hanging."""
        return {test: 10 + 5 * self.seconds[test] for test in tests}

    @cache  # noqa: B019 - see above
    def _passes(self, test: str) -> bool:
        """Return whether a test passes on this tier without any mutant."""
        nothing = {"dotted": "", "function": "", "source": "", "limits": self._limits([test])}
        passed: bool = self._warm().ask(nothing)["verdict"] == "survived"
        if not passed:
            self.broken.add(test)
            print(f"{self.name}: {test} fails without a mutant too, and judges nothing", flush=True)
        return passed

    def _warm(self) -> Server:
        if self._server is None:
            self._server = Server(self)
        return self._server

    def _judge_cold(self, mutant: Mutant, tests: Sequence[str], limit: float) -> dict[str, Any]:
        """Judge with imports of its own: first by few tests that run all of the module, then by the rest."""
        few = set(self._cover(self._reached.get(mutant.module, {})))
        for some in ([test for test in tests if test in few], [test for test in tests if test not in few]):
            if not some:
                continue
            self._check_cold(tuple(some), limit)
            if code := self._in_cold(mutant.dotted, mutant.source, some, limit):
                return {"verdict": "killed" if code > 0 else "hung", "by": "cold"}
        return {"verdict": "survived", "by": "cold"}

    @cache  # noqa: B019 - see above
    def _check_cold(self, tests: tuple[str, ...], limit: float) -> None:
        if self._in_cold("", "", tests, limit) != 0:
            raise JudgeError(f"{self.name}: tests fail without a mutant too, see {self.folder / 'cold.log'}")

    def _in_cold(self, dotted: str, source: str, tests: Sequence[str], limit: float) -> int:
        """Return pytest's exit code, a negative number if it took too long."""
        if self._cold is None:
            self._cold = Cold(self)
        job = {"dotted": dotted, "source": source, "limit": limit, "log": str(self.folder / "cold.log")}
        return self._cold.ask({**job, "arguments": [*self.tests[1:], *tests]})

    def close(self) -> None:
        if self._server:
            self._server.close()
        if self._cold:
            self._cold.close()
        self._server = self._cold = None
