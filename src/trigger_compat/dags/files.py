"""The files of a dag folder: found, read without a change to any byte, and written all or none."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import tempfile
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from trigger_compat.errors import SourceError

PYTHON: Final = (".py", ".pyi")
YAML: Final = (".yaml", ".yml")
SKIPPED_FOLDERS: Final = {"__pycache__", "node_modules", "site-packages"}
"""With the hidden ones, and with virtual environments: nobody writes dags in there."""
LARGEST: Final = 1024 * 1024
"""Bytes of a file that is neither Python nor YAML and is still read."""
_NEWLINE: Final = re.compile(r"\r\n?|\n")


class Unreadable(Exception):
    """A file cannot be read as text; the message says why."""


class TooLarge(Unreadable):
    """A file is no source, and too large to be searched."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file, decoded.

    :param encoding: how to encode it again; with ``-sig`` if it begins with a byte order mark.
    """

    path: Path
    text: str
    encoding: str

    def encoded(self, text: str) -> bytes:
        return text.encode(self.encoding)


def find(roots: Sequence[Path]) -> list[Path]:
    """Return the files of the folders and the files given, each once, in order.

    Symbolic links are followed, as Airflow does.

    :raises SourceError: a path is not there, or cannot be read.
    """
    found: dict[Path, Path] = {}
    for root in roots:
        if not root.exists():
            raise SourceError(f"{root}: there is no such file or folder")
        for path in _below(root, set()) if root.is_dir() else (root,):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    if (real := folder.resolve()) in seen or (folder / "pyvenv.cfg").exists():
        return
    seen.add(real)
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}; allow it to be read") from error
    for entry in entries:
        if entry.name.startswith(".") or entry.name in SKIPPED_FOLDERS:
            continue
        if entry.is_dir():
            yield from _below(entry, seen)
        elif entry.is_file():
            yield entry


def read(path: Path) -> TextFile:
    """Read a file in the encoding that Python would read it in.

    :raises TooLarge: it is neither Python nor YAML, and no dag folder needs a text of that size.
    :raises Unreadable: it is no text, or would not be the same bytes when it is written again.
    """
    try:
        if path.suffix not in (*PYTHON, *YAML) and path.stat().st_size > LARGEST:
            raise TooLarge(f"is larger than {LARGEST // 1024} KiB, so it was not searched")
        content = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read: {error.strerror}") from error
    try:
        # The comment that names an encoding is Python's alone; the mark of UTF-8 is not.
        lines = io.BytesIO(content if path.suffix in PYTHON else content[:3]).readline
        encoding = tokenize.detect_encoding(lines)[0]
        text = content.decode(encoding)
        exact = text.encode(encoding) == content
    except (SyntaxError, UnicodeError, LookupError) as error:
        raise Unreadable(f"cannot be decoded: {error}") from error
    if not exact:
        raise Unreadable(f"is not the same in {encoding} once it is decoded and encoded again")
    return TextFile(path, text, encoding)


def line_starts(text: str) -> list[int]:
    """Return where each line begins, with the newlines of Python and no others."""
    return [0, *(match.end() for match in _NEWLINE.finditer(text))]


def line_end(text: str, at: int) -> int:
    """Return where the line of a place ends, before its newline."""
    match = _NEWLINE.search(text, at)
    return match.start() if match else len(text)


def newline_of(text: str, at: int) -> str:
    """Return the newline that ends the line of a place, or that the text has elsewhere."""
    match = _NEWLINE.search(text, at) or _NEWLINE.search(text)
    return match.group() if match else "\n"


def write_all(contents: Mapping[Path, bytes], delete: Sequence[Path] = ()) -> None:
    """Write all files or, if one cannot be written, none; nobody ever reads half a file.

    :param delete: files to delete once the others are written.
    :raises SourceError: a file cannot be written or deleted.
    """
    for path in delete:
        if not os.access(path.parent, os.W_OK):
            raise SourceError(f"{path}: {os.strerror(errno.EACCES)}; nothing was written")
    ready: list[tuple[Path, Path]] = []
    try:
        for path, content in contents.items():
            target = path.resolve()  # the file that a link points to, not the link
            try:
                ready.append((_beside(target, content), target))
            except OSError as error:
                message = f"{path}: {error.strerror}; nothing was written"
                raise SourceError(message) from error
        while ready:
            temporary, target = ready[-1]
            try:
                temporary.replace(target)
            except OSError as error:
                message = f"{target}: {error.strerror}; {len(contents) - len(ready)} other files were written"
                raise SourceError(message) from error
            ready.pop()
        for path in delete:
            path.unlink()
    finally:
        for temporary, _ in ready:
            with contextlib.suppress(OSError):
                temporary.unlink()


def _beside(target: Path, content: bytes) -> Path:
    """Write a new file in the folder of another one, with its permissions."""
    if not os.access(target, os.W_OK):
        raise PermissionError(13, "Permission denied")
    # No scheduler takes a hidden file that does not end in .py for a dag.
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".trigger-compat-", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(target.stat().st_mode & 0o7777)
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)
