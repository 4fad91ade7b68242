# SPDX-License-Identifier: Apache-2.0
"""The virtual arm64 host, really booted: its own programs over the shared root directory."""

import hashlib
import shlex
from pathlib import Path

import pytest

from expected_inventory import check_inventory
from passthru.addresses import AddressRange
from passthru.bench.architectures import AARCH64
from passthru.bench.boards import load_board
from passthru.bench.inner_command import passthru_command, python_command
from passthru.bench.pattern import pattern
from passthru.bench.virtual_host import VirtualHost
from passthru.board.model import Board, Trigger
from passthru.board.snapshot import read_snapshot

pytestmark = pytest.mark.bench

BOARD = load_board("arm64-virt")

ASK_KVM = """
import fcntl, os, platform
kvm = os.open("/dev/kvm", os.O_RDWR)
machine = fcntl.ioctl(kvm, 0xAE01, 0)
print(platform.machine(), fcntl.ioctl(kvm, 0xAE00), machine > 0)
"""

# The kernel has no mapping of its own to read from, but gives one to others.
READ_MEMORY = """
import hashlib, mmap, os
memory = os.open("/dev/mem", os.O_RDONLY)
place = mmap.mmap(memory, {size}, prot=mmap.PROT_READ, offset={address})
print(hashlib.sha256(place[:]).hexdigest())
"""


def shell(host: VirtualHost, script: str) -> str:
    done = host.run(["/bin/sh", "-c", script], timeout=60)
    assert done.status == 0, done.text
    return done.text


def test_python_runs_and_kvm_makes_machines(arm_host: VirtualHost) -> None:
    done = arm_host.run(python_command(f"exec({ASK_KVM!r})", AARCH64))

    assert done.text == "aarch64 12 True\n"


def test_this_very_passthru_runs_inside(arm_host: VirtualHost) -> None:
    for command in (passthru_command([], AARCH64), ["/usr/bin/passthru"]):
        done = arm_host.run([*command, "--help"])

        assert done.status == 0, done.text
        assert "bench" in done.text


def test_files_are_at_the_same_paths_inside(arm_host: VirtualHost) -> None:
    assert shell(arm_host, f"cat {shlex.quote(__file__)}") == Path(__file__).read_text()
    assert shell(arm_host, "pwd").strip() == str(Path.cwd())


def test_status_and_output_of_a_command(arm_host: VirtualHost) -> None:
    done = arm_host.run(["/bin/sh", "-c", "echo out; echo err >&2; cat; exit 65"])

    assert (done.status, done.output) == (65, b"out\nerr\n")
    assert arm_host.run(["no-such-program"]).status == 127


def test_an_interrupt_reaches_python_as_such(arm_host: VirtualHost) -> None:
    program = (
        "import time\ntry:\n print('ready', flush=True); time.sleep(30)\n"
        "except KeyboardInterrupt: print('interrupted')"
    )

    def interrupt(data: bytes) -> None:
        if b"ready" in data:
            arm_host.interrupt()

    done = arm_host.run(python_command(f"exec({program!r})", AARCH64), on_output=interrupt)

    assert done.text == "ready\ninterrupted\n"


def test_reserved_memory_holds_its_pattern(arm_host: VirtualHost) -> None:
    (placed,) = BOARD.patterns
    program = READ_MEMORY.format(address=placed.address, size=placed.size)
    done = arm_host.run(python_command(f"exec({program!r})", AARCH64))
    assert done.text.strip() == hashlib.sha256(pattern(placed.id, placed.size)).hexdigest()


@pytest.fixture(scope="module")
def board(arm_host: VirtualHost) -> Board:
    # A function's IOMMU group is made when its driver comes.
    arm_host.bind([function.address for function in BOARD.functions])
    command = shlex.join(passthru_command(["board", "capture", "-o"], AARCH64))
    script = f"cd /tmp && {command} arm.json 2>words && cat arm.json || cat words"
    return read_snapshot(shell(arm_host, script).encode(), "bench")


def test_the_board_has_what_the_bench_put_there(board: Board) -> None:
    check_inventory(board, BOARD)


def test_the_board_tells_of_its_devices_and_interrupts(board: Board) -> None:
    (clock,) = (device for device in board.devices if "arm,pl031" in device.compatible)
    assert clock.interrupts == (34,)
    assert board.abilities.hardware_virtualization


@pytest.mark.parametrize(
    ("device", "page", "vector", "trigger"),
    [
        ("9010000.pl031", 0x9010000, 34, Trigger.LEVEL),
        ("9030000.pl061", 0x9030000, 39, Trigger.LEVEL),
        ("a003e00.virtio_mmio", 0xA003000, 79, Trigger.EDGE),
    ],
)
def test_the_board_tells_who_delivers_interrupts_to_processes(
    board: Board, device: str, page: int, vector: int, trigger: Trigger
) -> None:
    (uio,) = (each for each in board.uio if each.device == device)
    assert uio.vectors == (vector,)
    assert uio.registers == (AddressRange(page, 0x1000),)
    (line,) = (line for line in board.interrupts if line.vector == vector)
    assert line.trigger is trigger
