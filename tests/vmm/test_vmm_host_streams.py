# SPDX-License-Identifier: Apache-2.0
"""Output of serial ports to real pipes, FIFOs and devices, whose other side misbehaves."""

import errno
import fcntl
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from passthru.diagnostics.errors import ExitStatus
from passthru.vmm import host_streams
from passthru.vmm.host_streams import HostOutput, HostStreamFailed, HostStreams
from passthru.vmm.machine import Machine

LIMIT = host_streams._LIMIT
PATTERN = bytes(range(256)) * (LIMIT // 256)


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.005)


def read_all(file: int) -> bytes:
    read = b""
    while data := os.read(file, 1 << 16):
        read += data
    return read


class Pipe:
    """A pipe, and an output that writes to it."""

    def __init__(self, *, gone: Callable[[], None] | None = None) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)
        self.said: list[str] = []
        self.finished = False
        self.output = HostOutput(">-", self.writer, self.said.append, gone)
        self.output.start()

    def close_reader(self) -> None:
        os.close(self.reader)
        self.reader = -1

    def finish(self) -> bool:
        self.finished = True
        return self.output.close()

    def close(self) -> None:
        if not self.finished:
            self.finish()
        for file in (self.reader, self.writer):
            if file >= 0:
                os.close(file)


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.close()


def read_exactly(pipe: Pipe, count: int) -> bytes:
    read = b""
    while len(read) < count:
        read += os.read(pipe.reader, count - len(read))
    return read


def test_what_is_sent_is_written_in_order_and_to_the_last(pipe):
    for byte in b"the console":
        pipe.output.send(bytes([byte]))
    assert pipe.finish()
    assert os.read(pipe.reader, 100) == b"the console"
    assert pipe.said == []


def test_a_reader_that_stalls_stops_nothing_and_goes_on_with_what_was_kept(pipe):
    begun = time.monotonic()
    for start in range(0, LIMIT, 4096):
        pipe.output.send(PATTERN[start : start + 4096])
    assert time.monotonic() - begun < 1
    assert read_exactly(pipe, LIMIT) == PATTERN
    pipe.output.send(b"and on")
    assert read_exactly(pipe, 6) == b"and on"
    assert pipe.said == []


def test_what_finds_no_room_is_dropped_and_counted_once_for_each_episode(pipe):
    for episode in (1, 2):
        pipe.output.send(PATTERN[: LIMIT - 4096])
        wait_until(lambda: pipe.output._buffer)
        for _ in range(5):
            pipe.output.send(b"x" * 4097)
        dropped = 5 * 4097
        wait_until(lambda episode=episode: len(pipe.said) == 2 * episode - 1)
        assert read_exactly(pipe, LIMIT - 4096) == PATTERN[: LIMIT - 4096]
        wait_until(lambda episode=episode: len(pipe.said) == 2 * episode)
        assert pipe.said[-2:] == [
            "hostdev >-: output is dropped, because its reader does not keep up",
            f"hostdev >-: {dropped} bytes of output were dropped",
        ]


def test_one_byte_less_than_the_room_is_not_dropped(pipe):
    pipe.output.send(PATTERN)
    assert read_exactly(pipe, LIMIT) == PATTERN
    assert pipe.said == []


def test_a_pipe_that_would_block_is_written_to_again(pipe):
    os.set_blocking(pipe.writer, False)
    pipe.output.send(PATTERN)
    time.sleep(0.05)
    assert read_exactly(pipe, LIMIT) == PATTERN


def test_a_file_that_says_eagain_is_tried_again(pipe, monkeypatch):
    refusals = [BlockingIOError(errno.EAGAIN, "fake")] * 2
    write = os.write

    def refuse_twice(file: int, data: bytes) -> int:
        if file == pipe.writer and refusals:
            raise refusals.pop()
        return write(file, data)

    monkeypatch.setattr(os, "write", refuse_twice)
    pipe.output.send(b"kept")
    assert read_exactly(pipe, 4) == b"kept"
    assert pipe.said == []


def test_a_full_disk_is_told_once_and_written_to_when_it_has_room(pipe, monkeypatch):
    monkeypatch.setattr(host_streams, "_RETRY", 0.01)
    full = [True]
    tries: list[bytes] = []
    write = os.write

    def refuse_while_full(file: int, data: bytes) -> int:
        if file == pipe.writer:
            tries.append(data)
            if full[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    monkeypatch.setattr(os, "write", refuse_while_full)
    pipe.output.send(b"kept")
    wait_until(lambda: len(tries) > 3)
    full[0] = False
    assert read_exactly(pipe, 4) == b"kept"
    assert pipe.said == ["hostdev >-: No space left on device; the output waits"]


def test_the_end_waits_a_moment_for_a_reader_and_tells_what_was_left(pipe, monkeypatch):
    monkeypatch.setattr(host_streams, "_PATIENCE", 0.3)
    pipe.output.send(PATTERN[:10000])
    begun = time.monotonic()
    pipe.finish()
    assert time.monotonic() - begun < 2
    assert pipe.said == ["hostdev >-: 5904 bytes of output were dropped"]


def test_a_reader_that_is_gone_is_told_of_at_once():
    gone: list[bool] = []
    pipe = Pipe(gone=lambda: gone.append(True))
    pipe.close_reader()
    pipe.output.send(b"for nobody")
    wait_until(lambda: gone)
    pipe.output.send(PATTERN)
    pipe.close()
    assert (gone, pipe.said) == ([True], [])


@pytest.fixture
def machine() -> Iterator[Machine]:
    said: list[str] = []
    made = Machine(said.append)
    yield made
    made.close()


def test_a_fifo_goes_on_with_its_next_reader(tmp_path, machine, monkeypatch):
    monkeypatch.setattr(host_streams, "_RETRY", 0.01)
    fifo = tmp_path / "console"
    os.mkfifo(fifo)
    first = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    streams = HostStreams(machine)
    side = streams.open([f">{fifo}"])
    side.send(b"one")
    wait_until(lambda: _read_now(first) == b"one")
    os.close(first)
    side.send(b"two")
    time.sleep(0.1)
    second = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    wait_until(lambda: _read_now(second) == b"two")
    streams.close()
    os.close(second)


def _read_now(file: int) -> bytes:
    try:
        return os.read(file, 100)
    except BlockingIOError:
        return b""


def test_a_disk_that_stays_full_does_not_keep_the_machine_from_its_end(machine):
    streams = HostStreams(machine)
    side = streams.open([">/dev/full"])
    side.send(b"lost")
    begun = time.monotonic()
    streams.close()
    assert time.monotonic() - begun < 1


def test_ports_with_the_same_file_share_it(tmp_path, machine):
    log = tmp_path / "log"
    log.write_text("what was there")
    streams = HostStreams(machine)
    sides = [streams.open([f">{log}"]) for _ in range(2)]
    for number in range(500):
        sides[number % 2].send(b"%d\n" % number)
    files = len(list(Path("/proc/self/fd").iterdir()))
    streams.close()
    assert log.read_text().split() == [str(number) for number in range(500)]
    assert len(list(Path("/proc/self/fd").iterdir())) == files - 1


@pytest.mark.parametrize("device", ["/nonexistent/tty", "<", "", ">/nonexistent/log"])
def test_what_cannot_be_opened_is_named(device, machine):
    streams = HostStreams(machine)
    with pytest.raises(HostStreamFailed, match=f"^hostdev {device}: No such file") as raised:
        streams.open([device])
    streams.close()
    assert raised.value.exit_status is ExitStatus.FATAL_BEFORE_START
