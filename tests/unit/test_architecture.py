"""How the house is built: what may import what, where versions are compared, how the paths look alike."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys
from collections.abc import Container, Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from trigger_compat import dispatch, errors

SRC = pathlib.Path(dispatch.__file__).parent


def _module_name(path: pathlib.Path) -> str:
    name = ".".join(path.relative_to(SRC.parent).with_suffix("").parts)
    return name.removesuffix(".__init__")


def _imports(tree: ast.Module, known: Container[str]) -> Iterator[str]:
    """Yield the known modules that a module imports, in functions and under ``TYPE_CHECKING`` too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and (package := node.module) and package in known:
            names = (f"{package}.{alias.name}" for alias in node.names)
            yield from (name if name in known else package for name in names)


def test_imports_only_point_down() -> None:
    """No module imports, directly or through others, a module that imports it."""
    trees = {_module_name(path): tree for path, tree in _modules()}
    graph = {name: set(_imports(tree, trees)) for name, tree in trees.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these modules import each other in a circle: {' -> '.join(error.args[1])}")


def test_importing_the_package_imports_no_airflow() -> None:
    code = (
        "import sys, trigger_compat, trigger_compat.contract, trigger_compat.dispatch,"
        " trigger_compat.provider_info, trigger_compat.task.wait, trigger_compat.paths;"
        " sys.exit(sorted(m for m in sys.modules if m.split('.')[0] in ('airflow', 'sqlalchemy')).__repr__()"
        " if any(m.split('.')[0] in ('airflow', 'sqlalchemy') for m in sys.modules) else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def _modules() -> list[tuple[pathlib.Path, ast.Module]]:
    return [(path, ast.parse(path.read_text())) for path in sorted(SRC.rglob("*.py"))]


def _imported(tree: ast.Module) -> set[str]:
    """Return the top-level packages a module imports at any depth."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_the_contract_knows_no_airflow() -> None:
    pure = {"contract.py", "values.py", "task/wait.py", "errors.py", "provider_info.py", "matrix/checks.py"}
    for path, tree in _modules():
        name = path.relative_to(SRC).as_posix()
        if name in pure or name.startswith("matrix/"):
            assert "airflow" not in _imported(tree), path
            pure.discard(name)
    assert not pure


def test_versions_are_compared_in_dispatch_only() -> None:
    """``packaging`` and ``airflow.__version__`` are what one compares versions with."""
    for path, tree in _modules():
        # The others sort rows, the floor report reads other projects: none of them runs an Airflow.
        if path.name in ("dispatch.py", "drift.py") or path.parts[len(SRC.parts)] in ("floor", "matrix"):
            continue
        assert "packaging" not in _imported(tree), path
        names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        theirs = (n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module != "trigger_compat")
        names |= {name.name for node in theirs for name in node.names}
        if path.parent != SRC or path.name != "__init__.py":
            assert not names & {"__version__", "version_info"}, path


def test_sizes_promised() -> None:
    assert len((SRC / "dispatch.py").read_text().splitlines()) < 100
    for path in (SRC / "paths").glob("*.py"):
        assert len(path.read_text().splitlines()) <= 250, path


def test_the_paths_have_the_same_functions_in_the_same_order() -> None:
    """Read as text, since no Airflow can import all of them."""
    protocol = ast.parse((SRC / "paths" / "__init__.py").read_text())
    methods = next(node for node in protocol.body if isinstance(node, ast.ClassDef) and node.name == "Path")
    wanted = [node.name for node in methods.body if isinstance(node, ast.FunctionDef)]
    for row in dispatch.PATHS:
        tree = ast.parse((SRC / "paths" / f"{row.name}.py").read_text())
        defined = []
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                defined.append(node.name)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                defined.append(node.target.id)
        assert [name for name in defined if name.islower()] == wanted, row.name


def test_exit_codes_are_unique() -> None:
    family = [
        member
        for member in vars(errors).values()
        if isinstance(member, type) and issubclass(member, errors.TriggerCompatError)
    ]
    assert len({member.exit_code for member in family}) == len(family) >= 6
