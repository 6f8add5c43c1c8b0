"""``nox -s mutants``: what is changed, how it is judged, what is reported, and that a later run goes on."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from tests.mutation import command, mutants, swap, tiers
from tests.mutation.mutants import Mutant, of_source
from tests.mutation.records import Explained, Verdicts, explained, summarise

SOURCE = """\
from enum import Enum
from typing import Final

FEW: Final = 2
Child = tuple[str, int]


class Kind(Enum):
    ONE = "one"


class Thing:
    size: int = 1

    @property
    def is_big(self) -> bool:
        self.log.info("big", limit=3)
        if self.size < 0:
            raise ValueError(f"{self.size - 4}")
        return self.size > 5

    def twice(self, factor: float = 2.5) -> float:
        return factor + factor
"""


@dataclass
class FakeTier:
    """A tier that notices what its list says."""

    name: str
    notices: set[str]
    blind: set[str] = field(default_factory=set)
    fingerprint: str = "1"
    asked: list[str] = field(default_factory=list)

    def reaches(self, mutant: Mutant) -> bool:
        return mutant.now not in self.blind

    def tests_of(self, mutant: Mutant) -> list[str]:
        return ["test"]

    def judge(self, mutant: Mutant, tests: list[str]) -> dict[str, Any]:
        self.asked.append(mutant.now)
        return {"verdict": "killed" if mutant.now in self.notices else "survived", "by": "test"}

    def close(self) -> None:
        pass


def mutant(now: str) -> Mutant:
    return Mutant(
        module="values.py", function="f", lines=(1, 1), was="a", now=now, number=1, source=now, around="def f"
    )


def changes(source: str = SOURCE) -> set[str]:
    return {each.now for each in of_source("thing.py", source)}


def test_properties_constants_and_defaults_are_changed() -> None:
    found = {each.now: each.function for each in of_source("thing.py", SOURCE)}
    assert found["return self.size >= 5"] == "Thing.is_big"
    assert found["return self.size > 6"] == "Thing.is_big"
    assert found["FEW: Final = 3"] == ""
    assert found["size: int = 2"] == ""
    assert found["def twice(self, factor: float = 3.5) -> float:"] == "", "a default is made on import"
    assert found["return factor - factor"] == "Thing.twice"


def test_nothing_is_changed_where_no_behaviour_is() -> None:
    silent = ('"one"', "Child", "log", "raise", "import")
    assert not {now for now in changes() if any(text in now for text in silent)}


def test_a_mutant_is_another_one_only_if_its_function_is() -> None:
    old = {each.name: each.id for each in of_source("thing.py", SOURCE)}
    new = {each.name: each.id for each in of_source("thing.py", SOURCE.replace("limit=3", "limit=4"))}
    assert old.keys() == new.keys()
    assert {name[1] for name in old if old[name] != new[name]} == {"Thing.is_big"}


def test_equal_changes_in_equal_lines_are_told_apart() -> None:
    source = "def f(a: int) -> int:\n    a = a + 1\n    a = a + 1\n    return a\n"
    numbers = [each.number for each in of_source("f.py", source) if each.now == "a = a - 1"]
    assert numbers == [1, 2]


def test_a_letter_of_several_bytes_moves_no_change() -> None:
    [found] = [now for now in changes('A = "é"; B = 1 < 2\n') if "<=" in now]
    assert found == 'A = "é"; B = 1 <= 2'


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / "swapped.py").write_text(
        "import functools\n"
        "class A:\n"
        "    @property\n    def a(self): return 1\n"
        "    @classmethod\n    def b(cls): return 1\n"
        "    @staticmethod\n    @functools.cache\n    def c(): return 1\n"
        "    def d(self): return super().__repr__()[:1]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import swapped  # type: ignore[import-not-found]

    yield swapped
    del sys.modules["swapped"]


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_a_function_is_swapped_wherever_it_is_referred_to(module: Any, name: str) -> None:
    thing = module.A()
    bound = getattr(module.A, name) if name != "a" else lambda: thing.a
    assert swap.swap(
        "swapped", f"A.{name}", Path(module.__file__).read_text().replace("return 1", "return 2")
    )
    assert bound() == 2


def test_a_function_with_other_outer_variables_is_not_swapped(module: Any) -> None:
    source = Path(module.__file__).read_text().replace("super().__repr__()[:1]", "1")
    assert not swap.swap("swapped", "A.d", source)
    assert module.A().d() == "<"


def test_what_no_tier_has_noticed_is_reported_and_fails(tmp_path: Path) -> None:
    found = [mutant("killed"), mutant("late"), mutant("alive")]
    both = [FakeTier("unit", {"killed"}), FakeTier("3.3.2", {"late"})]
    verdicts = Verdicts(tmp_path / "verdicts")

    command.judge(found, verdicts, both, time.monotonic() + 60)  # type: ignore[arg-type]

    assert both[1].asked == ["late", "alive"], "what the unit tests notice is not judged again"
    summary = summarise(found, verdicts, both, [])
    assert {name: [each.now for each in group] for name, group in summary.killed.items()} == {
        "unit": ["killed"],
        "3.3.2": ["late"],
    }
    assert [each.now for each in summary.survived] == ["alive"]
    assert not summary.passed
    assert "  was: a\n  now: alive" in command.report(found, summary, diffs=False)


def test_what_no_test_reaches_has_survived(tmp_path: Path) -> None:
    tier = FakeTier("unit", {"x"}, blind={"x"})
    assert summarise([mutant("x")], Verdicts(tmp_path / "none"), [tier], []).survived
    unknown = summarise([mutant("x")], Verdicts(tmp_path / "none"), [tier], [], complete=False)
    assert (unknown.survived, len(unknown.open)) == ([], 1), "a tier that was not measured may kill it"


def test_an_explained_survivor_passes_until_it_is_killed_or_gone(tmp_path: Path) -> None:
    found = [mutant("alive"), mutant("killed")]
    tier, verdicts = FakeTier("unit", {"killed"}), Verdicts(tmp_path / "verdicts")
    command.judge(found, verdicts, [tier], time.monotonic() + 60)  # type: ignore[list-item]

    def explain(*names: str) -> Any:
        return summarise(
            found, verdicts, [tier], [Explained(name=mutant(now).name, reason="x") for now in names]
        )

    assert explain("alive").passed
    assert explain("alive", "killed").stale == ["values.py f: a -> killed: is killed by unit; remove it"]
    assert explain("alive", "gone").stale == ["values.py f: a -> gone: there is no such mutant; remove it"]
    assert not explain("alive", "gone").passed
    other = Explained(name=replace(mutant("gone"), module="counting.py").name, reason="x")
    assert summarise(found, verdicts, [tier], [other]).stale == [], "--only judges one module"


def test_an_explanation_needs_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "mutants.yaml"
    file.write_text("- {module: values.py, function: f, was: a, now: b, reason: same}\n")
    assert explained(file) == [Explained(name=("values.py", "f", "a", "b", 1), reason="same")]
    file.write_text("- {module: values.py, function: f, was: a, now: b, reason: ''}\n")
    with pytest.raises(ValueError, match=r"mutants\.yaml: entry 1 has no reason; add it"):
        explained(file)


def test_a_later_run_goes_on_and_asks_survivors_again_once_tests_have_changed(tmp_path: Path) -> None:
    found = [mutant("a"), mutant("b"), mutant("c")]
    file, tier = tmp_path / "verdicts", FakeTier("unit", {"b"})
    command.judge(found[:2], Verdicts(file), [tier], time.monotonic() + 60)  # type: ignore[list-item]
    with file.open("a") as killed_while_it_wrote:
        killed_while_it_wrote.write('{"id": "')

    tier.asked.clear()
    command.judge(found, Verdicts(file), [tier], time.monotonic() + 60)  # type: ignore[list-item]
    assert tier.asked == ["c"]

    tier.asked.clear()
    tier.fingerprint = "2"
    found.append(mutant("d"))
    command.judge(found, Verdicts(file), [tier], time.monotonic() + 60)  # type: ignore[list-item]
    assert tier.asked == ["d", "a", "c"], "what was never judged comes first, what is killed stays so"


def test_a_run_ends_in_time(tmp_path: Path) -> None:
    tier = FakeTier("unit", set())
    command.judge([mutant("a")], Verdicts(tmp_path / "verdicts"), [tier], time.monotonic() - 1)  # type: ignore[list-item]
    assert tier.asked == []


TEST = "tests/unit/test_records.py::test_a_context_without_a_store_stays_as_it_is"


@pytest.fixture
def tier(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tiers.Tier]:
    """The unit tests of one module, as they judge for real."""
    monkeypatch.setattr(tiers, "RESULTS", tmp_path)
    tier = tiers.Tier(name="unit", python=Path(sys.executable), tests=("tests/unit/test_records.py",))
    tier.folder.mkdir()
    (tier.folder / "seconds.json").write_text(json.dumps({TEST: 0.0}))
    yield tier
    tier.close()


def of_records(was: str, now: str, function: str = "with_records") -> Mutant:
    source = (mutants.PACKAGE / "task" / "records.py").read_text(encoding="utf-8")
    assert was in source
    return replace(mutant(now), module="task/records.py", function=function, source=source.replace(was, now))


@pytest.mark.parametrize("function", ["with_records", ""])
def test_a_test_that_fails_kills_in_a_fork_or_in_an_interpreter_of_its_own(
    tier: tiers.Tier, function: str
) -> None:
    killed = of_records("if store is None", "if store is not None", function)
    assert tier.judge(killed, [TEST])["verdict"] == "killed"
    same = of_records("context if store is None", "context if None is store", function)
    assert tier.judge(same, [TEST])["verdict"] == "survived"


def test_a_test_that_hangs_is_ended_and_has_noticed(tier: tiers.Tier) -> None:
    tier.seconds[TEST] = -1.98  # a limit of a tenth of a second
    hangs = of_records("store = context.get(STORE)", "while True: pass")
    answer = tier.judge(hangs, [TEST])
    assert (answer["verdict"], answer["by"]) == ("hung", TEST)
    assert answer["seconds"] < 5


def test_a_mutant_that_ends_the_interpreter_is_noticed(tier: tiers.Tier) -> None:
    crashes = of_records("store = context.get(STORE)", "import os; os._exit(0)")
    assert tier.judge(crashes, [TEST])["verdict"] == "killed"


def test_a_test_that_fails_without_a_mutant_too_judges_nothing(
    tier: tiers.Tier, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "test_broken.py"
    file.write_text("def test_broken(): assert False\n")
    # Pytest names tests from the folder that this repository and the file share, if that is not the root.
    common = Path(os.path.commonpath([Path(__file__).parents[2], file]))
    broken = f"{file.relative_to(tmp_path if common == Path('/') else common)}::test_broken"
    tier.tests = (str(file),)
    tier.seconds.clear()
    tier.seconds[broken] = 0.0
    same = of_records("context if store is None", "context if None is store")
    assert tier.judge(same, [broken])["verdict"] == "survived"
    assert f"unit: {broken} fails without a mutant too" in capsys.readouterr().out
