# /// script
# requires-python = ">=3.10"
# dependencies = [
#     "coverage>=7.10,<8", "jsonschema>=4.18", "nox>=2025.5.1", "packaging", "PyYAML>=6", "rich>=13",
#     "uv>=0.7",
# ]
# ///
"""Every check of this project, on every Airflow of compat-matrix.yaml.

Run ``nox``, or ``python3 noxfile.py`` where only Python and pip are installed; both take nox's arguments.

Without arguments: lint, types, unit tests, and the tests of the default releases, side by side.
``-t all``, ``-t default``, ``-t 3.2``: the tests of these releases, one after the other.
``-s matrix -- --all``: everything side by side, on all releases. ``-l`` lists all sessions.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

if __name__ == "__main__":
    from tools import bootstrap

    bootstrap.run_nox(Path(__file__))

import nox

from benchmarks import sessions as benchmark
from tests import conformance as contract_suite
from tests.e2e import runs
from tests.mutation import session as mutation
from tests.quick import session as quick_session
from tests.soak import session as soaking
from tools import distribution, generated, name_table, parallel, sessions, type_checks
from tools import refresh as index
from tools.environments import BUILD, EXTRAS, TEST_REQUIREMENTS, group, install_once
from tools.raising import proof
from tools.raising.report import measured_report
from tools.sessions import FILE, FLAG, JOBS, SEVERAL, VERSIONS
from trigger_compat import matrix

nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
sessions.seal()
MATRIX: Final = matrix.load()


@nox.session(default=False)
def lint(session: nox.Session) -> None:
    """Check style, spelling, the workflows, the matrix file and its schema."""
    install_once(session, *group("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")
    session.run("codespell")
    schema = ("check-jsonschema", "--quiet", "--builtin-schema")
    session.run(*schema, "vendor.github-workflows", *map(str, ROOT.glob(".github/workflows/*.yml")))
    session.run(*schema, "vendor.github-actions", "action.yml")
    session.run(schema[0], "--quiet", "--check-metaschema", "src/trigger_compat/matrix/schema.json")
    session.run("zizmor", "--offline", "--quiet", "--no-progress", ".github", "action.yml")
    session.env["PYTHONPATH"] = str(ROOT / "src")
    session.run("python", "-m", "trigger_compat.matrix", "--check")
    session.run("python", "-m", "trigger_compat", "floor", "--check")


@nox.session(default=False)
def types(session: nox.Session) -> None:
    """Check types against the oldest and the newest Airflow, the types that users see, and the tools."""
    install_once(session, *group("types", "runner"))
    type_checks.check(session)


@nox.session(default=False)
def unit(session: nox.Session) -> None:
    """Run the tests that need no Airflow, in an environment without one."""
    with sessions.counted(session.name) as report:
        install_once(
            session, *TEST_REQUIREMENTS, *BUILD, *EXTRAS["cli"], *group("runner", "mutants"), project=True
        )
        session.run("pytest", "tests/unit", "tests/tools", "-W", "error", report, *session.posargs)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Build the site; test links, tables and code blocks. Arguments: [--write], which only writes tables."""
    options = sessions.options(session, {"--write": FLAG}, passes_on=True)
    if options.write:
        session.log(f"written: {', '.join(generated.write()) or 'none'}")
        return
    with sessions.counted(session.name) as report:
        # The build backend is for the wheel that the provider of docs/ci.md installs.
        tools = (*BUILD, *group("docs"), *EXTRAS["cli"], "packaging")
        install_once(session, *TEST_REQUIREMENTS, *tools, project=True)
        # --quiet would hide the warnings that --strict counts; the variable hides a banner.
        session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})
        session.run("pytest", "tests/docs", report, *options.passed_on)


@nox.session(default=False, venv_backend="none")
@nox.parametrize(
    "airflow",
    [
        nox.param(row.airflow, id=row.airflow, tags=["all", row.minor, *(["default"] if row.default else [])])
        for row in MATRIX.releases
    ],
)
def tests(session: nox.Session, airflow: str) -> None:
    """Run all tests on one Airflow, after proving that it is that release and takes the path of its row."""
    sessions.test_row(session, session.name, MATRIX.release(airflow), *session.posargs)


