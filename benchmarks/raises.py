"""Raises the floor of real packages in copies, and checks what is left: ``python -m benchmarks raises``.

The folder holds unpacked source distributions. Needs ruff; with ``3.0=PYTHON`` an Airflow of that floor
imports the changed modules before and after.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from trigger_compat.floor.rewrite.change import Raise
from trigger_compat.floor.rewrite.raising import raise_floor
from trigger_compat.floor.scan import scanner, source
from trigger_compat.floor.scan.releases import parse_floor
from trigger_compat.parsing import parse_python

COLUMNS: Final = (
    "package",
    "to",
    "files",
    "lines out",
    "lines in",
    "left",
    "not Python",
    "ruff, new",
    "imports before",
    "imports after",
    "changed by a second run",
    "rewrite (s)",
    "scan (s)",
)
_RULES: Final = "F401,F811,F821,F822,F841,E9"
_ABOUT_VERSIONS: Final = re.compile(r"AIRFLOW_V_2_|\b2\.\d+(?:\.\d+)?\b.*|ImportError|version_compat")
_IMPORT: Final = """
import importlib, json, sys
import airflow.providers
top, names = sys.argv[1], json.loads(sys.argv[2])
for name in list(sys.modules):
    if name.startswith("airflow.providers."):
        del sys.modules[name]
sys.path.insert(0, top)
airflow.providers.__path__ = [top + "/airflow/providers", *airflow.providers.__path__]
done = {}
for name in names:
    try:
        module = importlib.import_module(name)
        done[name] = "" if module.__file__.startswith(top) else f"it is {module.__file__}"
    except BaseException as error:
        done[name] = f"{type(error).__name__}: {error}"[:200]
print("\\n" + json.dumps(done))
"""


def rows(
    folder: Path, floors: Sequence[str], ruff: str, pythons: Mapping[str, str]
) -> Iterator[Sequence[str]]:
    """Yield a row for each package and floor."""
    packages = [path for path in folder.iterdir() if path.is_dir()]
    for package in sorted(packages, key=lambda path: sum(1 for _ in path.rglob("*.py"))):
        start = time.process_time()
        scan = scanner.scan(source.read(str(package)))
        scanned = time.process_time() - start
        for floor in floors:
            with tempfile.TemporaryDirectory() as place:
                copy = Path(place) / "copy"
                shutil.copytree(package, copy)
                cells = _row(package, copy, scan, floor, ruff, pythons.get(floor))
                yield [package.name, floor, *cells, f"{scanned:.1f}"]


def _row(  # noqa: PLR0917
    package: Path, copy: Path, scan: scanner.Scan, floor: str, ruff: str, python: str | None
) -> list[str]:
    start = time.process_time()
    result = _raised(copy, scan, floor)
    seconds = time.process_time() - start
    modules = _modules(result)
    imports_before = _imports(python, copy, modules) if python else {}
    for change in result.changes.values():
        if change.new is None:
            change.path.unlink()
        else:
            change.path.write_bytes(change.content)
    broken = [file for file in result.changes if file.endswith(".py") and not _is_python(copy / file)]
    imports_after = _imports(python, copy, modules) if python else {}
    for name, error in imports_after.items():
        if error and not imports_before[name]:
            print(f"{package.name} {floor}: {name}: {error}", flush=True)
    new = _ruff(ruff, copy) - _ruff(ruff, package)
    for finding in new:
        print(package.name, floor, *finding, flush=True)
    again = _raised(copy, scanner.scan(source.read(str(copy))), floor)
    for file in again.changes:
        print(f"{package.name} {floor}: a second run changes {file}", flush=True)
    out, into = _counts(result)
    figures = (len(result.changes), out, into, len(result.left), len(broken), new.total())
    both = [
        str(sum(not error for error in found.values())) if python else "-"
        for found in (imports_before, imports_after)
    ]
    return [*map(str, figures), *both, str(len(again.changes)), f"{seconds:.1f}"]


def _raised(root: Path, scan: scanner.Scan, floor: str) -> Raise:
    places = {module.file: root / module.file for module in scan.source.modules}
    return raise_floor(scan, parse_floor(floor), places, root)


def _counts(result: Raise) -> tuple[int, int]:
    out = into = 0
    for change in result.changes.values():
        old, new = Counter(change.old.splitlines()), Counter((change.new or "").splitlines())
        out, into = out + (old - new).total(), into + (new - old).total()
    return out, into


def _modules(result: Raise) -> list[str]:
    """Return the modules of the package that changed, and stay."""
    found = []
    for file, change in result.changes.items():
        parts = Path(file).with_suffix("").parts
        parts = parts[1:] if parts[0] == "src" else parts
        if (
            change.new is not None
            and file.endswith(".py")
            and parts[0] in ("airflow", "cosmos", "dagfactory")
        ):
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def _imports(python: str, root: Path, modules: Sequence[str]) -> dict[str, str]:
    """Import modules on a real Airflow, and return the error of each."""
    top = root / "src" if (root / "src").is_dir() else root
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [python, "-c", _IMPORT, str(top.resolve()), json.dumps(modules)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"},
        )
    lines = done.stdout.splitlines()
    found: dict[str, str] = json.loads(lines[-1]) if lines else dict.fromkeys(modules, done.stderr[-200:])
    return found


def _is_python(path: Path) -> bool:
    if not path.exists():
        return True
    try:
        parse_python(path.read_text(encoding="utf-8"))
    except SyntaxError:
        return False
    return True


def _ruff(ruff: str, root: Path) -> Counter[tuple[str, str, str]]:
    done = subprocess.run(
        [ruff, "check", "--isolated", "--no-cache", "--select", _RULES, "--output-format", "json", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    return Counter(
        (
            Path(found["filename"]).relative_to(root).as_posix(),
            str(found["code"]),
            str(found["message"]).partition(" from line")[0],
        )
        for found in json.loads(done.stdout)
    )


def compared(old: Path, new: Path, floor: str) -> list[str]:
    """Raise an old release, and compare what goes with what its next release deleted.

    :returns: both names, and the lines that go in both, here alone, and there alone: of these, those that
        name a version or catch an import error.
    """
    result = _raised(old, scanner.scan(source.read(str(old))), floor)
    both, here, there = Counter[str](), Counter[str](), Counter[str]()
    for path in sorted(old.rglob("*.py")):
        file = path.relative_to(old).as_posix()
        if not (new / file).exists():
            continue
        lines = Counter(
            line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        )
        change = result.changes.get(file)
        ours = lines - _stripped(change.new or "") if change else Counter[str]()
        theirs = lines - _stripped((new / file).read_text(encoding="utf-8"))
        both += ours & theirs
        here += ours - theirs
        there += Counter({line: n for line, n in (theirs - ours).items() if _ABOUT_VERSIONS.search(line)})
    for name, found in (("here alone", here), ("there alone", there)):
        for line in found:
            print(f"  {name}: {line}", flush=True)
    return [old.name, new.name, *(str(found.total()) for found in (both, here, there))]


def _stripped(text: str) -> Counter[str]:
    return Counter(line.strip() for line in text.splitlines() if line.strip())
