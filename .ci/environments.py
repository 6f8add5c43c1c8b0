"""One environment per Airflow release, built once under ``.nox`` and shared by every session that needs it.

Three steps: Airflow alone, with the dependencies of its resolve date; then the test tools, under the versions
that the first step chose; then this project, editable and without dependencies. A stamp in the environment
says what it was built from: as long as that holds, nothing is installed again. What the first two steps chose
is kept: an environment that is made again takes the same versions, without asking for any.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import nox
from nox.virtualenv import find_uv

from trigger_compat import matrix
from trigger_compat.matrix import Release

ROOT: Final = Path(__file__).parents[1]
FOLDER: Final = ROOT / ".nox"
PYPROJECT: Final = nox.project.load_toml(ROOT / "pyproject.toml")

EXTRAS: Final[dict[str, list[str]]] = PYPROJECT["project"]["optional-dependencies"]
TEST_REQUIREMENTS: Final[Sequence[str]] = [*EXTRAS["suite"], *EXTRAS["test"]]
# Type stubs live beside Airflow, because that is where mypy looks for them.
STUBS: Final = nox.project.dependency_groups(PYPROJECT, "stubs")
# What a row runs. What reads source and dates is left to the unit session: for that, any Python will do.
ROW_TESTS: Final = (
    "tests/unit",
    "src/trigger_compat/suite",
    "tests/integration",
    "--ignore-glob=*/test_floor_*.py",
    "--ignore-glob=*/test_cli.py",
    "--ignore-glob=*/test_dist.py",
    "--ignore-glob=*/test_refresh.py",
    "--ignore-glob=*/test_workflows.py",
)
# What a whole stack needs of its Airflow (the drivers for Postgres), here so that one environment serves all.
STACK_REQUIREMENTS: Final = ROOT / "tests" / "e2e" / "airflow-requirements.txt"
# The first pip that can leave out what was uploaded after a date, as uv always could.
PIP: Final = "pip>=26.0"


@dataclass(frozen=True, slots=True)
class Installer:
    """The commands of uv, or those of pip and virtualenv where uv is not to be had."""

    name: str
    uv: str | None

    def create(self, folder: Path, interpreter: str) -> list[str]:
        if self.uv:
            return [self.uv, "venv", "--quiet", "--python", interpreter, str(folder)]
        return [sys.executable, "-m", "virtualenv", "--quiet", "--python", interpreter, str(folder)]

    def prepare(self, folder: Path) -> list[list[str]]:
        """Return what has to be done before :meth:`before` can be asked for."""
        return [] if self.uv else [[*self.install(folder), PIP]]

    def install(self, folder: Path) -> list[str]:
        if self.uv:
            return [self.uv, "pip", "install", "--quiet", "--python", str(python_of(folder))]
        return [str(python_of(folder)), "-m", "pip", "install", "--quiet"]

    def before(self, day: str) -> list[str]:
        return ["--exclude-newer" if self.uv else "--uploaded-prior-to", f"{day}T00:00:00Z"]

    def freeze(self, folder: Path) -> list[str]:
        if self.uv:
            return [self.uv, "pip", "freeze", "--quiet", "--python", str(python_of(folder))]
        return [str(python_of(folder)), "-m", "pip", "freeze"]


def python_of(folder: Path) -> Path:
    """Return the interpreter of an environment."""
    return folder / "bin" / "python"


def packages_of(session: nox.Session, python: Path) -> Path:
    """Return where an interpreter's packages are."""
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(_run(session, [str(python), "-c", asked]).strip())


def airflow_python(
    session: nox.Session,
    row: Release,
    extra: Sequence[str] = (),
    *,
    dated: bool = True,
    kind: str = "airflow",
) -> Path:
    """Return the interpreter of a release's environment, built if there is none or it is out of date.

    :param extra: requirements besides, e.g. another provider: in an environment of its own.
    :param dated: whether those are as of the resolve date too, or the newest, as a user might add them.
    :param kind: what the environment's name begins with; another one for a row that is not the matrix's.
    """
    name = f"{kind}-{row.airflow}"
    if extra:
        name += "-with-" + hashlib.sha256(json.dumps([sorted(extra), dated]).encode()).hexdigest()[:8]
    folder = FOLDER / name
    stamp = folder / "stamp"
    resolved = folder / "resolved.txt"
    installer = _installer(session)
    install, beside = installer.install(folder), ["--constraint", str(resolved)]
    create = installer.create(folder, _interpreter(session, row))
    airflow = [
        *installer.prepare(folder),
        [*install, *installer.before(row.resolve.isoformat()), *matrix.load().requirements(row)],
    ]
    if extra:
        before = installer.before(row.resolve.isoformat()) if dated else []
        airflow.append([*install, *before, f"apache-airflow=={row.airflow}", *extra])
    tools = [*install, *beside, "--requirement", str(STACK_REQUIREMENTS), *TEST_REQUIREMENTS, *STUBS]
    built_from = _digest([create], airflow, [tools])
    pins = FOLDER / ".resolved" / f"{name}-{built_from[:16]}.txt"
    with _locked(folder):
        if not stamp.is_file() or stamp.read_text(encoding="utf-8") != built_from:
            session.log(f"building {folder.relative_to(ROOT)} with {installer.name}")
            shutil.rmtree(folder, ignore_errors=True)
            # virtualenv is where nox is, and sessions are kept from looking there.
            _run(session, create, env={"PYTHONPATH": os.pathsep.join(sys.path)})
            if not _install_pinned(installer, folder, pins):
                for command in airflow:
                    _run(session, command)
                resolved.write_text(_run(session, installer.freeze(folder)), encoding="utf-8")
                _run(session, tools)
                pins.parent.mkdir(exist_ok=True)
                pins.write_text(_run(session, installer.freeze(folder)), encoding="utf-8")
            _run(session, [*install, "--no-deps", *_project(session, installer)])
            # uv leaves this to the first import, or to every import where PYTHONDONTWRITEBYTECODE is set.
            # Exit code 1: some packages carry templates that end in .py and are not Python.
            compiled = [str(python_of(folder)), "-m", "compileall", "-q", "-j", "0", str(folder / "lib")]
            _run(session, compiled, success_codes=(0, 1))
            stamp.write_text(built_from, encoding="utf-8")
    return python_of(folder)


