"""Which code the scanner says is dead, from which floor on, and what it leaves undecided."""

from __future__ import annotations

from pathlib import Path
from pkgutil import iter_modules

import pytest

from tests.unit.floors import RELEASES, brief, found, scanned, table
from trigger_compat.floor.scan import rules
from trigger_compat.floor.scan.model import Category
from trigger_compat.floor.scan.releases import from_release

CASES: dict[str, tuple[str, list[str]]] = {
    "if and else": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        if AIRFLOW_V_3_0_PLUS:
            a = 1
        else:
            a = 2
        """,
        ["2 constant 3.0", "4-5 dead 3.0"],
    ),
    "an else block that begins with a similar word": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        if AIRFLOW_V_3_0_PLUS:
            a = 1
        else:
            elsewhere = 2
        """,
        ["2 constant 3.0", "4-5 dead 3.0"],
    ),
    "negated": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        if not AIRFLOW_V_3_0_PLUS:
            a = 1
        else:
            a = 2
        """,
        ["2-3 dead 3.0", "4 constant 3.0"],
    ),
    "no else": (
        """
        from package.version_compat import AIRFLOW_V_3_1_3_PLUS
        if AIRFLOW_V_3_1_3_PLUS:
            a = 1
        """,
        ["2 constant 3.1.3"],
    ),
    "alias": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS as NEW
        if not NEW:
            a = 1
        """,
        ["2-3 dead 3.0"],
    ),
    "attribute of a module": (
        """
        from package import version_compat
        if not version_compat.AIRFLOW_V_3_0_PLUS:
            a = 1
        """,
        ["2-3 dead 3.0"],
    ),
    "elif": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS
        if AIRFLOW_V_3_2_PLUS:
            a = 1
        elif AIRFLOW_V_3_0_PLUS:
            a = 2
        else:
            a = 3
        """,
        ["2 constant 3.2", "4 constant 3.0", "4-7 dead 3.2", "6-7 dead 3.0"],
    ),
    "and with something else": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def f(x):
            if x and AIRFLOW_V_3_0_PLUS:
                a = 1
        """,
        ["3 ~constant 3.0"],
    ),
    "and with a flag that turns false": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def f(x):
            if x and not AIRFLOW_V_3_0_PLUS:
                a = 1
        """,
        ["3-4 dead 3.0"],
    ),
    "or with a flag that turns true": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def f(x):
            if x or AIRFLOW_V_3_0_PLUS:
                a = 1
            else:
                a = 2
        """,
        ["3 constant 3.0", "5-6 dead 3.0"],
    ),
    "between two releases": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_2_PLUS
        if AIRFLOW_V_3_0_PLUS and not AIRFLOW_V_3_2_PLUS:
            a = 1
        """,
        ["2-3 dead 3.2", "2 ~constant 3.0"],
    ),
    "early return": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def f():
            if AIRFLOW_V_3_0_PLUS:
                return 1
            a = 2
            return a
        """,
        ["3 constant 3.0", "5-6 dead 3.0"],
    ),
    "early raise": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def f():
            if not AIRFLOW_V_3_0_PLUS:
                raise RuntimeError
            return 1
        """,
        ["3-4 dead 3.0"],
    ),
    "conditional expression": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        a = (
            1
            if AIRFLOW_V_3_0_PLUS
            else 2
        )
        """,
        ["4 ~constant 3.0", "5 ~dead 3.0"],
    ),
    "class body and decorator": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        class A:
            if not AIRFLOW_V_3_0_PLUS:
                def f(self): ...
            @decorate(new=AIRFLOW_V_3_0_PLUS)
            def g(self): ...
        """,
        ["3-4 dead 3.0", "5 ~constant 3.0"],
    ),
    "while and match": (
        """
        from packaging.version import Version
        from airflow import __version__
        while Version(__version__) < Version("3.0.0"):
            a = 1
        match Version(__version__).major:
            case 2:
                a = 2
            case _:
                a = 3
        """,
        ["3-4 dead 3.0", "6-7 dead 3.0"],
    ),
    "comparison by packaging": (
        """
        import airflow
        from packaging import version
        OLD = version.parse(version.parse(airflow.__version__).base_version) < version.parse("2.11.1")
        if OLD:
            a = 1
        """,
        ["4-5 dead 2.11.1"],
    ),
    "comparison by tuples": (
        """
        from airflow.version import version
        RELEASE = tuple(int(x) for x in version.split(".")[:2])
        if RELEASE >= (3, 1):
            a = 1
        else:
            a = 2
        """,
        ["3 constant 3.1", "5-6 dead 3.1"],
    ),
    "helper function": (
        """
        def get_base_airflow_version_tuple():
            from airflow import __version__
            from packaging.version import Version
            found = Version(__version__)
            return found.major, found.minor, found.micro
        IS_NEW = get_base_airflow_version_tuple() >= (3, 0, 0)
        if not IS_NEW:
            a = 1
        """,
        ["7-8 dead 3.0"],
    ),
    "a flag of two assignments": (
        """
        try:
            from airflow.sdk import New
            HAS = True
        except ImportError:
            HAS = False
        if not HAS:
            a = 1
        """,
        ["1 constant 3.0", "4-5 dead 3.0", "6-7 dead 3.0"],
    ),
    "fallback import": (
        """
        try:
            from airflow.sdk import Newer
        except ImportError:
            from airflow.old import Old as Newer
        """,
        ["1 constant 3.2", "3-4 dead 3.2"],
    ),
    "import that will fail": (
        """
        try:
            from airflow.old import Old
        except (ImportError, AttributeError):
            from airflow.sdk import New as Old
        """,
        ["2 dead 3.0"],
    ),
    "fallback for want of a module": (
        """
        try:
            from airflow.sdk import Newer
        except ModuleNotFoundError:
            Newer = None
        """,
        ["1 constant 3.0", "3-4 dead 3.0"],
    ),
    "suppressed import": (
        """
        from contextlib import suppress
        with suppress(ImportError):
            from airflow.sdk import New
        """,
        ["2 constant 3.0"],
    ),
    "type checking does not matter": (
        """
        from typing import TYPE_CHECKING
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        if TYPE_CHECKING:
            if AIRFLOW_V_3_0_PLUS:
                import a
            else:
                import b
        """,
        ["4 constant 3.0", "6-7 dead 3.0"],
    ),
    "skipped tests": (
        """
        import pytest
        from tests_common.test_utils.version_compat import AIRFLOW_V_3_0_PLUS
        old = pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="old")
        @old
        def test_old(): ...
        @pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="new")
        def test_new(): ...
        @pytest.mark.parametrize("x", [
            1,
            pytest.param(2, marks=pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="old")),
        ])
        def test_some(x): ...
        """,
        ["3 ~constant 3.0", "4-5 dead 3.0", "6 constant 3.0", "10 dead 3.0"],
    ),
    "a module of skipped tests": (
        """
        import pytest
        from tests_common.test_utils.version_compat import AIRFLOW_V_3_0_PLUS
        pytestmark = [pytest.mark.db_test, pytest.mark.skipif(AIRFLOW_V_3_0_PLUS, reason="old")]
        class TestOld:
            def test_it(self): ...
        """,
        ["3 ~constant 3.0", "4-5 dead 3.0"],
    ),
    "lazy map": (
        """
        _MAP = {
            "New": ("airflow.sdk", "airflow.old"),
            "Thing": ("airflow.sdk", "airflow.old", "Old"),
        }
        def __getattr__(name): ...
        """,
        ["2 ~dead 3.0"],
    ),
    "a lazy map whose rows are taken apart": (
        """
        _MAP = {"New": ("airflow.sdk", "airflow.old")}
        def __getattr__(name):
            row = _MAP[name]
            new, old = row
        """,
        [],
    ),
    "a lazy map whose rows are indexed": (
        """
        _MAP = {"New": ("airflow.sdk", "airflow.old")}
        def __getattr__(name):
            return _MAP[name][-1]
        """,
        [],
    ),
    "a lazy map in a loop": (
        """
        _MAP = {"New": ("airflow.sdk", "airflow.old")}
        OTHER = {"New": ("airflow.sdk", "airflow.old")}
        for name, (new, old) in _MAP.items(): ...
        for name, places in OTHER.items(): ...
        def __getattr__(name): ...
        """,
        ["2 ~dead 3.0"],
    ),
    "a local name hides the flag": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def f(AIRFLOW_V_3_0_PLUS):
            if AIRFLOW_V_3_0_PLUS:
                a = 1
        """,
        [],
    ),
    "not about Airflow": (
        """
        import sys
        DEBUG = False
        if sys.version_info >= (3, 10):
            a = 1
        if DEBUG:
            b = 1
        if False:
            c = 1
        """,
        [],
    ),
    "a finally and a loop": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def f(items):
            for item in items:
                if AIRFLOW_V_3_0_PLUS:
                    continue
                a = 1
            return 2
        """,
        ["4 constant 3.0", "6 dead 3.0"],
    ),
    "a suppressing block does not end a function": (
        """
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def f():
            with suppress(KeyError):
                if AIRFLOW_V_3_0_PLUS:
                    return g()
            return 2
        """,
        ["4 constant 3.0"],
    ),
}


STRUCTURE = {"definitions", "exits"}
"""They bind names and follow the flow. The rules that they call decide."""


@pytest.mark.parametrize("name", sorted({module.name for module in iter_modules(rules.__path__)} - STRUCTURE))
def test_each_rule_shows_code_before_and_after(name: str) -> None:
    text = (Path(rules.__path__[0]) / f"{name}.py").read_text(encoding="utf-8")

    assert "    Before: " in text
    assert text.count("    Before: ") == text.count("    After ")


@pytest.mark.parametrize(("text", "wanted"), CASES.values(), ids=CASES.keys())
def test_what_dies_and_when(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert sorted(found(tmp_path, text)) == sorted(wanted)


def test_a_definition_in_the_source_counts_more_than_a_name(tmp_path: Path) -> None:
    files = {
        "package/compat.py": """
            from packaging.version import Version
            from airflow import __version__
            AIRFLOW_V_3_0_PLUS = Version(__version__) >= Version("3.2.0")
            """,
        "package/user.py": """
            from .compat import AIRFLOW_V_3_0_PLUS
            if not AIRFLOW_V_3_0_PLUS:
                a = 1
            """,
    }

    findings = [each for each in scanned(tmp_path, files).removals if each.category is Category.DEAD]
    assert [brief(each) for each in findings] == ["2-3 dead 3.2"]


def test_a_flag_goes_with_its_definition_import_and_export(tmp_path: Path) -> None:
    files = {
        "package/version_compat.py": """
            def get_base_airflow_version_tuple():
                from airflow import __version__
                from packaging.version import Version
                v = Version(__version__)
                return v.major, v.minor, v.micro
            AIRFLOW_V_3_0_PLUS: bool = get_base_airflow_version_tuple() >= (3, 0, 0)
            __all__ = [
                "AIRFLOW_V_3_0_PLUS",
            ]
            """,
        "package/user.py": """
            from package.version_compat import (
                AIRFLOW_V_3_0_PLUS,
                OTHER,
            )
            """,
    }
    by_file: dict[str, list[str]] = {}
    for each in scanned(tmp_path, files).removals:
        by_file.setdefault(each.file, []).append(brief(each))

    assert by_file["package/version_compat.py"] == ["1-5 follows 3.0", "6 flag 3.0", "8 flag 3.0"]
    assert by_file["package/user.py"] == ["2 flag 3.0"]


def test_what_only_dead_code_uses_follows_it(tmp_path: Path) -> None:
    text = """
        import os
        import sys
        from package.version_compat import AIRFLOW_V_3_0_PLUS
        def _old():
            return os.name
        def public():
            if not AIRFLOW_V_3_0_PLUS:
                import json
                return _old(), json
            return sys.path
        """
    follows = [brief(each) for each in scanned(tmp_path, text).removals if each.category is Category.FOLLOWS]

    assert follows == ["1 follows 3.0", "4-5 follows 3.0"]


def test_a_helper_that_another_file_uses_stays(tmp_path: Path) -> None:
    files = {
        "package/module.py": """
            from package.version_compat import AIRFLOW_V_3_0_PLUS
            def _old(): ...
            if not AIRFLOW_V_3_0_PLUS:
                _old()
            """,
        "package/other.py": "from package.module import _old\n_old()\n",
    }

    assert not [each for each in scanned(tmp_path, files).removals if each.category is Category.FOLLOWS]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "try:\n    from airflow.providers.x import y\nexcept ImportError:\n    y = None\n",
            "no requirement of this package",
        ),
        (
            "try:\n    from airflow.sdk import Nope\nexcept ImportError:\n    Nope = 1\n",
            "no known release has",
        ),
        (
            "try:\n    from airflow.gone import Nope\nexcept ImportError:\n    Nope = 1\n",
            "no known release has",
        ),
        ("from airflow.sdk import New\nif hasattr(New, 'x'):\n    a = 1\n", "asks the running Airflow"),
        (
            "import inspect\nfrom airflow.sdk import New\nb = inspect.signature(New)\n",
            "asks the running Airflow",
        ),
        ("from airflow import __version__\nif __version__ > limit():\n    a = 1\n", "does not know"),
        (
            "try:\n    import boto3\n    from airflow.sdk import New\nexcept ImportError:\n    New = 1\n",
            "boto3 is not part of Airflow",
        ),
        (
            "try:\n    from airflow.sdk import New\n    New.set_up()\nexcept ImportError:\n    New = 1\n",
            "other code in the same try",
        ),
    ],
)
def test_what_is_not_known_is_listed_and_not_guessed(tmp_path: Path, text: str, reason: str) -> None:
    result = scanned(tmp_path, text)

    assert not [each for each in result.removals if each.category is Category.DEAD]
    assert [reason in each.reason for each in result.undecided] == [True]


def test_a_module_that_cannot_be_imported_somewhere_decides_nothing_there(tmp_path: Path) -> None:
    text = "try:\n    from airflow.broken import thing\nexcept ImportError:\n    thing = 1\n"

    assert found(tmp_path, text) == ["1 constant 2.11.2", "3-4 dead 2.11.2"]


@pytest.mark.parametrize(
    ("comment", "wanted"),
    [
        (
            "# TODO: remove this if block when min_airflow_version is set to higher than 2.7.1",
            "1-3 announced 2.7.2",
        ),
        ("# todo: remove when min airflow version >= 3.0", "1-3 announced 3.0"),
        ("# Remove it when Airflow 3.2.0 is the minimum version", "1-3 announced 3.2"),
        ("# TODO: Remove this once providers depend on Airflow 3.1", "1-3 announced 3.1"),
        ("# todo: remove backcompat when min airflow version greater than 2.11", "1-3 announced 3.0"),
        ("# The following should be removed when Airflow 2 support is dropped.", "1-3 announced 3.0"),
        ("# TODO: Remove after Airflow 2 support is removed", "1-3 announced 3.0"),
        ("# TODO: drop with Airflow 2: remove Airflow 2 support", "1-3 announced 3.0"),
        ("# Should be removed when we drop support for Airflow 3.0", "1-3 announced 3.1"),
        ("# Remove this once we stop supporting Airflow 2.x", "1-3 announced 3.0"),
        ("# remove after min version is 3 (Airflow)", "1-3 announced 3.0"),
        ("# Airflow: delete this once we only support 3+", "1-3 announced 3.0"),
        ("# Can go, remove it when the minimum Airflow version is 3", "1-3 announced 3.0"),
        ("# TODO: drop once we no longer support Airflow 2", "1-3 announced 3.0"),
        ("# remove when Airflow 2 reaches EOL", "1-3 announced 3.0"),
        ("# Airflow 2 is removed from the list", None),
        ("# Added in Airflow 2.10, remove when you like", None),
        ("# The minimum Airflow version is 2.10", None),
    ],
)
def test_a_comment_that_says_when_code_goes_is_reported_as_such(
    tmp_path: Path, comment: str, wanted: str | None
) -> None:
    text = f"{comment}\nif soft_fail:\n    raise KeyError\n"

    assert found(tmp_path, text) == ([wanted] if wanted else [])


def test_a_comment_that_opens_a_handler_is_about_all_of_it(tmp_path: Path) -> None:
    text = """
        try:
            from other.package import thing
        except ImportError:
            # Remove this when the minimum Airflow version is 3.0
            import old
            thing = old.thing
        """

    assert found(tmp_path, text) == ["3-6 announced 3.0"]


@pytest.mark.parametrize(
    ("comment", "goes"),
    [("# Airflow 2 has no such name", True), ("# Before 3.0 it was elsewhere", True), ("# The name", False)],
)
def test_a_comment_about_dead_code_goes_with_it(tmp_path: Path, comment: str, goes: bool) -> None:
    text = f"""
        from flags import AIRFLOW_V_3_0_PLUS

        # Of Airflow 3, and not right above it

        {comment}
        if not AIRFLOW_V_3_0_PLUS:
            name = None
        name = 1
        """
    removals = scanned(tmp_path, text).removals

    follows = [(each.line, each.end) for each in removals if each.reason.startswith("it explains")]
    assert follows == ([(5, 5)] if goes else [])
    assert [(each.line, each.end) for each in removals if each.category is Category.DEAD] == [(6, 7)]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("method", ["2-6 announced 3.0"]), ("class", []), ("", [])],
    ids=["it says what goes", "something else goes", "it does not say"],
)
def test_a_docstring_says_when_its_function_goes(tmp_path: Path, kind: str, wanted: list[str]) -> None:
    text = f"""
        class Handler:
            def read(self):
                \"""Read the log.

                todo: when min airflow version >= 3.0, remove this {kind}
                \"""
        """

    assert found(tmp_path, text) == wanted


