"""The rules of the scan. Each decides one kind of thing; its docstring shows code before and after."""

from __future__ import annotations
