"""The interpreters that judge mutants, as seen from the command."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from tests.mutation import server
from tests.mutation.mutants import ROOT

if TYPE_CHECKING:
    from tests.mutation.tiers import Tier


class JudgeError(Exception):
    """A tier cannot judge."""


class Cold:
    """An interpreter that has imported nothing of ours, as seen from here."""

    def __init__(self, tier: Tier) -> None:
        # Rewritten tests are kept, because each mutant imports them anew.
        kept = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(tier.folder / "pycache")}
        self._process = subprocess.Popen(
            [str(tier.python), "-m", "tests.mutation.cold"],
            cwd=ROOT,
            env=tier.environment(kept),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, job: Mapping[str, Any]) -> int:
        """Run tests with one mutant; return pytest's exit code, a negative number if it took too long."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code: int = json.loads(self._process.stdout.readline())
        return code

    def close(self) -> None:
        self._process.communicate()


class Server:
    """A pytest that has imported and set up all, as seen from here."""

    def __init__(self, tier: Tier) -> None:
        jobs, self._jobs = os.pipe()
        answers_here, answers = os.pipe()
        environment = tier.environment({server.PIPES: f"{jobs},{answers}", server.WARM_UP: tier.warm_up})
        pytest = [
            str(tier.python),
            "-m",
            "pytest",
            "-p",
            "tests.mutation.server",
            "-p",
            "no:cacheprovider",
            "--tb=native",  # the others parse the test's file for each failure
            "-q",
        ]
        self._log = tier.folder / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*pytest, *tier.tests],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
                pass_fds=(jobs, answers),
            )
        os.close(jobs)
        os.close(answers)
        self._answers: IO[str] = os.fdopen(answers_here)
        missing = tier.seconds.keys() - set(self._answer()["ready"])
        if missing:
            raise JudgeError(f"{tier.name}: {min(missing)} is not collected any more; give --measure")

    def ask(self, job: Mapping[str, Any]) -> dict[str, Any]:
        """Judge one mutant."""
        os.write(self._jobs, json.dumps(job).encode() + b"\n")
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise JudgeError(f"the server has ended, see {self._log}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._jobs)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            server.kill(self._process.pid)
        self._answers.close()
