# SPDX-License-Identifier: Apache-2.0
"""A command of the bench that is ended from outside leaves nothing, and says so."""

import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_host import Stage

# The command, with a stand-in for QEMU.
DRIVER = """
import sys
from pathlib import Path
from passthru.bench.kernels import Kernel
from passthru.bench.virtual_host import VirtualHost
from passthru.cli import bench, main

def virtual_host(board, **named):
    place = Path({directory!r})
    kernel = Kernel("test", place / "vmlinuz", place / "modules", None)
    return VirtualHost(board, kernel=kernel, program=str(place / "qemu"), **named)

bench.VirtualHost = virtual_host
main.run_process()
"""


class Ended:
    """A command of the bench in a process of its own, and what it leaves behind."""

    def __init__(self, stage: Stage, mode: str) -> None:
        self._stage = stage
        (stage.directory / "modes").write_text(mode)
        self._driver = stage.directory / "driver.py"
        self._driver.write_text(DRIVER.format(directory=str(stage.directory)))
        config = stage.directory / "guest.qvmconf"
        config.write_text("system guest\nram 64M\n")
        self._words = {"run": ["run", str(config)], "shell": ["shell"]}
        self.temporary = stage.directory / "temporary"
        self.temporary.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "TMPDIR": str(self.temporary)}

    def command(self, action: str) -> list[str]:
        return [sys.executable, str(self._driver), "bench", *self._words[action]]

    def start(self, action: str, *before: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*before, *self.command(action)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def wait_for_call(self, call: str) -> None:
        calls = self._stage.directory / "calls"
        wait_until(lambda: calls.exists() and call in calls.read_text())

    def assert_nothing_is_left(self) -> None:
        assert list(self.temporary.iterdir()) == []
        wait_until(lambda: not self._programs())

    def _programs(self) -> list[str]:
        """Processes that stand in for QEMU."""
        found = []
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = process.read_bytes().decode()
            except OSError:
                continue
            if f"{self._stage.directory}/fake_qemu.py" in command:
                found.append(command)
        return found


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


SIGNALS = ["SIGTERM", "SIGHUP", "SIGINT"]


@pytest.mark.parametrize("name", SIGNALS)
def test_a_signal_while_the_host_boots_leaves_nothing(stage: Stage, name: str) -> None:
    ended = Ended(stage, "hangs")
    process = ended.start("run")
    ended.wait_for_call("started hangs")
    number = signal.Signals[name]
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert f"bench: ended by {name}\n" in errors
    assert "Traceback" not in errors
    ended.assert_nothing_is_left()


@pytest.mark.parametrize("action", ["run", "shell"])
@pytest.mark.parametrize("name", SIGNALS[:2])
def test_a_signal_while_a_command_runs_leaves_nothing(stage: Stage, name: str, action: str) -> None:
    ended = Ended(stage, "hangs-later")
    process = ended.start(action)
    ended.wait_for_call("run ")
    number = signal.Signals[name]
    for _ in range(3):  # the next ones do not keep it from cleaning up
        process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    ended.assert_nothing_is_left()


def test_what_nohup_ignores_stays_ignored(stage: Stage) -> None:
    ended = Ended(stage, "hangs-later")
    process = ended.start("run", "nohup")
    ended.wait_for_call("run ")
    process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    ended.assert_nothing_is_left()


@pytest.mark.parametrize("name", SIGNALS[:2])
def test_a_shell_gives_the_terminal_back(stage: Stage, name: str) -> None:
    ended = Ended(stage, "hangs-later")
    process, terminal = pty.fork()
    if process == 0:
        command = ended.command("shell")
        os.execve(command[0], command, ended.environment)
    before = termios.tcgetattr(terminal)
    wait_until(lambda: not termios.tcgetattr(terminal)[3] & termios.ICANON)
    ended.wait_for_call("run ")
    os.kill(process, signal.Signals[name])
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 128 + signal.Signals[name]
    assert termios.tcgetattr(terminal) == before
    os.close(terminal)
    ended.assert_nothing_is_left()


@pytest.mark.parametrize(
    ("output", "problem"), [(None, "Broken pipe"), ("/dev/full", "No space left on device")]
)
def test_an_output_that_takes_no_more_ends_the_host(
    stage: Stage, output: str | None, problem: str
) -> None:
    ended = Ended(stage, "prints")
    reader, writer = os.pipe()
    os.close(reader)
    with Path(output or os.devnull).open("wb") as file:
        done = subprocess.run(
            ended.command("run"),
            stdin=subprocess.DEVNULL,
            stdout=file if output else writer,
            stderr=subprocess.PIPE,
            text=True,
            env=ended.environment,
            timeout=60,
            check=False,
        )
    os.close(writer)
    assert done.returncode == 3, done.stderr
    assert f"cannot write the output: {problem}; the virtual host is ended\n" in done.stderr
    assert "Traceback" not in done.stderr
    ended.assert_nothing_is_left()


@pytest.mark.bench
def test_a_demo_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "passthru", "bench", "demo"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert process.stdout is not None
    seen = b""
    while not re.search(rb"DEMO \w+ ok", seen):
        data = os.read(process.stdout.fileno(), 4096)
        assert data, seen
        seen += data
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
