"""Sources for the tests of the floor report, and what a scan of them finds, in a short form."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from trigger_compat.floor.scan import names, scanner, source
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.names import NameTable
from trigger_compat.floor.scan.releases import floor_name

RELEASES = ("2.9.0", "2.10.0", "2.11.0", "2.11.2", "3.0.0", "3.1.0", "3.2.0", "3.3.0", "3.4.0")
_OLD, _NEW = range(4), range(4, 9)


def table() -> NameTable:
    """A small table of names: what left with 3.0, what came with it, and what is everywhere."""
    found = []
    for at, release in enumerate(RELEASES):
        modules: dict[str, list[str] | None] = {
            "airflow": ["models"],
            "airflow.everywhere": ["thing"],
            "airflow.broken": None if at == 2 else ["thing"],
        }
        if at in _OLD:
            modules["airflow.old"] = ["Old", *(["Late"] if at >= 2 else [])]
        if at in _NEW:
            modules["airflow.sdk"] = ["New", *(["Newer"] if at >= 6 else [])]
        found.append({"airflow": release, "modules": modules})
    return names.decode(names.encode(names.build(found)))


def tree(root: Path, files: dict[str, str]) -> Path:
    """Write files below a folder."""
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return root


def scanned(root: Path, files: dict[str, str] | str) -> scanner.Scan:
    """Scan files, or the text of one, ``package/module.py``, that starts with the usual imports."""
    if isinstance(files, str):
        files = {"package/module.py": files}
    return scanner.scan(source.read(str(tree(root, files))), table())


def brief(removal: Removal) -> str:
    """Return a removal as ``3-4 dead 3.0``; a part of its lines has a ``~``."""
    lines = str(removal.line) if removal.end == removal.line else f"{removal.line}-{removal.end}"
    return (
        f"{lines} {'' if removal.whole else '~'}{removal.category.value} {floor_name(removal.removable_from)}"
    )


def found(root: Path, text: str, *, flags: bool = False) -> list[str]:
    """Return what is found in one file, without the flags themselves unless these are wanted."""
    unwanted = () if flags else (Category.FLAG, Category.FOLLOWS)
    return [brief(each) for each in scanned(root, text).removals if each.category not in unwanted]
