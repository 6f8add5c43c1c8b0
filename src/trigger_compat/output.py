"""Where a command writes its answer."""

from __future__ import annotations

import sys
from pathlib import Path

from trigger_compat.errors import SourceError


def write(text: str, output: Path | None) -> None:
    """Write to a file, or to standard output.

    :raises SourceError: the file cannot be written.
    """
    text = text if text.endswith("\n") else f"{text}\n"
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SourceError(f"--output: {output}: {error.strerror}; name a file that can be written") from error