def _install_pinned(installer: Installer, folder: Path, pins: Path) -> bool:
    """Install what was chosen before; False if nothing was, or some of it is not to be had any more."""
    if not pins.is_file():
        return False
    command = [*installer.install(folder), "--no-deps", "--requirement", str(pins)]
    # The versions are given, so that a cache that has them is as good as the index.
    tries = [[*command, "--offline"], command] if installer.uv else [command]
    return any(subprocess.run(each, capture_output=True, check=False).returncode == 0 for each in tries)


def _project(session: nox.Session, installer: Installer) -> list[str]:
    """Return what installs this project editable: with uv a wheel that is built once for all environments."""
    if not installer.uv:
        return ["--editable", str(ROOT)]
    version = (ROOT / "src" / "trigger_compat" / "__init__.py").read_text(encoding="utf-8")
    folder = FOLDER / f".editable-{_digest([[version]])[:16]}"
    with _locked(folder):
        if not folder.is_dir():
            fresh = folder.with_name(f"{folder.name}.fresh")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir()
            backend = PYPROJECT["build-system"]["requires"]
            needs = [argument for need in (*backend, "editables") for argument in ("--with", need)]
            build = "import sys, hatchling.build; hatchling.build.build_editable(sys.argv[1])"
            run = [installer.uv, "run", "--quiet", "--no-project", "--python", sys.executable, *needs]
            _run(session, [*run, "python", "-c", build, str(fresh)])
            fresh.rename(folder)
    return [str(next(folder.glob("*.whl")))]


def install_once(session: nox.Session, *requirements: str, project: bool = False) -> None:
    """Install into the session's own environment, unless that is what it holds already.

    :param project: this project too, editable and without dependencies.
    """
    stamp = Path(session.virtualenv.location) / "installed"
    wanted = _digest([[*requirements, str(project), session.virtualenv.location]])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    stamp.unlink(missing_ok=True)
    session.install(*requirements)
    if project:
        session.install("--no-deps", "--editable", str(ROOT))
    stamp.write_text(wanted, encoding="utf-8")


def bare(
    session: nox.Session, folder: Path, interpreter: str, resolve: date, requirements: Sequence[str]
) -> Path:
    """Install an Airflow alone, with the dependencies of a day, and return its interpreter."""
    python = make_environment(session, folder, Path(interpreter))
    install_into(session, python, *_installer(session).before(resolve.isoformat()), *requirements)
    return python


def make_environment(session: nox.Session, folder: Path, interpreter: Path) -> Path:
    """Make an empty environment, and return its interpreter."""
    installer = _installer(session)
    shutil.rmtree(folder, ignore_errors=True)
    command = installer.create(folder, str(interpreter))
    _run(session, command, env={"PYTHONPATH": os.pathsep.join(sys.path)})
    for each in installer.prepare(folder):
        _run(session, each)
    return python_of(folder)


def install_into(session: nox.Session, python: Path, *arguments: str) -> None:
    """Install into the environment of an interpreter."""
    _run(session, [*_installer(session).install(python.parents[1]), *arguments])


def find(version: str) -> str | None:
    """Return an interpreter of a version, such as ``3.11``, if there is one."""
    return _find(version, f"{sys.version_info.major}.{sys.version_info.minor}")


def _installer(session: nox.Session) -> Installer:
    found, uv, _ = find_uv()
    return Installer("uv", uv) if found and session.venv_backend != "virtualenv" else Installer("pip", None)


def _run(
    session: nox.Session,
    command: list[str],
    env: dict[str, str] | None = None,
    success_codes: Sequence[int] = (0,),
) -> str:
    """Run a command and return what it printed, which nox shows only if it fails."""
    printed = session.run(
        *command, env=env, silent=True, external=True, stderr=None, success_codes=success_codes
    )
    return str(printed or "")


def _digest(*commands: list[list[str]]) -> str:
    """Return a fingerprint of all that goes into an environment."""
    parts = [
        commands,
        STACK_REQUIREMENTS.read_text(encoding="utf-8"),
        PYPROJECT["project"],
        PYPROJECT["build-system"],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Let one session at a time look at an environment: two may want the same one side by side."""
    folder.parent.mkdir(exist_ok=True)
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _interpreter(session: nox.Session, row: Release) -> str:
    """Return a Python for a release: that of -P, else the one nox runs on, else one that is there."""
    current = f"{sys.version_info.major}.{sys.version_info.minor}"
    # One that runs every release comes first: then all of them are tested on the same.
    preferred = [current, *matrix.common_pythons(matrix.load().releases), *row.pythons]
    wanted = [session.python] if isinstance(session.python, str) else preferred
    for version in wanted:
        if version in row.pythons and (found := _find(version, current)):
            return found
    pythons = ", ".join(row.pythons)
    session.error(f"Airflow {row.airflow} needs Python {pythons}: none is here, or not the one of -P")


def _find(version: str, current: str) -> str | None:
    if version == current:
        return sys.executable
    candidate = shutil.which(f"python{version}")
    if not candidate:
        return None
    # It may be there and not run: pyenv's stand-ins for versions that are not active are like that.
    command = [candidate, "-c", "import sys; print(sys.executable)"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None
