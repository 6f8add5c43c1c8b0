"""Let an interpreter, running or about to start, run a mutant. Imports nothing but Python's own."""

from __future__ import annotations

import importlib
import importlib.machinery
import json
import os
import sys
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any, Final

VARIABLE: Final = "TRIGGER_COMPAT_MUTANT"
"""The environment variable with the file that describes the mutant of a fresh interpreter."""


def swap(dotted: str, function: str, source: str) -> bool:
    """Give a function of a loaded module the code of a mutant, wherever it is referred to.

    :return: False if that cannot be done; then the mutant needs an interpreter of its own.
    """
    if dotted not in sys.modules:
        try:
            importlib.import_module(dotted)
        except ImportError:
            return False
    module = sys.modules[dotted]
    code: CodeType | None = compile(source, str(module.__file__), "exec", dont_inherit=True)
    live: Any = module
    for name in function.split("."):
        code = next((part for part in _parts(code) if part.co_name == name), None)
        live = vars(live).get(name)
    live = _plain(live)
    if code is None or not isinstance(live, FunctionType):
        return False
    try:
        live.__code__ = code
    except ValueError:  # it has other variables of an outer function
        return False
    for known in list(sys.modules.values()):
        if getattr(known, "__name__", "").startswith("trigger_compat"):
            for value in list(vars(known).values()):
                if callable(clear := getattr(value, "cache_clear", None)):
                    clear()
    return True


def _parts(code: CodeType | None) -> list[CodeType]:
    """Return the functions and classes in a code, the last of a name first: it is the one that counts."""
    constants = code.co_consts if code else ()
    return [part for part in reversed(constants) if isinstance(part, CodeType)]


def _plain(found: Any) -> Any:
    """Return the function in a property, a class method, a cache or another wrapper."""
    for attribute in ("fget", "__func__"):
        found = getattr(found, attribute, None) or found
    while hasattr(found, "__wrapped__"):
        found = found.__wrapped__
    return found


def load_mutant_on_import() -> None:
    """Let the import of the mutated file give the mutant; the file stays as it is."""
    if VARIABLE not in os.environ:
        return
    mutant = json.loads(Path(os.environ[VARIABLE]).read_text(encoding="utf-8"))
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        if fullname == mutant["dotted"]:
            return compile(mutant["source"], self.path, "exec", dont_inherit=True)
        return original(self, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]


load_mutant_on_import()
