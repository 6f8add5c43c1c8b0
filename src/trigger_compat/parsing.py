"""Parse Python that somebody else has written."""

from __future__ import annotations

import ast
import gc
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def parse_python(text: str) -> ast.Module:
    """Return the tree of a module, without what Python warns of, such as odd escapes.

    :raises SyntaxError: it is no Python; ValueError, MemoryError or RecursionError where Python gives up.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


@contextmanager
def many_trees() -> Iterator[None]:
    """Read many modules faster: all their nodes stay, so the garbage collector would look at them in vain."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
