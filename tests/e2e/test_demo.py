"""The demo, run as a user runs it: to its end, and interrupted in the middle."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.e2e import demo, processes


def start(python: Path, output: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, demo.__file__, "--python", str(python), *options]

    def can_be_interrupted() -> None:
        """What a shell starts with ``&`` ignores SIGINT, and so would all that it starts."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with output.open("wb") as stream:
        return subprocess.Popen(
            command,
            stdout=stream,
            stderr=subprocess.STDOUT,
            preexec_fn=can_be_interrupted,  # noqa: PLW1509 - takes no lock
        )


def listening_ports(of: list[psutil.Process]) -> set[int]:
    ports = set()
    for process in of:
        with contextlib.suppress(psutil.Error):
            connections = process.net_connections(kind="tcp")
            ports |= {each.laddr.port for each in connections if each.status == psutil.CONN_LISTEN}
    return ports


def ends_with_one_child_run(python: Path, output: Path, *options: str) -> None:
    with start(python, output, *options) as process:
        code = process.wait(timeout=600)
    text = output.read_text()
    assert code == 0, text
    assert "SIGKILL" in text
    assert "PASS" in text


def test_demo_ends_with_one_child_run(python: Path, temporary: Path, tmp_path: Path) -> None:
    """On 3.0 this is the loss of the host as well: that Airflow does not retry a killed process."""
    picture = tmp_path / "demo.svg"
    ends_with_one_child_run(python, tmp_path / "output", "--svg", str(picture))
    assert list(temporary.iterdir()) == []
    drawn = picture.read_text(encoding="utf-8")
    assert "SIGKILL" in drawn
    assert "PASS" in drawn
    assert len(drawn) < 40_000


@pytest.mark.upgrade
def test_demo_of_an_upgrade_ends_with_one_child_run(
    python_from: Path, python: Path, temporary: Path, tmp_path: Path
) -> None:
    options = ("--fault", "upgrade", "--from-python", str(python_from))
    ends_with_one_child_run(python, tmp_path / "output", *options)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "when"),
    [
        pytest.param(signal.SIGINT, "triggers", id="ctrl-c-in-mid-run"),
        pytest.param(signal.SIGTERM, "migrating", id="terminated-while-migrating"),
        pytest.param(signal.SIGKILL, "waiting for", id="killed-while-starting"),
    ],
)
def test_interrupted_demo_leaves_nothing(
    python: Path, temporary: Path, tmp_path: Path, number: signal.Signals, when: str
) -> None:
    output = tmp_path / "output"
    with start(python, output) as process:
        deadline = time.monotonic() + 200
        while when not in output.read_text():
            assert process.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.2)
        [home] = temporary.iterdir()
        running = processes.stack_processes(home)
        ports = listening_ports(running)
        assert running
        assert ports

        process.send_signal(number)
        assert process.wait(timeout=60) == (-number if number == signal.SIGKILL else 130)
    deadline = time.monotonic() + 60
    # Killed, the demo cannot clean up itself: its guard does, a moment later.
    while number == signal.SIGKILL and home.exists() and time.monotonic() < deadline:
        time.sleep(0.2)

    assert list(temporary.iterdir()) == []
    assert processes.stack_processes(home) == []
    assert [each.pid for each in running if processes.alive(each)] == []
    assert [port for port in ports if processes.listening(port)] == []
    if number == signal.SIGINT:
        assert "interrupted" in output.read_text()
