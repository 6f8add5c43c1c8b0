"""How a server is started that a stack needs and that is no part of Airflow. Needs nothing but Python."""

from __future__ import annotations

import os
import subprocess
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def start_server(
    command: Sequence[str], folder: Path, output: IO[bytes], **account: Any
) -> subprocess.Popen[bytes]:
    """Start a server with nothing of the caller's environment but the path.

    :param folder: the one it works in, by which the stack finds its processes.
    :param account: of `subprocess.Popen`, if it has to run under another one.
    """
    return subprocess.Popen(
        command,
        cwd=folder,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **account,
    )
