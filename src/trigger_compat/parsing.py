"""Parse Python that somebody else has written."""

from __future__ import annotations

import ast
import warnings


def parse_python(text: str) -> ast.Module:
    """Return the tree of a module, without what Python warns of, such as odd escapes.

    :raises SyntaxError: it is no Python; ValueError, MemoryError or RecursionError where Python gives up.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)
