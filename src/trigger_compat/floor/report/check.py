"""What ``--check`` complains about."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from trigger_compat.floor.report.baseline import Entry, fingerprints
from trigger_compat.floor.report.counts import outermost
from trigger_compat.floor.report.model import FloorReport, Problem
from trigger_compat.floor.report.render.wording import declared, verdict
from trigger_compat.floor.scan.model import Category, Removal
from trigger_compat.floor.scan.releases import dotted
from trigger_compat.floor.settings import Settings
from trigger_compat.matrix import Policy


def problems(
    report: FloorReport, policy: Policy | None, settings: Settings, *, known: Collection[str] = ()
) -> list[Problem]:
    """Return each reason to fail.

    A reason is dead code below the declared floor, or a floor that the policy does not ask for. Code that
    only a comment announces is not a reason, because nothing proves the comment.

    :param policy: the policy to check; None: none.
    :param settings: what is accepted: an older floor than the policy asks for, categories, files.
    :param known: the fingerprints of findings that a baseline accepts.
    """
    found = fingerprints(report, leftovers(report, settings))
    return [
        *_policy(report, policy, allow_older=settings.allow_older),
        *(
            _problem(removal, entry, f"left below the declared floor {declared(report)}: {removal.reason}")
            for removal, entry in found
            if entry.fingerprint not in known
        ),
    ]


def leftovers(report: FloorReport, settings: Settings) -> list[Removal]:
    """Return what is left below the declared floor, and is to be gone."""
    folder = report.folder or Path()
    return outermost(
        removal
        for removal in report.leftovers
        if removal.category is not Category.ANNOUNCED
        and not settings.allows(folder / removal.file, removal.category)
    )


def notes(report: FloorReport) -> list[Problem]:
    """Return what each floor of the report would remove, as remarks."""
    return [
        _problem(removal, entry, f"removable at {floor.name}: {removal.reason}", at=floor.name)
        for floor in report.floors
        for removal, entry in fingerprints(report, outermost(report.removable_at(floor)))
    ]


def stale(entries: Iterable[Entry], reports: Collection[FloorReport], settings: Settings) -> list[Entry]:
    """Return the entries of a baseline about these sources that match nothing any more."""
    names = {report.source.name for report in reports}
    there = {
        entry.fingerprint
        for report in reports
        for _, entry in fingerprints(report, leftovers(report, settings))
    }
    return [each for each in entries if each.source in names and each.fingerprint not in there]


def _problem(removal: Removal, entry: Entry, message: str, at: str = "") -> Problem:
    return Problem(
        rule=removal.category.value,
        file=removal.file,
        line=removal.line,
        end=removal.end,
        message=message,
        level="note" if at else "warning",
        fingerprint=f"{entry.fingerprint}/{at}" if at else entry.fingerprint,
    )


def _policy(report: FloorReport, policy: Policy | None, *, allow_older: bool) -> Iterator[Problem]:
    accepted = ("kept", "overdue") if allow_older else ("kept",)
    for status in report.policies:
        if policy and status.policy.id == policy.id and status.status not in accepted:
            file, line = _requirement(report.folder)
            message = (
                f"floor {declared(report)}: {policy.id} asks for {dotted(status.asks_for)}"
                f" on {report.today} ({verdict(status)})"
            )
            yield Problem(rule="policy", file=file or report.source.name, line=line, message=message)
            return


def _requirement(folder: Path | None) -> tuple[str, int]:
    """Return where a folder declares its floor, or an empty name."""
    try:
        text = ((folder or Path("/nowhere")) / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "", 1
    lines = text.splitlines()
    return "pyproject.toml", next((at for at, line in enumerate(lines, 1) if "apache-airflow" in line), 1)
