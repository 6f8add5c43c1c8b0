"""``python -m benchmarks operators|scale|waits|raises``: measure, print, and write JSON and Markdown.

Needs nothing but Python and what is on its path, ``waits`` also what the e2e tests need; the environments of
the Airflow releases are given by name.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks import operators, raises, scale
from trigger_compat import markdown

RESULTS: Final = operators.ROOT / ".nox" / "results"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    of_operators = commands.add_parser("operators", help="this package beside upstream's operator")
    of_operators.add_argument("--repetitions", type=int, default=5)
    of_operators.add_argument("--no-messages", action="store_true", help="leave the real tasks out")
    of_operators.add_argument("environments", nargs="+", metavar="AIRFLOW=PYTHON")
    of_scale = commands.add_parser("scale", help="the load of waiting parents, computed and simulated")
    of_scale.add_argument("--chart", type=Path, metavar="FILE", help="draw the chart into this SVG file")
    of_waits = commands.add_parser("waits", help="many deferred waits on a real Airflow")
    of_waits.add_argument("--waits", type=int, default=1_000)
    of_waits.add_argument("environments", nargs="+", metavar="AIRFLOW=PYTHON")
    of_raises = commands.add_parser("raises", help="the raise of the floor of real packages")
    of_raises.add_argument("folder", type=Path, help="unpacked source distributions")
    of_raises.add_argument("--to", action="append", metavar="X.Y", help="repeatable; default: 3.0 and 3.2")
    of_raises.add_argument("environments", nargs="*", metavar="X.Y=PYTHON", help="to import the modules with")
    options = parser.parse_args(arguments)
    if options.command == "raises":
        _raises(options)
        return
    if options.command == "waits":
        _waits(options.environments, options.waits)
        return
    if options.command == "scale":
        _write("scale", *scale.report(options.chart))
        return
    if options.repetitions < 1:
        parser.error(f"--repetitions {options.repetitions}: give at least 1")
    results: dict[str, Any] = {}
    machine = operators.machine()
    for environment in options.environments:
        airflow, _, python = environment.partition("=")
        print(f"measuring on Airflow {airflow}", flush=True)
        results[airflow] = operators.measure(python, options.repetitions, messages=not options.no_messages)
        print(*operators.table({airflow: results[airflow]}), sep="\n", flush=True)
    machine = f"{machine}; at the end, {operators.machine()}"
    head = f"Medians of {options.repetitions} repetitions in turn. {machine}."
    _write("operators", {"machine": machine, "releases": results}, [head, *operators.table(results)])


def _waits(environments: Sequence[str], number: int) -> None:
    from benchmarks import waits  # needs psycopg2

    found: dict[str, Any] = {}
    lines: list[str] = []
    for environment in environments:
        airflow, _, python = environment.partition("=")
        print(f"measuring on Airflow {airflow}", flush=True)
        figures = [waits.measure(Path(python), operator, number) for operator in waits.OPERATORS]
        found[airflow] = [asdict(each) for each in figures]
        lines += [f"Airflow {airflow}: {waits.table(figures, number)}", ""]
    _write("waits", found, lines)


def _raises(options: argparse.Namespace) -> None:
    pythons = dict(environment.split("=", 1) for environment in options.environments)
    found = list(raises.rows(options.folder, options.to or ["3.0", "3.2"], "ruff", pythons))
    _write("raises", {"rows": found}, markdown.table(raises.COLUMNS, found).splitlines())


def _write(name: str, found: dict[str, Any], lines: Sequence[str]) -> None:
    RESULTS.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    (RESULTS / f"bench-{name}.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (RESULTS / f"bench-{name}.md").write_text(text, encoding="utf-8")
    print(text)
    print(f"details: {(RESULTS / f'bench-{name}.json').relative_to(operators.ROOT)} and .md", flush=True)


if __name__ == "__main__":
    main()
