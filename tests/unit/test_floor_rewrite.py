"""What a raise makes of one file: each rule before and after, generated programs, and bytes that stay."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from textwrap import dedent, indent

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packaging.version import Version

from tests.unit.floor_raises import RAISES
from tests.unit.floor_traps import TRAPS
from tests.unit.floors import RELEASES, scanned
from tests.unit.test_floor_traps import run
from trigger_compat.floor.rewrite.newlines import with_newlines_of
from trigger_compat.floor.rewrite.python import without
from trigger_compat.floor.scan.releases import index_of

HEAD = """\
from airflow import __version__
from packaging.version import Version
NEW = Version(__version__) >= Version("3.0")
"""
PAIRS = {name: tuple(dedent(code).lstrip("\n") for code in pair) for name, pair in RAISES.items()}


def raised(folder: Path, text: str, floor: tuple[int, int, int] = (3, 0, 0)) -> str:
    """Return the text of a module at a floor."""
    removals = scanned(folder, text).removals
    return without(text, [each for each in removals if each.removable_from <= index_of(floor)])


def without_head(text: str) -> str:
    for line in HEAD.splitlines(keepends=True):
        text = text.removeprefix(line)
    return text


@pytest.mark.parametrize(("before", "after"), PAIRS.values(), ids=PAIRS.keys())
def test_a_rule(tmp_path: Path, before: str, after: str) -> None:
    assert without_head(raised(tmp_path, HEAD + before)) == after


@pytest.mark.parametrize("before", [pair[0] for pair in PAIRS.values()], ids=PAIRS.keys())
def test_a_rule_keeps_what_the_code_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    after = raised(tmp_path, HEAD + before)

    for release in RELEASES:
        if Version(release) >= Version("3.0"):
            assert run(after, release, monkeypatch) == run(HEAD + before, release, monkeypatch), after


CODES = [pair[0] for pair in PAIRS.values()] + [dedent(code).lstrip("\n") for _, code in TRAPS.values()]


@pytest.mark.parametrize("code", CODES, ids=[*PAIRS, *TRAPS])
def test_a_second_run_changes_nothing(tmp_path: Path, code: str) -> None:
    once = raised(tmp_path / "1", HEAD + code)

    assert raised(tmp_path / "2", once) == once


@pytest.mark.parametrize("code", CODES, ids=[*PAIRS, *TRAPS])
def test_all_lines_that_stay_are_lines_of_the_source(tmp_path: Path, code: str) -> None:
    """Nothing is formatted: a line stays as it is, moves to the left, or loses a part of it."""
    before = HEAD + code
    lines = [line.strip() for line in before.splitlines()]
    new = [line.strip() for line in raised(tmp_path, before).splitlines() if line.strip() not in lines]

    assert all(_is_part(line, before) for line in new), new


def _is_part(line: str, old: str) -> bool:
    """Say whether a line is a text without some characters, apart from the words a rewrite writes."""
    line = re.sub(r"\b(\w+) as \1\b", r"\1", line)  # a name that others may import from here
    for word in ("True", "False", "pass", "else", "return", "if"):
        line = line.replace(word, "")
    characters = iter(old)
    return all(character in characters for character in line.replace(" ", ""))


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_newlines_stay(tmp_path: Path, newline: str) -> None:
    before, after = PAIRS["a condition that is true"]
    old = (HEAD + before).replace("\n", newline)

    assert (
        without_head(with_newlines_of(old, raised(tmp_path, HEAD + before)).replace(newline, "\n")) == after
    )
    assert with_newlines_of(old, raised(tmp_path, HEAD + before)).count(newline) == after.count("\n")


def test_each_line_keeps_its_own_newline() -> None:
    assert with_newlines_of("a\r\nb\nc\r\nd", "a\nc\nd") == "a\r\nc\r\nd"


@pytest.mark.parametrize("code", ["if NEW:\n\tif 1:\n\t\tlog(1)", "if NEW:\n\tlog(1)\n\t# at the end"])
def test_tabs_and_a_missing_newline_stay(tmp_path: Path, code: str) -> None:
    after = without_head(raised(tmp_path, HEAD + code))

    assert after == "\n".join(line.removeprefix("\t") for line in code.split("\n")[1:])


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ("x = (a if NEW else b or c) * 2\n", "x = a * 2\n"),
        ("x = (b if not NEW else a or c) * 2\n", "x = (a or c) * 2\n"),
        ("x = [(a, b), NEW]\n", "x = [(a, b), True]\n"),
        ("def f(x): return not (x and NEW)\n", "def f(x): return not x\n"),
        ("if NEW and 'é': ü = 'ß' if é else 'ö'\n", "if 'é': ü = 'ß' if é else 'ö'\n"),
        ("with a as b, c: pass\nif NEW: pass\n", "with a as b, c: pass\npass\n"),
    ],
)
def test_parts_of_expressions(tmp_path: Path, code: str, after: str) -> None:
    assert without_head(raised(tmp_path, HEAD + code)) == after


def test_a_class_without_a_test_goes(tmp_path: Path) -> None:
    code = """
        import pytest

        class TestOld:
            "Before 3.0."
            @pytest.mark.skipif(NEW, reason="old")
            def test_it(self): ...

        class TestBoth:
            @pytest.mark.skipif(not NEW, reason="new")
            def test_new(self): ...
            @pytest.mark.skipif(NEW, reason="old")
            def test_old(self): ...
            @pytest.mark.parametrize("x", [1, pytest.param(2, marks=pytest.mark.skipif(NEW, reason=""))])
            def test_some(self, x): ...
        """
    wanted = """
        import pytest

        class TestBoth:
            def test_new(self): ...
            @pytest.mark.parametrize("x", [1])
            def test_some(self, x): ...
        """

    assert without_head(raised(tmp_path, HEAD + dedent(code).lstrip("\n"))) == dedent(wanted).lstrip("\n")


CONDITIONS = st.sampled_from(
    ["NEW", "not NEW", "x", "x and NEW", "NEW or x", "x or not NEW", "not (NEW and x)", "(x) and (NEW)"]
)
LEAVES = st.sampled_from(
    [
        "log(1)",
        "log(2); log(3)",
        "y = 1 if NEW else 2\nlog(y)",
        'log("""a\n  b""")',
        "# c",
        "log(x and NEW)",
        "",
    ]
)


def _joined(parts: list[str]) -> str:
    code = "\n".join(parts)
    return code if any(line and not line.startswith("#") for line in parts) else f"{code}\npass"


def _if(parts: tuple[str, str, str, str, str]) -> str:
    first, one, second, two, three = parts
    return f"# a\nif {first}:  # b\n{_in(one)}\n# d\nelif {second}:\n{_in(two)}\nelse:\n{_in(three)}\n    # e"


def _in(code: str) -> str:
    text = indent(code, "    ").splitlines()
    return "\n".join(text)


BLOCKS = st.recursive(
    st.lists(LEAVES, min_size=1, max_size=3).map(_joined),
    lambda inner: st.one_of(
        st.tuples(CONDITIONS, inner, CONDITIONS, inner, inner).map(_if),
        st.tuples(CONDITIONS, inner).map(lambda pair: f"if {pair[0]}:\n{_in(pair[1])}"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}\n\n{pair[1]}"),
        inner.map(lambda code: f"for x in (0, 1):\n{_in(code)}"),
        inner.map(lambda code: f"try:\n{_in(code)}\nfinally:\n    log(4)"),
    ),
    max_leaves=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(code=BLOCKS)
def test_any_program_does_what_it_did(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    text = f"{HEAD}def f(x):\n{_in(code)}\nf(0), f(1)\n"
    ast.parse(text)
    after = raised(tmp_path, text)

    for release in ("3.0.0", "3.4.0"):
        assert run(after, release, monkeypatch) == run(text, release, monkeypatch), after
    assert raised(tmp_path, after) == after
    assert "NEW" not in without_head(after) or "NEW" in ast.unparse(ast.parse(after))
    assert "\n\n\n" not in after or "\n\n\n" in text


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ("x = 'é'; y = 1 if NEW else 2\n", "x = 'é'; y = 1\n"),
        ("log('→日本', '😀', 1 if not NEW else 'ß')\n", "log('→日本', '😀', 'ß')\n"),
        ("if x == '日本' and NEW: log('é')\n", "if x == '日本': log('é')\n"),
        ("def f(x): '😀'; return x and NEW  # 日本\n", "def f(x): '😀'; return x and True  # 日本\n"),
        ("log(f'é 日本', '😀' f'ü', NEW)\n", "log(f'é 日本', '😀' f'ü', True)\n"),
        ("x = {'é': NEW, '日本': 'a' if not NEW else 'b'}\n", "x = {'é': True, '日本': 'b'}\n"),
        ("def ü(é='é', b=NEW): return b\n", "def ü(é='é', b=True): return b\n"),
        ("@deco('日本', NEW)\ndef f(): return '😀'\n", "@deco('日本', True)\ndef f(): return '😀'\n"),
        ("s = '''日本\n  é'''; t = 1 if NEW else 2\n", "s = '''日本\n  é'''; t = 1\n"),
        ("é = '日'; from os import sep, path; log(sep, é)\nif not NEW: log(path)\n",
         "é = '日'; from os import sep; log(sep, é)\n"),
    ],
)  # fmt: skip
def test_places_behind_text_that_is_not_ascii(tmp_path: Path, code: str, after: str) -> None:
    """The parser counts bytes, the text characters; the flag and its imports go too."""
    once = raised(tmp_path / "1", HEAD + code)

    assert once == after
    assert raised(tmp_path / "2", once) == once


@pytest.mark.parametrize(
    ("code", "after"),
    [
        ("_x = 1; log(2)\nif not NEW: log(_x)\n", "log(2)\n"),
        ("from os import path; log(1)\nif not NEW: log(path)\n", "log(1)\n"),
        ("é = 1; _x = 2; log(é)\nif not NEW: log(_x)\n", "é = 1; log(é)\n"),
        (
            "def f():\n    import json; log(1)\n    if not NEW: json.dumps(1)\n",
            "def f():\n    log(1)\n",
        ),
    ],
)
def test_what_goes_takes_no_other_statement_of_its_line(tmp_path: Path, code: str, after: str) -> None:
    assert raised(tmp_path, HEAD + code) == after


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("json.dumps", ""),
        ("(json, {'a': [1, -2]})", ""),
        ("x", ""),
        ("x.y", "x.y"),
        ("x['é']", "x['é']"),
        ("(x.\n        y)", "(x.\n        y)"),
        ("json.loads('1')", "json.loads('1')"),
        ("{x: 1}", "{x: 1}"),
        ("x == 1", "x == 1"),
    ],
)
def test_a_value_that_may_have_an_effect_is_still_evaluated(tmp_path: Path, value: str, kept: str) -> None:
    code = f"import json\ndef f(x):\n    old = {value}\n    if not NEW: log(old)\n    return json\n"
    wanted = f"import json\ndef f(x):\n{f'    {kept}' if kept else ''}\n    return json\n"

    assert raised(tmp_path, HEAD + code) == wanted.replace("\n\n", "\n")


def test_an_operand_that_an_earlier_one_settles_goes(tmp_path: Path) -> None:
    code = "def f(y):\n    if NEW and (y or not NEW): return 1\n    return not NEW or (y and NEW)\n"

    assert raised(tmp_path, HEAD + code) == "def f(y):\n    if y: return 1\n    return (y and True)\n"


def test_strings_over_several_lines_keep_their_text(tmp_path: Path) -> None:
    code = 's = """\nif 1:\n    old\n"""\n'
    code += 'if NEW:\n    t = """a\n  b"""\n    log(s, t, f"""é\n    {t}""")\nelse:\n    log(2)\n'
    after = 's = """\nif 1:\n    old\n"""\nt = """a\n  b"""\nlog(s, t, f"""é\n    {t}""")\n'

    assert without_head(raised(tmp_path, HEAD + code)) == after
