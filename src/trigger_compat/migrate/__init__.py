"""Moves dags from upstream's operator to this package's, and back: ``trigger-compat migrate``.

Only the bytes of an import, and of the uses that name its module, are replaced. The line gets a mark that
says what was there, so the way back gives the same bytes. Needs the extra ``cli``.
"""

from __future__ import annotations
