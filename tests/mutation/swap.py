"""Let an interpreter, running or about to start, run a mutant. Imports nothing but Python's own."""

from __future__ import annotations

import importlib
import importlib.machinery
import sys
from types import CodeType, FunctionType
from typing import Any


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


def load_on_import(dotted: str, source: str) -> None:
    """Let the import of a module give the mutant; its file stays as it is."""
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> CodeType | None:
        if fullname == dotted:
            return compile(source, self.path, "exec", dont_inherit=True)
        return original(self, fullname)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign, assignment]
