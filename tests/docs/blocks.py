"""The fenced blocks of the pages, and the rule that says how each is run.

A block of commands is as many units as it has commands; any other block is one unit. Every unit must match a
rule of its language, or a test fails. A rule's tier says where its units are run; a test there takes all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt

ROOT: Final = Path(__file__).parents[2]
COMMANDS: Final = "console"


class Tier(Enum):
    """Where a unit is run."""

    PAGES = "by the docs session, without Airflow: tests/docs"
    ROW = "on each release: tests/integration/test_pages.py"
    NEWEST = "on the newest final release alone, because it takes seconds and no release matters to it"
    FOLLOWED = "by the session that follows the page from the first block to the last: nox -s quickstart"


@dataclass(frozen=True)
class Unit:
    """A block, or one command of it."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def of_major(self) -> str | None:
        """The major of Airflow that a comment behind a command confines it to."""
        found = re.search(r"# Airflow (\d)$", self.text)
        return found[1] if found else None


@dataclass(frozen=True)
class Rule:
    """How the units that match are run."""

    name: str
    tier: Tier
    language: str
    pattern: str
    page: str = ""
    """Only there; by default everywhere."""

    def claims(self, unit: Unit) -> bool:
        return (
            unit.language == self.language
            and self.page in ("", unit.page)
            and re.search(self.pattern, unit.text) is not None
        )


QUICKSTART: Final = "docs/quickstart.md"
CI: Final = "docs/ci.md"
WHERE: Final = "docs/where-it-runs.md"
RULES: Final = (
    # The first that matches counts.
    Rule("airflow", Tier.ROW, COMMANDS, r"^airflow (?!standalone)"),
    Rule("session", Tier.PAGES, COMMANDS, r"^(nox|python3 noxfile\.py)\b", "README.md"),
    Rule("session", Tier.PAGES, COMMANDS, r"^python3 noxfile\.py\b", "docs/index.md"),
    Rule("session", Tier.PAGES, COMMANDS, r"^python3 noxfile\.py -s demo", QUICKSTART),
    Rule("session", Tier.PAGES, COMMANDS, r"^nox\b", "docs/conformance.md"),
    Rule("session", Tier.PAGES, COMMANDS, r"^nox -s soak ", "docs/soak.md"),
    Rule("follow", Tier.FOLLOWED, COMMANDS, r"", QUICKSTART),
    Rule("provider", Tier.PAGES, COMMANDS, r"^(nox|tox) ", CI),
    Rule("install", Tier.PAGES, COMMANDS, r"^pip (install|wheel) "),
    Rule("export", Tier.PAGES, COMMANDS, r"^export UV_FIND_LINKS=", CI),
    Rule("matrix", Tier.PAGES, COMMANDS, r"^trigger-compat matrix "),
    Rule("folder", Tier.PAGES, COMMANDS, r"^trigger-compat (doctor|migrate) dags/"),
    Rule("doctor", Tier.ROW, COMMANDS, r"^trigger-compat doctor\b"),
    Rule("floor", Tier.NEWEST, COMMANDS, r"^trigger-compat floor "),
    Rule("suite", Tier.NEWEST, COMMANDS, r"^python -m trigger_compat\.suite "),
    Rule("copy", Tier.NEWEST, COMMANDS, r"^cp ", "docs/examples.md"),
    Rule("provider", Tier.PAGES, "python", r"^# noxfile\.py\n", CI),
    Rule("example", Tier.PAGES, "python", r"", "docs/examples.md"),
    Rule("example", Tier.PAGES, "python", r"", "docs/task-functions.md"),
    Rule("ignore", Tier.PAGES, "python", r"# floor: ignore", "docs/floor.md"),
    Rule("dag", Tier.ROW, "python", r"\bTriggerDagRunOperator\("),
    Rule("provider", Tier.PAGES, "toml", r"^# tox\.toml\n", CI),
    Rule("provider", Tier.PAGES, "yaml", r"^# \.github/workflows/\w+\.yml\n", CI),
    Rule("hooks", Tier.PAGES, "yaml", r"^# \.pre-commit-config\.yaml\n", CI),
    Rule("settings", Tier.PAGES, "toml", r"^\[tool\.trigger-compat\.floor\]", "docs/floor.md"),
    Rule("ruff", Tier.PAGES, "toml", r"banned-api", "docs/migrate.md"),
    Rule("factory", Tier.PAGES, "yaml", r"operator: trigger_compat\.", "docs/migrate.md"),
    Rule(
        "import",
        Tier.ROW,
        "diff",
        r"^-from airflow[\w.]* import \w+\n\+from trigger_compat import \w+  # was: [\w.]+$",
    ),
    Rule("image", Tier.PAGES, "dockerfile", r"^FROM apache/airflow:", WHERE),
    Rule("requirements", Tier.PAGES, "text", r"^--constraint ", WHERE),
    Rule("run id", Tier.PAGES, "text", r"^durable__<parent dag>", "docs/durable.md"),
    Rule("tree", Tier.PAGES, "text", r"^noxfile\.py ", "docs/contributing.md"),
)


def pages() -> list[Path]:
    """Return every page that people read."""
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@cache
def units() -> tuple[Unit, ...]:
    """Return the units of all pages, in order."""
    found: list[Unit] = []
    for file in pages():
        page = file.relative_to(ROOT).as_posix()
        for token in MarkdownIt().parse(file.read_text(encoding="utf-8")):
            if token.type not in ("fence", "code_block"):
                continue
            line = token.map[0] + 1 if token.map else 0
            language = token.info.strip() if token.type == "fence" else "(indented)"
            if language == COMMANDS:
                found += [Unit(page, line + at, language, text) for at, text in _commands(token.content)]
            else:
                found.append(Unit(page, line, language, token.content.rstrip("\n")))
    return tuple(found)


def _commands(text: str) -> Iterator[tuple[int, str]]:
    """Split a block into commands: a line each, but for here documents."""
    lines = iter(enumerate(text.splitlines(), 1))
    for at, line in lines:
        command = line.rstrip()
        if found := re.search(r"<<'(\w+)'", command):
            for _, more in lines:
                command += f"\n{more}"
                if more == found[1]:
                    break
        if command and not command.startswith("#"):
            yield at, command


def rule_of(unit: Unit) -> Rule | None:
    """Return the rule that says how this is run."""
    return next((rule for rule in RULES if rule.claims(unit)), None)


def claimed(tier: Tier, name: str) -> list[Unit]:
    """Return the units that a rule of this tier and name claims."""
    return [unit for unit in units() if (rule := rule_of(unit)) and (rule.tier, rule.name) == (tier, name)]


def command_of(unit: Unit) -> str:
    """Return a command without the comment behind it."""
    return re.sub(r"\s+#.*$", "", unit.text)
