"""Judges mutants of what runs on import: each gets a fork of an interpreter that has imported none of it.

``python -m tests.mutation.cold`` reads jobs from its input, one JSON object a line, and answers each with one
line: the exit code of pytest, -9 if it took too long or was killed.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
from contextlib import suppress
from typing import Any, Final

import pytest

from tests.mutation import swap
from tests.mutation.server import kill

_OTHERS: Final = ("hypothesis.strategies", "jinja2", "sqlalchemy.orm", "airflow.sdk", "airflow.models.dagrun")
"""What takes long to import, where it is installed."""


def main() -> None:
    """Serve until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    for name in _OTHERS:
        with suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        answers.write(json.dumps(_judge(json.loads(line))) + "\n")


def _judge(job: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(_in_fork(job))
    watched = os.pidfd_open(pid)
    if not select.select([watched], [], [], job["limit"])[0]:
        os.close(watched)
        kill(pid)
        return -signal.SIGKILL
    os.close(watched)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _in_fork(job: dict[str, Any]) -> int:
    os.setsid()
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if job["dotted"]:
        swap.load_on_import(job["dotted"], job["source"])
    ignored = ("-W", "ignore::pytest.PytestAssertRewriteWarning")  # of modules that were imported here
    return int(pytest.main(["-qx", "-p", "no:cacheprovider", "--tb=native", *ignored, *job["arguments"]]))


if __name__ == "__main__":
    main()