@nox.session(default=False)
def quick(session: nox.Session) -> None:
    """Run in about a minute what an edit needs, on the oldest and the newest row. Arguments: [BASE]."""
    install_once(session, *TEST_REQUIREMENTS, *BUILD, *EXTRAS["cli"], *group("runner"), project=True)
    quick_session.run(session, (MATRIX.releases[0], MATRIX.final_defaults[-1]))


@nox.session(default=False, venv_backend="none")
def lineage(session: nox.Session) -> None:
    """Run the tests of clause R6 with OpenLineage installed, on the oldest and the newest default release."""
    suite = ("src/trigger_compat/suite/test_lineage.py", *session.posargs)
    extra = ("apache-airflow-providers-openlineage",)
    for row in (MATRIX.final_defaults[0], MATRIX.final_defaults[-1]):
        sessions.test_row(session, f"lineage({row.airflow})", row, *suite, extra=extra)


@nox.session(name="matrix", venv_backend="none")
def run_matrix(session: nox.Session) -> None:
    """Run the checks and the tests side by side. Arguments: [--all] [--airflow X ...] [--jobs N]."""
    options = sessions.options(session, {"--all": FLAG, "--airflow": SEVERAL, "--jobs": JOBS})
    rows = sessions.rows(session, options.airflow) or (MATRIX.releases if options.all else MATRIX.defaults)
    jobs = [parallel.Job(session=name) for name in ("lint", "unit", "types", "docs", "lineage", "dist")]
    jobs += [
        parallel.Job(session=f"tests({row.airflow})", release=row.airflow, path=row.path) for row in rows
    ]
    sessions.side_by_side(session, parallel.longest_first(jobs), options.jobs)


@nox.session(default=False, venv_backend="none")
def conformance(session: nox.Session) -> None:
    """Check any trigger operator against the contract, and print where it drifts.

    Arguments: [--operator MODULE:CLASS] [--airflow X ...] [--with REQUIREMENT ...] [--jobs N] [--check].
    """
    arguments = {"--airflow": SEVERAL, "--jobs": JOBS, "--check": FLAG}
    arguments |= {"--with": {**SEVERAL, "dest": "extra"}}
    options = sessions.options(session, {"--operator": {"default": "upstream"}, **arguments})
    rows = sessions.rows(session, options.airflow) or MATRIX.defaults
    kept = contract_suite.run(session, options.operator, rows, options.extra, options.jobs)
    if options.check and not kept:
        session.error(f"{options.operator} does not keep the contract on every release")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure. Arguments: [operators | matrix | scale] [--airflow X ...] [--repetitions N] [-k EXPRESSION].

    The default is this package beside upstream's operator; ``matrix`` measures how long these sessions take,
    ``scale`` what many waits cost, [--waits N] of them on a real Airflow.
    """
    options = sessions.options(session, {**benchmark.ARGUMENTS, "--airflow": SEVERAL})
    benchmark.SESSIONS[options.what](session, sessions.rows(session, options.airflow), options)


@nox.session(default=False)
def e2e(session: nox.Session) -> None:
    """Test a whole Airflow, and break its parts. Arguments: [VERSION ...] [--upgrade [FROM:TO ...]].

    VERSION runs Celery too. Without arguments: the default releases without previews; Celery on the oldest
    and the newest of them; upgrades to the newest, from the minor and the major before it, or by --upgrade.
    """
    wanted = runs.chosen(session, MATRIX)
    install_once(session, *group("e2e"), *TEST_REQUIREMENTS)
    runs.run(session, wanted)


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Hurt a real Airflow by chance, and judge its history. Arguments: VERSION [--executor celery].

    [--minutes N] [--parents N] [--seed S] [--path PATH] [--control plain | upstream]; or --check FILE alone.
    """
    soaking.run(session)