def test_releases_that_were_not_out_decide_nothing() -> None:
    """On that day the newest was 3.1.0; nobody knew that later ones have other names."""
    then = table().of(RELEASES[: RELEASES.index("3.2.0")])

    assert then.name("airflow.sdk", "Newer") == then.module("airflow.nowhere")
    assert then.name("airflow.sdk", "New") == table().name("airflow.sdk", "New")
    assert not table().of(RELEASES[:4]).knows("airflow.sdk")
    assert not table().of(()).knows("airflow.everywhere")


def test_what_the_newest_known_release_has_is_taken_to_stay() -> None:
    there = table().of(RELEASES[:4]).module("airflow.old")

    assert (there.present & from_release((3, 0, 0)), there.absent) == (from_release((3, 0, 0)), 0)
    assert not table().module("airflow.old").present & from_release((3, 0, 0))


def test_a_package_that_checks_its_own_floor_is_not_dead_code(tmp_path: Path) -> None:
    files = {
        "package/__init__.py": """
            from packaging.version import Version
            from airflow import __version__
            if Version(__version__) < Version("2.11.0"):
                raise RuntimeError("too old")
            """,
        "pyproject.toml": '[project]\nname = "package"\ndependencies = ["apache-airflow>=2.11"]\n',
    }
    result = scanned(tmp_path, files)

    assert result.source.floor == (2, 11, 0)
    assert [each.category for each in result.removals] == [Category.RESTATED]
