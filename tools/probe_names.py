"""List the names that can be imported from the Airflow of the running interpreter: module -> names.

Run by the interpreter of one release's environment. It imports every module of Airflow itself, and lists a
name that a module only creates on demand (``__getattr__``) if getting it succeeds. It leaves out names of
other projects, and modules of providers. A module that fails to import is ``null``.

Some classes are listed too: ``package:Class`` with the attributes, ``package:Class.__init__()`` with the
parameters. An attribute with a ``?`` comes or goes while Airflow is imported.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import importlib.util
import inspect
import io
import json
import os
import sys
import types
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

SKIPPED: Final = ("providers", "example_dags", "migrations", "_vendor", "__main__", "alembic")
KEPT_DUNDER: Final = "__version__"
_IMPOSSIBLE: Final = "no_airflow_has_this"
"""A module that claims to have this name claims any name, so it is not asked for more."""
CLASSES: Final = """
airflow.api_fastapi.auth.managers.models.resource_details:AccessView airflow.exceptions:TaskDeferred
airflow.executors.base_executor:BaseExecutor airflow.hooks.base:BaseHook airflow.models:BaseOperator
airflow.models:Connection airflow.models:DAG airflow.models:DagModel airflow.models:DagRun
airflow.models:TaskInstance airflow.models:Variable airflow.models.baseoperator:BaseOperator
airflow.models.connection:Connection airflow.models.dag:DAG airflow.models.dag:DagModel
airflow.models.dagrun:DagRun airflow.models.param:ParamsDict airflow.models.taskinstance:TaskInstance
airflow.models.variable:Variable airflow.sdk:BaseHook airflow.sdk:BaseOperator airflow.sdk:Connection
airflow.sdk:DAG airflow.sdk:Variable airflow.sdk.bases.hook:BaseHook airflow.sdk.bases.operator:BaseOperator
airflow.sdk.definitions.connection:Connection airflow.sdk.definitions.param:ParamsDict
airflow.triggers.base:BaseTrigger airflow.utils.log.file_task_handler:FileTaskHandler
"""
"""The classes whose attributes packages ask for."""


def main() -> None:
    """Print the names as JSON, and nothing that Airflow prints on import."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        import airflow

        classes = _classes()
        early = {key: _attributes(value) for key, value in classes.items()}
        found: dict[str, Any] = {
            name: _names(name, source) for name, source in _modules(list(airflow.__path__))
        }
        found |= _created_at_run_time(found)
        _set_up_mappers()
        for key, value in classes.items():
            late = _attributes(value)
            found[key] = sorted(late & early[key]) + sorted(f"{name}?" for name in late ^ early[key])
            found[f"{key}.__init__()"] = list(inspect.signature(value.__init__).parameters)
    sys.__stdout__.write(json.dumps({"airflow": airflow.__version__, "modules": found}))  # type: ignore[union-attr]
    sys.__stdout__.flush()  # type: ignore[union-attr]
    os._exit(0)  # without waiting for threads that Airflow started on import


def _classes() -> dict[str, Any]:
    """Return the classes that this release has, but for those that claim to have any attribute."""
    found = {}
    for key in CLASSES.split():
        package, _, name = key.partition(":")
        with contextlib.suppress(Exception):
            value = getattr(importlib.import_module(package), name)
            if inspect.isclass(value) and not hasattr(type(value), "__getattr__"):
                found[key] = value
    return found


def _attributes(value: Any) -> set[str]:
    return {name for name in {*dir(value), *dir(type(value))} if not name.startswith("__")}


def _set_up_mappers() -> None:
    """Let SQLAlchemy add the attributes that it otherwise adds when a model is first used."""
    with contextlib.suppress(Exception):
        from sqlalchemy.orm import configure_mappers

        configure_mappers()


def _modules(roots: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield each module of Airflow with its file."""
    for root in map(Path, roots):
        for file in sorted(root.rglob("*.py")):
            parts = file.relative_to(root.parent).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            if not any(part in SKIPPED or not part.isidentifier() for part in parts):
                yield ".".join(parts), file


def _names(name: str, source: Path) -> list[str] | None:
    try:
        module = importlib.import_module(name)
    except BaseException:  # noqa: BLE001 - a module may even exit
        return None
    found = {key for key, value in vars(module).items() if _belongs(name, key, value)}
    if "__getattr__" in vars(module) and not _has(module, _IMPOSSIBLE):
        found |= {key for key in _candidates(source) if _has(module, key)}
    found |= {key for key in vars(module).get("__all__") or () if _has(module, key)}
    found |= _submodules(module)
    return sorted(found)


def _created_at_run_time(known: dict[str, Any]) -> dict[str, list[str] | None]:
    """Return the modules without a file: Airflow puts stand-ins for moved ones into ``sys.modules``."""
    extra: dict[str, list[str] | None] = {}
    for name, module in list(sys.modules.items()):
        wanted = name.startswith("airflow.") and not name.startswith("airflow.providers")
        if not wanted or name in known or not isinstance(module, types.ModuleType):
            continue
        if getattr(module, "__file__", None):
            continue
        parent = sys.modules.get(name.rpartition(".")[0])
        source = getattr(parent, "__file__", None)
        candidates = _candidates(Path(source)) if source and not _has(module, _IMPOSSIBLE) else set()
        extra[name] = sorted(key for key in candidates if _has(module, key))
    return {name: names for name, names in extra.items() if names}


def _submodules(module: types.ModuleType) -> set[str]:
    """Return what ``from package import submodule`` finds."""
    return {
        file.stem if file.suffix else file.name
        for folder in vars(module).get("__path__") or ()
        for file in Path(folder).glob("*")
        if (file.suffix == ".py" and file.stem.isidentifier() and file.stem not in ("__init__", "__main__"))
        or (file.is_dir() and (file / "__init__.py").is_file() and file.name not in SKIPPED)
    }


def _belongs(name: str, key: str, value: object) -> bool:
    """Return whether a name of a module is Airflow's own, and not imported from another project."""
    if key.startswith("__"):
        return key == KEPT_DUNDER
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] == "airflow"
    home = getattr(value, "__module__", None)
    if name.endswith("typing_compat") or not isinstance(home, str):
        return True
    return home.partition(".")[0] == "airflow" or not isinstance(value, (type, types.FunctionType))


def _has(module: types.ModuleType, key: str) -> bool:
    try:
        getattr(module, key)
    except BaseException:  # noqa: BLE001 - this runs Airflow's own code
        return False
    return True


def _candidates(source: Path) -> set[str]:
    """Return the names that a module's ``__getattr__`` may know: all that its source quotes or imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)
        elif isinstance(node, ast.ImportFrom):
            found.update(alias.asname or alias.name for alias in node.names)
    return {key for key in found if not key.startswith("__") or key == KEPT_DUNDER}


if __name__ == "__main__":
    main()
