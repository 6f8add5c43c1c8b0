"""Carries out ``trigger-compat floor``: scans each source, and puts the reports together."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from trigger_compat.errors import SettingsError, UnknownFloor
from trigger_compat.floor.lifecycles import KEY
from trigger_compat.floor.report import baseline, build, check, heatmap, ignores, policy_dates, render
from trigger_compat.floor.report.baseline import Entry
from trigger_compat.floor.report.model import FloorReport, Problem
from trigger_compat.floor.scan import names, releases, scanner
from trigger_compat.floor.settings import TABLE, Settings
from trigger_compat.floor.targets import Target
from trigger_compat.matrix import Policy
from trigger_compat.matrix import load as load_matrix
from trigger_compat.output import write


class Run:
    """The reports on some sources.

    :raises TriggerCompatError: an argument or a setting is wrong.
    """

    def __init__(self, options: argparse.Namespace, targets: Sequence[Target]) -> None:
        self._options = options
        self._today = options.today or datetime.now(timezone.utc).date()
        self._matrix = load_matrix(options.matrix)
        self._heat_map = heatmap.from_file(options.drift) if options.drift else None
        days = policy_dates.release_days(load_matrix()).items()
        self._names = names.load().of({airflow for airflow, day in days if day <= self._today})
        self._baselines: dict[Path, tuple[Entry, ...]] = {}
        self._checked = [self._report(target) for target in targets]
        self.reports: list[FloorReport] = [report for report, _ in self._checked]
        self._add_stale()

    def show(self, form: str, output: Path | None) -> None:
        """Write the reports in a format."""
        if form == "table" and output is None:
            render.show(*self.reports)
            return
        write(render.FORMATS[form](*self.reports), output)

    def problems(self) -> list[str]:
        """Return the lines of ``--check``."""
        here = Path.cwd()
        return [
            f"{report.path(problem.file, here)}:{problem.line}: {problem.message}"
            for report in self.reports
            for problem in report.problems
        ]

    def write_baseline(self, file: Path) -> None:
        """Write what ``--check`` would count into a baseline."""
        entries = [
            entry
            for report, settings in self._checked
            for _, entry in baseline.fingerprints(report, check.leftovers(report, settings))
        ]
        write(baseline.text_of(entries), file)
        known = {entry.fingerprint for entry in entries}
        self.reports = [
            replace(
                report,
                problems=tuple(
                    each
                    for each in report.problems
                    if each.fingerprint not in known and each.rule != "stale-baseline"
                ),
            )
            for report in self.reports
        ]

    def _report(self, target: Target) -> tuple[FloorReport, Settings]:
        options, settings = self._options, target.settings
        settings = replace(settings, allow_older=options.allow_older or settings.allow_older)
        try:
            policy = options.policy or settings.policy
            known = self._policies(settings)
            chosen = policy_dates.choose(policy, known) if policy else None
            floors = [releases.parse_floor(text) for text in options.floor or settings.floor]
        except UnknownFloor as error:
            if options.policy or options.floor or settings.folder is None:
                raise
            raise SettingsError(f"{settings.folder / 'pyproject.toml'}: [{TABLE}] {error}") from error
        scan, wrong_ignores = ignores.apply(scanner.scan(target.source, self._names))
        report = build.build(
            scan,
            self._matrix,
            self._today,
            floors=floors,
            policies=known if chosen is None or chosen in known else (*known, chosen),
            heat_map=self._heat_map,
            folder=target.folder,
        )
        accepted = {entry.fingerprint for entry in self._baseline(settings)}
        problems = (*check.problems(report, chosen, settings, known=accepted), *wrong_ignores)
        notes = tuple(check.notes(report)) if options.floor else ()
        return replace(report, problems=problems, notes=notes), settings

    def _policies(self, settings: Settings) -> tuple[Policy, ...]:
        """Return the policies of the matrix, then those of the settings."""
        taken = {policy.id for policy in self._matrix.policies}
        for each in settings.lifecycles:
            if each.id in taken:
                where = f"{settings.folder and settings.folder / 'pyproject.toml'}: [{TABLE}] {KEY}.{each.id}"
                raise SettingsError(f"{where}: compat-matrix.yaml has a policy of that name; choose another")
        return (*self._matrix.policies, *settings.lifecycles)

    def _baseline_file(self, settings: Settings) -> Path | None:
        file: Path | None = self._options.baseline or settings.baseline_file
        if file and self._options.write_baseline and not file.exists():
            return None  # it is about to be written
        return file

    def _baseline(self, settings: Settings) -> tuple[Entry, ...]:
        file = self._baseline_file(settings)
        if file is None:
            return ()
        if file not in self._baselines:
            self._baselines[file] = baseline.read(file)
        return self._baselines[file]

    def _add_stale(self) -> None:
        for at, (report, settings) in enumerate(self._checked):
            stale = check.stale(self._baseline(settings), [report], settings)
            file = self._baseline_file(settings)
            problems = tuple(_stale(entry, file) for entry in stale if file)
            self.reports[at] = replace(report, problems=(*report.problems, *problems))


def _stale(entry: Entry, file: Path) -> Problem:
    message = f"{entry.file}: `{entry.code}` is not found any more; run again with --write-baseline {file}"
    return Problem(rule="stale-baseline", file=str(file.resolve()), line=1, message=message)
