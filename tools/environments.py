"""One environment for each Airflow release, built once in ``.nox`` and shared by all sessions that need it.

uv first resolves Airflow alone, with the dependencies of its resolve date, then the test tools on top of
those versions. The result is a lock file in ``.nox/locks``, so an environment that was deleted comes back
with the same versions. A stamp in the environment says what it was built from; while that holds, nothing is
installed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import nox
from nox.virtualenv import find_uv

from trigger_compat import matrix
from trigger_compat.matrix import PastRelease, Release

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".nox"
LOCKS: Final = FOLDER / "locks"
PYPROJECT: Final = nox.project.load_toml(ROOT / "pyproject.toml")
EXTRAS: Final[dict[str, list[str]]] = PYPROJECT["project"]["optional-dependencies"]
BUILD: Final[Sequence[str]] = PYPROJECT["build-system"]["requires"]


def group(*names: str) -> list[str]:
    """Return the requirements of dependency groups."""
    return list(nox.project.dependency_groups(PYPROJECT, *names))


TEST_REQUIREMENTS: Final[Sequence[str]] = [*EXTRAS["suite"], *group("test")]
STACK_REQUIREMENTS: Final = ROOT / "tests" / "e2e" / "airflow-requirements.txt"
"""What a whole stack needs of its Airflow, here so that one environment serves all sessions."""


def airflow_python(
    session: nox.Session,
    row: Release,
    extra: Sequence[str] = (),
    *,
    dated: bool = True,
    kind: str = "airflow",
) -> Path:
    """Return the interpreter of a release's environment; build it if it is missing or out of date.

    :param extra: more requirements, e.g. another provider, in an environment of its own.
    :param dated: take them as of the resolve date too; otherwise the newest, as a user might add them.
    :param kind: what the environment's name begins with; another one for a row that is not the matrix's.
    """
    name = f"{kind}-{row.airflow}"
    if extra:
        name += "-with-" + hashlib.sha256(json.dumps([sorted(extra), dated]).encode()).hexdigest()[:8]
    folder, request = FOLDER / name, _python_request(session, row)
    airflow, before = matrix.load().requirements(row), _before(row)
    # Type stubs live beside Airflow, because mypy looks for them there.
    tools = [
        *STACK_REQUIREMENTS.read_text(encoding="utf-8").splitlines(),
        *TEST_REQUIREMENTS,
        *group("stubs"),
    ]
    parts = [request, airflow, before, extra, tools, PYPROJECT["project"], PYPROJECT["build-system"]]
    built_from = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    stamp, lock = folder / "stamp", LOCKS / f"{name}-{built_from[:16]}.txt"
    with _locked(folder):
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == built_from:
            return folder / "bin" / "python"
        session.log(f"building {folder.relative_to(ROOT)}")
        if not lock.is_file():
            alone = lock.with_suffix(".airflow")
            _resolve(session, request, alone, [*airflow, *(extra if dated else ())], *before)
            if extra and not dated:
                _resolve(session, request, alone, [*airflow, *extra])
            _resolve(session, request, lock, [*alone.read_text(encoding="utf-8").splitlines(), *tools])
        python = make_environment(session, folder, request)
        install = [_uv(session), "pip", "install", "--quiet", "--python", str(python), "--compile-bytecode"]
        install += ["--no-deps", "--requirement", str(lock)]
        # The versions are given: uv's cache, if it has them, is as good as the index.
        if subprocess.run([*install, "--offline"], capture_output=True, check=False).returncode:
            _run(session, install)
        install_into(session, python, "--no-deps", "--editable", str(ROOT))
        stamp.write_text(built_from, encoding="utf-8")
        return python


def bare_airflow(session: nox.Session, folder: Path, python: str, row: Release | PastRelease) -> Path:
    """Install an Airflow alone, with the dependencies of its resolve date, and return its interpreter."""
    interpreter = make_environment(session, folder, python)
    install_into(session, interpreter, *_before(row), *matrix.load().requirements(row))
    return interpreter


def make_environment(session: nox.Session, folder: Path, python: str) -> Path:
    """Make an empty environment with a Python, such as ``3.11`` or a path, and return its interpreter."""
    _run(session, [_uv(session), "venv", "--quiet", "--clear", "--python", python, str(folder)])
    return folder / "bin" / "python"


def install_into(session: nox.Session, python: Path, *arguments: str) -> None:
    """Install into the environment of an interpreter."""
    _run(session, [_uv(session), "pip", "install", "--quiet", "--python", str(python), *arguments])


def install_once(session: nox.Session, *requirements: str, project: bool = False) -> None:
    """Install into the session's own environment, unless it holds exactly that already.

    :param project: this project too, editable and without dependencies.
    """
    stamp = Path(session.virtualenv.location) / "installed"
    wanted = json.dumps([*requirements, project, session.virtualenv.location, PYPROJECT["project"]])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    stamp.unlink(missing_ok=True)
    session.install(*requirements)
    if project:
        session.install("--no-deps", "--editable", str(ROOT))
    stamp.write_text(wanted, encoding="utf-8")


def packages_of(python: Path) -> Path:
    """Return the folder of an environment's packages."""
    return next((python.parents[1] / "lib").glob("python3*/site-packages"))


def _python_request(session: nox.Session, row: Release) -> str:
    """Return the Python that uv finds or installs: that of -P, else the one of nox, else any that fits."""
    if isinstance(session.python, str):
        if session.python not in row.pythons:
            session.error(f"-P {session.python}: Airflow {row.airflow} needs Python {', '.join(row.pythons)}")
        return session.python
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    return own if own in row.pythons else f">={row.pythons[0]},<={row.pythons[-1]}.99"


def _before(row: Release | PastRelease) -> list[str]:
    """Return uv's option that leaves out what was published later."""
    return ["--exclude-newer", f"{row.resolve}T00:00:00Z"]


def _resolve(
    session: nox.Session, python: str, lock: Path, requirements: Sequence[str], *options: str
) -> None:
    """Write the versions of requirements, and of all they need, into a file; pins already there are kept."""
    LOCKS.mkdir(parents=True, exist_ok=True)
    wanted = lock.with_suffix(".in")
    wanted.write_text("\n".join(requirements), encoding="utf-8")
    quiet = ("--quiet", "--no-header", "--no-annotate")
    output = ("--python", python, "--output-file", str(lock))
    _run(session, [_uv(session), "pip", "compile", *quiet, *output, *options, str(wanted)])


def _uv(session: nox.Session) -> str:
    found, uv, _ = find_uv()
    if not found:
        session.error("uv is missing; run: pip install uv")
    return str(uv)


def _run(session: nox.Session, command: Sequence[str]) -> None:
    """Run a command; nox shows what it printed only if it fails."""
    session.run(*command, silent=True, external=True, stderr=None)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one session at a time build an environment: two may want the same one side by side."""
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
