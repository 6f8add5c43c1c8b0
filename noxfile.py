# /// script
# requires-python = ">=3.10"
# dependencies = ["nox>=2025.5.1", "packaging", "PyYAML>=6", "rich>=13", "uv>=0.7"]
# ///
"""Every check of this project, on every Airflow of compat-matrix.yaml.

Run ``nox``, or ``python3 noxfile.py`` where only Python and pip are there; both take nox's arguments.

Without arguments: lint, types, unit tests, and the tests of the default releases, side by side.
``-t all``, ``-t default``, ``-t 3.2``: the tests of these releases, one after the other.
``-s matrix -- --all``: everything side by side, on all releases. ``-l`` lists all sessions.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent
sys.path[:0] = [str(ROOT / ".ci"), str(ROOT / "src")]

if __name__ == "__main__":
    import bootstrap

    bootstrap.run_nox(Path(__file__))

import nox

import chromium
import completeness
import dist as distribution
import doctables
import evidence
import fanout
import nametable
import proof
import refresh as index
import tally
import timing
from environments import EXTRAS, FOLDER, PYPROJECT, ROW_TESTS, TEST_REQUIREMENTS, airflow_python, install_once
from trigger_compat import matrix
from trigger_compat.errors import MatrixError
from trigger_compat.suite import drift

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"

MATRIX: Final = matrix.load()
# Modules that only one major of Airflow can carry; mypy leaves them out where the other one is.
AIRFLOW2_ONLY: Final = r"/airflow2\.py$"
AIRFLOW3_ONLY: Final = r"/(airflow3|exception|accessor|_task_sdk)\.py$"
# What the tool side needs, by the folder of its tests.
TOOL_REQUIREMENTS, UI_REQUIREMENTS = (
    [
        line
        for line in (ROOT / "tests" / folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
        if not line.startswith(("#", "-r"))
    ]
    for folder in ("e2e", "ui")
)
COUNTS: Final[list[tally.Counts]] = []
"""What the tests of this process said; its last line sums them up."""


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style, spelling, the workflows and the matrix file."""
    _seal(session)
    install_once(session, *nox.project.dependency_groups(PYPROJECT, "lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("codespell")
    workflows = [str(path) for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    session.run("check-jsonschema", "--quiet", "--builtin-schema", "vendor.github-workflows", *workflows)
    session.run("zizmor", "--offline", "--quiet", "--no-progress", ".github")
    session.env["PYTHONPATH"] = str(ROOT / "src")
    session.run("python", "-m", "trigger_compat.matrix", "--check")
    session.run("python", "-m", "trigger_compat", "floor", "--source", ".", "--check", silent=True)


@nox.session(default=False)
def types(session: nox.Session) -> None:
    """Check types against the oldest and the newest Airflow, those users see, and those of the tools."""
    _seal(session)
    install_once(session, *nox.project.dependency_groups(PYPROJECT, "types", "runner"))
    # Without Airflow the package itself cannot be judged; its turn comes below.
    tools = ("--cache-dir", str(FOLDER / ".mypy-tools"), "--follow-imports", "silent")
    session.run("mypy", *tools, "noxfile.py", ".ci")
    # The oldest has no Task SDK: what comes from there is Any, and ignores that it needs elsewhere are idle.
    lenient = ("--allow-subclassing-any", "--no-warn-unused-ignores", "--no-warn-return-any")
    newest = [row for row in MATRIX.releases if not row.preview][-1]
    checks: list[tuple[matrix.Release, Sequence[str], str]] = [
        (newest, (), AIRFLOW2_ONLY),
        (MATRIX.releases[0], lenient, AIRFLOW3_ONLY),
    ]
    if newest is not MATRIX.releases[-1]:
        checks.append((MATRIX.releases[-1], (), AIRFLOW2_ONLY))
    for row, options, foreign in checks:
        python = airflow_python(session, row)
        cache = FOLDER / f".mypy-{row.airflow}"
        beside = ("--python-executable", str(python), "--cache-dir", str(cache), "--exclude", foreign)
        session.run("mypy", *beside, *options, "src", "tests", "benchmarks")
    completeness.verify(session, airflow_python(session, newest))


@nox.session(default=False)
def unit(session: nox.Session) -> None:
    """Run the tests that need no Airflow, where there is none."""
    _seal(session)
    with _counted(session.name) as report:
        # The build backend, because one test looks into the wheel.
        tools = (*PYPROJECT["build-system"]["requires"], *EXTRAS["cli"])
        install_once(session, *TEST_REQUIREMENTS, *tools, "packaging", project=True)
        session.run("pytest", "tests/unit", "-W", "error", report, *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the site; test links, tables and blocks. Arguments: [--write], to write the tables instead."""
    parser = _parser(session)
    parser.add_argument("--write", action="store_true")
    options, passed_on = parser.parse_known_args(session.posargs)
    _seal(session)
    if options.write:
        written = [str(page.relative_to(ROOT)) for page in doctables.write()]
        session.log(f"written: {', '.join(written) or 'none'}")
        return
    with _counted(session.name) as report:
        # What builds the wheel that the provider of docs/ci.md installs, and what that provider works with.
        tools = (*PYPROJECT["build-system"]["requires"], *nox.project.dependency_groups(PYPROJECT, "docs"))
        install_once(session, *TEST_REQUIREMENTS, *tools, *EXTRAS["cli"], "packaging", project=True)
        # Not --quiet, which would silence the warnings that --strict counts; the variable hides a banner.
        session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})
        session.run("pytest", "tests/docs", report, *passed_on)


@nox.session(default=False, venv_backend="none")
@nox.parametrize(
    "airflow",
    [
        nox.param(row.airflow, id=row.airflow, tags=["all", row.minor, *(["default"] if row.default else [])])
        for row in MATRIX.releases
    ],
)
def tests(session: nox.Session, airflow: str) -> None:
    """Run all tests on one Airflow, once it is proved to be that one and to take the path of its row."""
    _seal(session)
    row = MATRIX.release(airflow)
    with _counted(session.name) as report:
        python = str(airflow_python(session, row))
        # Airflow writes into its home on import; the tests that start one choose homes of their own.
        session.env["AIRFLOW_HOME"] = str(FOLDER / f"airflow-{airflow}" / "home")
        session.run(python, "-m", "tests.cell", row.airflow, row.path, external=True)
        session.run(python, "-m", "pytest", *ROW_TESTS, report, *session.posargs, external=True)


@nox.session(default=False, venv_backend="none")
def lineage(session: nox.Session) -> None:
    """Run the tests of clause R6 where OpenLineage is installed, on the oldest and the newest release."""
    _seal(session)
    final = [row for row in MATRIX.defaults if not row.preview]
    for row in (final[0], final[-1]):
        with _counted(f"lineage({row.airflow})") as report:
            python = str(airflow_python(session, row, ("apache-airflow-providers-openlineage",)))
            session.env["AIRFLOW_HOME"] = str(FOLDER / f"airflow-{row.airflow}" / "home")
            suite = "src/trigger_compat/suite/test_lineage.py"
            session.run(python, "-m", "pytest", suite, report, *session.posargs, external=True)


@nox.session(name="matrix", venv_backend="none")
def run_matrix(session: nox.Session) -> None:
    """Run the checks and the tests side by side. Arguments: [--all] [--airflow X ...] [--jobs N]."""
    parser = _parser(session)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--airflow", nargs="+", default=[])
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 2))
    options = parser.parse_args(session.posargs)
    if options.jobs < 1:
        session.error(f"--jobs {options.jobs}: give at least 1")
    rows = _rows(session, options.airflow) or (MATRIX.releases if options.all else MATRIX.defaults)
    jobs = [fanout.Job(session=name) for name in ("lint", "unit", "types", "docs", "lineage", "dist")]
    # The longest first, so that none is left alone at the end: they run most tests on two paths.
    rows = sorted(rows, key=lambda row: row.path != "exception")
    jobs += [fanout.Job(session=f"tests({row.airflow})", release=row.airflow, path=row.path) for row in rows]
    backend = ["--force-venv-backend", "virtualenv"] if session.venv_backend == "virtualenv" else []
    nox_itself = [sys.executable, str(ROOT / "noxfile.py"), *backend]
    fanout.run(jobs, lambda job: [*nox_itself, "--session", job.session], workers=options.jobs)
    fanout.summarise(jobs)
    COUNTS.extend(job.counts for job in jobs)
    if bad := [job.session for job in jobs if job.failed]:
        session.error(f"failed: {', '.join(bad)}")


@nox.session(default=False, venv_backend="none")
def conformance(session: nox.Session) -> None:
    """Hold any trigger operator against the contract and print where it drifts.

    Arguments: [--operator MODULE:CLASS] [--airflow X ...] [--with REQUIREMENT ...] [--jobs N] [--check].
    """
    parser = _parser(session)
    parser.add_argument("--operator", default="upstream")
    parser.add_argument("--airflow", nargs="+", default=[])
    parser.add_argument("--with", nargs="+", default=[], dest="extra", metavar="REQUIREMENT")
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 2))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args(session.posargs)
    _seal(session)
    rows = _rows(session, options.airflow) or MATRIX.defaults
    pythons = {row.airflow: str(airflow_python(session, row, options.extra, dated=False)) for row in rows}
    findings = {row.airflow: FOLDER / "conformance" / f"{row.airflow}.json" for row in rows}

    def command(job: fanout.Job) -> list[str]:
        suite = [pythons[job.release], "-m", "trigger_compat.suite", "--operator", options.operator]
        findings[job.release].unlink(missing_ok=True)
        report = ["--findings", str(findings[job.release]), f"--junit-xml={job.results}"]
        return [*suite, *report, "-q", "--tb=short"]

    # That tests fail is a finding; that they could not run is not.
    jobs = [
        fanout.Job(session=f"conformance({row.airflow})", release=row.airflow, fine=(0, 1)) for row in rows
    ]
    fanout.run(jobs, command, workers=options.jobs)
    if bad := [job.session for job in jobs if job.failed]:
        session.error(f"could not run: {', '.join(bad)}")
    table = drift.load(list(findings.values()))
    for name, text in (("drift.md", drift.as_markdown(table)), ("drift.json", drift.as_json(table))):
        (FOLDER / "conformance" / name).write_text(text + "\n", encoding="utf-8")
    print(drift.as_table(table))
    print(f"written: {(FOLDER / 'conformance' / 'drift.md').relative_to(ROOT)} and drift.json beside it")
    if options.check and any(job.code for job in jobs):
        session.error(f"{options.operator} does not keep the contract on every release")


@nox.session(default=False, venv_backend="none")
def bench(session: nox.Session) -> None:
    """Measure. Arguments: [operators | matrix | scale] [--airflow X ...] [--repetitions N] [-k EXPRESSION].

    By default this package beside upstream's operator; ``matrix`` is about the time that these sessions take.
    """
    parser = _parser(session)
    parser.add_argument("what", nargs="?", choices=("operators", "matrix", "scale"), default="operators")
    parser.add_argument("--airflow", nargs="+", default=[])
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("-k", dest="expression", default="test_wait")
    options = parser.parse_args(session.posargs)
    _seal(session)
    session.env["PYTHONPATH"] = str(ROOT / "src")
    rows = _rows(session, options.airflow) or (
        MATRIX.defaults[::3] if options.what == "matrix" else MATRIX.defaults
    )
    if options.what == "matrix":
        timing.report(timing.measure(session, rows, options.repetitions, options.expression))
        return
    command = [sys.executable, "-m", "benchmarks", options.what]
    if options.what == "operators":
        command += ["--repetitions", str(options.repetitions)]
        command += [f"{row.airflow}={airflow_python(session, row)}" for row in rows]
    session.run(*command, external=True)


@nox.session(default=False)
def e2e(session: nox.Session) -> None:
    """Run the tests on a whole Airflow, and hurt it. Arguments: [VERSION ...] [--upgrade [FROM:TO ...]].

    Without arguments: on the default releases but for previews, and in upgrades to the newest of them, from
    the minor before it and from the major before it. --upgrade alone stands for these upgrades.
    """
    parser = _parser(session)
    parser.add_argument("versions", nargs="*", metavar="VERSION")
    parser.add_argument("--upgrade", nargs="*", metavar="FROM:TO")
    options = parser.parse_args(session.posargs)
    if bad := [each for each in options.upgrade or () if each.count(":") != 1]:
        session.error(f"--upgrade {bad[0]}: say FROM:TO, two releases of the matrix")
    rows: Sequence[matrix.Release] = [row for row in MATRIX.defaults if not row.preview]
    upgrades: Sequence[Sequence[matrix.Release]] = MATRIX.upgrades
    if session.posargs:
        rows = _rows(session, options.versions)
        if options.upgrade != []:
            upgrades = [_rows(session, each.split(":")) for each in options.upgrade or ()]
    _seal(session)
    install_once(session, *TOOL_REQUIREMENTS, *TEST_REQUIREMENTS)
    for row in rows:
        with _counted(f"e2e({row.airflow})") as report:
            session.env["TRIGGER_COMPAT_E2E_PYTHON"] = str(airflow_python(session, row))
            _run_stack(session, "pytest", "tests/e2e", "-m", "not upgrade", report)
    for old, new in upgrades:
        with _counted(f"e2e({old.airflow}-{new.airflow})") as report:
            session.env["TRIGGER_COMPAT_E2E_PYTHON_FROM"] = str(airflow_python(session, old))
            session.env["TRIGGER_COMPAT_E2E_PYTHON"] = str(airflow_python(session, new))
            _run_stack(session, "pytest", "tests/e2e", "-m", "upgrade", report)


@nox.session(default=False)
def ui(session: nox.Session) -> None:
    """Click the operator link in the web UI. Arguments: [VERSION ...] [--screenshots] [--chromium PATH].

    Without versions: on the default releases but for previews. --screenshots renews the pictures of the docs.
    """
    parser = _parser(session)
    parser.add_argument("versions", nargs="*", metavar="VERSION")
    parser.add_argument("--screenshots", action="store_true")
    parser.add_argument("--chromium", metavar="PATH")
    options = parser.parse_args(session.posargs)
    _seal(session)
    try:
        session.env["TRIGGER_COMPAT_CHROMIUM"] = chromium.find(options.chromium)
    except SystemExit as error:
        session.error(str(error))
    install_once(session, *TOOL_REQUIREMENTS, *UI_REQUIREMENTS, *TEST_REQUIREMENTS)
    pictures = ["--screenshots", str(ROOT / "docs" / "images" / "ui")] if options.screenshots else []
    rows = _rows(session, options.versions) or [row for row in MATRIX.defaults if not row.preview]
    for row in rows:
        with _counted(f"ui({row.airflow})") as report:
            session.env["TRIGGER_COMPAT_E2E_PYTHON"] = str(airflow_python(session, row))
            _run_stack(session, "pytest", "tests/ui", report, *pictures)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show a fault on a real Airflow. Arguments: [VERSION] [--fault FAULT] [--from V] [--compare] [--keep].

    FAULT is crash, hostloss or upgrade; an upgrade to VERSION starts from the release of --from.
    """
    parser = _parser(session)
    parser.add_argument("version", nargs="?", metavar="VERSION")
    parser.add_argument("--fault", choices=("crash", "hostloss", "upgrade"), default="crash")
    parser.add_argument("--from", dest="old", metavar="VERSION")
    parser.add_argument("--compare", action="append_const", const="--compare", dest="passed_on", default=[])
    parser.add_argument("--keep", action="append_const", const="--keep", dest="passed_on")
    options = parser.parse_args(session.posargs)
    final = [row for row in MATRIX.defaults if not row.preview]
    [row] = _rows(session, [options.version]) if options.version else final[-1:]
    _seal(session)
    install_once(session, *TOOL_REQUIREMENTS)
    command = ["tests/e2e/demo.py", "--python", str(airflow_python(session, row)), "--fault", options.fault]
    if options.fault == "upgrade":
        [old] = _rows(session, [options.old]) if options.old else final[-2:-1]
        command += ["--from-python", str(airflow_python(session, old))]
    _run_stack(session, "python", *command, *options.passed_on)


@nox.session(default=False)
def quickstart(session: nox.Session) -> None:
    """Follow docs/quickstart.md from an empty folder to its last block. Arguments: [VERSION ...]."""
    parser = _parser(session)
    parser.add_argument("versions", nargs="*", metavar="VERSION")
    options = parser.parse_args(session.posargs)
    rows = _rows(session, options.versions) or [row for row in MATRIX.defaults if not row.preview]
    _seal(session)
    install_once(session, *TEST_REQUIREMENTS, "packaging")
    for row in rows:
        _run_stack(session, "python", "tests/e2e/follow.py", row.airflow)


@nox.session(default=False, venv_backend="none")
def names(session: nox.Session) -> None:
    """Write the table of names that the floor report decides import fallbacks with."""
    _seal(session)
    nametable.write(session)


@nox.session(default=False, venv_backend="none")
def refresh(session: nox.Session) -> None:
    """Print the rows that the matrix lacks of PyPI. Arguments: [--force] [--check] [--report FILE].

    --force writes them, and what shows the matrix; --check fails if there are any. FILE becomes the question
    to open, or is deleted if there is none. URL is another index that has PyPI's JSON API.
    """
    parser = _parser(session)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--force", action="store_true")
    what.add_argument("--check", action="store_true")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--url", default=index.URL)
    options = parser.parse_args(session.posargs)
    try:
        complete = index.refresh(ROOT, options.url, force=options.force, report_to=options.report)
    except (MatrixError, index.RefreshError) as error:
        session.error(str(error))
    if options.check and not complete:
        session.error("the matrix is not complete; see above")


@nox.session(default=False, venv_backend="none")
def newest(session: nox.Session) -> None:
    """Run all tests on the newest releases on PyPI, with dependencies of today. Arguments: [--airflow X ...].

    Those are the newest final release, and the newest pre-release if there is one after it. --github FILE
    runs nothing, but appends them to FILE as the output ``matrix`` of a step; --url as for refresh.
    """
    parser = _parser(session)
    parser.add_argument("--airflow", nargs="+", default=[])
    parser.add_argument("--github", type=Path)
    parser.add_argument("--url", default=index.URL)
    options = parser.parse_args(session.posargs)
    _seal(session)
    try:
        rows = index.newest_rows(MATRIX, options.url, options.airflow)
    except (MatrixError, index.RefreshError) as error:
        session.error(str(error))
    if options.github:
        with options.github.open("a", encoding="utf-8") as file:
            file.write(f"matrix={matrix.as_github(rows)}\n")
        return
    for row in rows:
        with _counted(f"newest({row.airflow})") as report:
            python = str(airflow_python(session, row, kind="newest"))
            session.env["AIRFLOW_HOME"] = str(FOLDER / f"newest-{row.airflow}" / "home")
            session.run(python, "-m", "tests.cell", row.airflow, row.path, external=True)
            # Of a minor that is not known yet the package says so, each time, in an environment of its own.
            known = ("-W", "default:trigger-compat knows Airflow up to")
            session.run(python, "-m", "pytest", *ROW_TESTS, *known, report, external=True)


@nox.session(default=False)
def floor(session: nox.Session) -> None:
    """Report what each floor buys, by what the tests ran. Arguments: [--airflow X ...], the report's own."""
    parser = _parser(session)
    parser.add_argument("--airflow", nargs="+", default=[])
    options, passed_on = parser.parse_known_args(session.posargs)
    _seal(session)
    for row in _rows(session, options.airflow) or MATRIX.defaults:
        evidence.of(session, row, airflow_python(session, row))
    install_once(session, *EXTRAS["cli"], "packaging", project=True)
    report = ("python", "-m", "trigger_compat", "floor", "--source", ".", "--evidence", str(evidence.FOLDER))
    session.run(*report, *passed_on)


@nox.session(default=False)
def dist(session: nox.Session) -> None:
    """Build what is uploaded, twice; look into it; try the wheel. Arguments: [--all] [--airflow X ...].

    Tried on the oldest and the newest final release by default. What was built stays in dist.
    """
    parser = _parser(session)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--airflow", nargs="+", default=[])
    options = parser.parse_args(session.posargs)
    _seal(session)
    install_once(session, *nox.project.dependency_groups(PYPROJECT, "dist"))
    source, wheel = distribution.build(session)
    distribution.check(session, source, wheel)
    final = [row for row in MATRIX.releases if not row.preview]
    rows = _rows(session, options.airflow) or (MATRIX.releases if options.all else (final[0], final[-1]))
    for row in rows:
        distribution.try_out(session, row, wheel)


@nox.session(default=False, venv_backend="none")
def prove(session: nox.Session) -> None:
    """Raise the floor on a copy, and test it. Arguments: [--floor X.Y] [--airflow X ...]."""
    parser = _parser(session)
    parser.add_argument("--floor", metavar="X.Y")
    parser.add_argument("--airflow", nargs="+", default=[])
    options = parser.parse_args(session.posargs)
    _seal(session)
    proof.prove(session, _rows(session, options.airflow), options.floor)


def _run_stack(session: nox.Session, *command: str) -> None:
    """Run what starts a stack; nox would kill it half a second after Ctrl-C, a stack needs longer to end."""
    session.run(*command, interrupt_timeout=30, terminate_timeout=30)


def _seal(session: nox.Session) -> None:
    """Keep out of a session what is meant for nox itself, or for another Airflow."""
    unwanted = {"PYTHONPATH", "PYTEST_ADDOPTS", "PYTHONDONTWRITEBYTECODE"}
    for name in os.environ:
        if name in unwanted or name.startswith(("AIRFLOW_", "TRIGGER_COMPAT_")):
            session.env[name] = None


@contextlib.contextmanager
def _counted(name: str) -> Iterator[str]:
    """Give pytest's option for a report, and take what it said into the closing line, also on failure."""
    results = tally.results_file(name)
    results.parent.mkdir(parents=True, exist_ok=True)
    results.unlink(missing_ok=True)
    code = 1
    try:
        yield f"--junit-xml={results}"
        code = 0
    finally:
        COUNTS.append(tally.count(results, code))


def _rows(session: nox.Session, versions: Sequence[str]) -> Sequence[matrix.Release]:
    try:
        return [MATRIX.release(version) for version in versions]
    except MatrixError as error:
        session.error(str(error))


def _parser(session: nox.Session) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"nox -s {session.name} --", add_help=False)
    parser.error = session.error  # type: ignore[method-assign, assignment]
    return parser


@atexit.register
def _close() -> None:
    """Print the closing line, after everything that nox itself has to say."""
    if COUNTS:
        print(tally.closing_line(COUNTS), flush=True)