@nox.session(default=False)
def ui(session: nox.Session) -> None:
    """Click the operator link in the web UI. Arguments: [VERSION ...] [--screenshots] [--chromium PATH].

    Without versions: the default releases without previews. --screenshots renews the pictures of the docs.
    """
    runs.ui(session, MATRIX)


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Show a fault on a real Airflow. Arguments: [VERSION] [--fault FAULT] [--from V] [--compare] [--keep].

    FAULT is crash, hostloss or upgrade; an upgrade to VERSION starts from that of --from. [--svg FILE] draws.
    """
    runs.demo(session, MATRIX)


@nox.session(default=False)
def quickstart(session: nox.Session) -> None:
    """Follow docs/quickstart.md from an empty folder to its last block. Arguments: [VERSION ...]."""
    options = sessions.options(session, {"versions": VERSIONS})
    install_once(session, *TEST_REQUIREMENTS, "packaging")
    for row in sessions.rows(session, options.versions) or MATRIX.final_defaults:
        sessions.run_stack(session, "python", "tests/e2e/follow.py", row.airflow)


@nox.session(default=False)
def mutants(session: nox.Session) -> None:
    """Find changes of the package that no test notices. Arguments: [--minutes N] [--only MODULE] [--list].

    Goes on where the last run stopped. MODULE is one such as task/wait.py. --list judges nothing, and shows
    the survivors as diffs. [--measure] finds out anew which tests run which lines. [--airflow [X ...]] judges
    on these releases, or on none, instead of one of each path.
    """
    mutation.run(session)


@nox.session(default=False, venv_backend="none")
def names(session: nox.Session) -> None:
    """Write the table of names that the floor report decides import fallbacks with."""
    name_table.write(session)


@nox.session(default=False, venv_backend="none")
def refresh(session: nox.Session) -> None:
    """Print the rows that the matrix lacks. Arguments: [--force | --check] [--report FILE] [--url URL].

    --force writes them, and what lists the releases; --check fails if there are any. FILE gets the text of
    the issue to open, or is deleted if there is none. URL is another index with PyPI's JSON API.
    """
    arguments = {"--force": FLAG, "--check": FLAG, "--report": FILE, "--url": {"default": index.URL}}
    options = sessions.options(session, arguments)
    with sessions.one_line_errors(session):
        index.refresh(ROOT, options.url, force=options.force, check=options.check, report_to=options.report)


@nox.session(default=False, venv_backend="none")
def newest(session: nox.Session) -> None:
    """Test the newest releases on PyPI, with dependencies of today. Arguments: [--airflow X ...] [--url URL].

    Those are the newest final release, and the newest pre-release of a later minor. --github FILE runs
    nothing, but appends them to FILE as the output ``matrix`` of a step.
    """
    arguments = {"--airflow": SEVERAL, "--github": FILE, "--url": {"default": index.URL}}
    options = sessions.options(session, arguments)
    with sessions.one_line_errors(session):
        rows = index.newest_rows(options.url, options.airflow)
        if options.github:
            with options.github.open("a", encoding="utf-8") as file:
                file.write(f"matrix={matrix.as_github(rows)}\n")
            return
        # The package warns about a minor that it does not know yet, as it should.
        known = ("-W", "default:trigger-compat knows Airflow up to")
        for row in rows:
            sessions.test_row(session, f"newest({row.airflow})", row, *known, kind="newest")


@nox.session(default=False)
def floor(session: nox.Session) -> None:
    """Report what each floor buys, and what the tests ran. Arguments: [--airflow X ...], the report's own."""
    options = sessions.options(session, {"--airflow": SEVERAL}, passes_on=True)
    install_once(session, *EXTRAS["cli"], "packaging", project=True)
    session.run("trigger-compat", "floor", "--source", ".", *options.passed_on)
    with sessions.one_line_errors(session):
        rows = sessions.rows(session, options.airflow) or MATRIX.defaults
        print(measured_report(session, rows, options.passed_on))


@nox.session(default=False)
def dist(session: nox.Session) -> None:
    """Build what is uploaded, twice; check it; try the wheel. Arguments: [--all] [--airflow X ...].

    By default on the oldest and the newest final release. What was built stays in dist.
    """
    options = sessions.options(session, {"--all": FLAG, "--airflow": SEVERAL})
    install_once(session, *group("dist"))
    source, wheel = distribution.build(session)
    distribution.check(session, source, wheel)
    ends = (MATRIX.releases[0], MATRIX.final_defaults[-1])
    for row in sessions.rows(session, options.airflow) or (MATRIX.releases if options.all else ends):
        distribution.try_out(session, row, wheel)


@nox.session(default=False, venv_backend="none")
def prove(session: nox.Session) -> None:
    """Raise the floor on a copy, and test it. Arguments: [--floor X.Y] [--airflow X ...]."""
    options = sessions.options(session, {"--floor": {}, "--airflow": SEVERAL})
    with sessions.one_line_errors(session):
        proof.prove(session, sessions.rows(session, options.airflow), options.floor)
