# SPDX-License-Identifier: Apache-2.0
"""Memory and a device's registers of a virtual arm64 host, passed to bare-metal guests."""

import itertools
from pathlib import Path

import pytest

from arm_guests import make_flat
from passthru.bench.architectures import AARCH64
from passthru.bench.boards import load_board
from passthru.bench.inner_command import passthru_command, python_command
from passthru.bench.pattern import pattern
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

(PATTERN,) = load_board("arm64-virt").patterns
KEPT = 0x83FF0000
"""In an area that the host's kernel keeps free and has no map of."""

NUMBERS = itertools.count()

BASE = """\
ram 0x40000000,1M
load {image}
vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-
"""

# `show PLACE` prints a word that is read there, `put VALUE, PLACE` writes one.
GUEST = """
.macro show place
    ldr x1, =\\place
    ldr w19, [x1]
    bl print_word
.endm
.macro put value, place
    ldr w19, =\\value
    ldr x1, =\\place
    str w19, [x1]
.endm
    {body}
    power_off
print_word:
    mov w20, #28
1:  lsr w21, w19, w20
    and w21, w21, #15
    add w22, w21, #48
    add w23, w21, #87
    cmp w21, #10
    csel w21, w22, w23, lt
    print_character w21
    subs w20, w20, #4
    b.ge 1b
    print_character #10
    ret
"""

# The words that are given are written first, then those at the places are printed.
HOST_WORDS = """
import mmap, os
file = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
words = memoryview(mmap.mmap(file, 0x3000, offset={start})).cast("I")
for place, value in {written}.items():
    words[(place - {start}) // 4] = value
print(*(hex(words[(place - {start}) // 4]) for place in {places}))
"""


def host_words(host: VirtualHost, written: dict[int, int], places: list[int]) -> list[int]:
    program = HOST_WORDS.format(start=KEPT, written=written, places=places)
    done = host.run(python_command(f"exec({program!r})", AARCH64))
    assert done.status == 0, done.text
    return [int(word, 16) for word in done.text.split()]


def run(host: VirtualHost, passed: str, body: str, folder: Path) -> tuple[int, list[str]]:
    """The status, and the lines that guest and `run` print."""
    directory = host.exchange / f"memory{next(NUMBERS)}"
    directory.mkdir()
    image = directory / "guest.bin"
    image.write_bytes(make_flat(folder, GUEST.format(body=body)).read_bytes())
    config = directory / "guest.qvmconf"
    config.write_text(BASE.format(image=image) + passed)
    done = host.run(passthru_command(["run", f"@{config}"], AARCH64), timeout=90, silence=60)
    return done.status, done.text.replace("\r", "").splitlines()


LETTERS = f"""
pass loc 0x50000000,0x1000,rwn={KEPT:#x}
pass loc 0x50010000,0x1000,rn={PATTERN.address:#x}
pass loc 0x50020000,0x1000,wn={KEPT + 0x1000:#x}
pass loc 0x50030000,0x1000,n={KEPT + 0x2000:#x}
"""
USE = """
    show 0x50000004
    put 0xabcd0001, 0x50000000
    show 0x50010000
    put 0xabcd0002, 0x50010000
    show 0x50010000
    put 0xabcd0003, 0x50020010
    show 0x50020010
    put 0xabcd0004, 0x50030000
    show 0x50030000
"""


@pytest.mark.shows("pass-purpose", "loc-direct", "loc-host-address", "access-r", "access-w")
def test_a_guest_has_the_hosts_memory_as_the_letters_say(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    places = [KEPT, KEPT + 0x1010, KEPT + 0x2000]
    host_words(arm_host, {KEPT + 4: 0x11112222, **dict.fromkeys(places, 0)}, [])
    status, lines = run(arm_host, LETTERS, USE, tmp_path)
    first = int.from_bytes(pattern(PATTERN.id, PATTERN.size)[:4], "little")
    assert status == 0, lines
    shown = [line for line in lines if len(line) == 8]
    assert shown == ["11112222", *[f"{first:08x}"] * 2, "ffffffff", "ffffffff"], lines
    (told,) = [line for line in lines if "has no 'w'" in line]
    assert "refused at 0x50010000" in told
    assert host_words(arm_host, {}, places) == [0xABCD0001, 0xABCD0003, 0]


@pytest.mark.shows("pass-purpose", "pass-device", "loc-moved")
def test_a_guest_has_the_registers_of_a_device_elsewhere(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    device = "pass loc 0x60000000,0x1000,rwn=0xa000000\n"
    # An unused virtio transport: its magic number, its device, and which queue is written about.
    body = "show 0x60000000\nshow 0x60000008\nput 0, 0x60000030\nshow 0x60000034\n"
    status, lines = run(arm_host, device, body, tmp_path)
    shown = [line for line in lines if len(line) == 8]
    assert (status, shown) == (0, ["74726976", "00000000", "00000000"]), lines


# Everything of an abort that the guest sees: what kind it was, and where.
FETCH = """
    adr x0, vectors
    msr vbar_el1, x0
    ldr x1, =0x50000000
    br x1
    .balign 2048
vectors:
    .space 0x200
    mrs x19, esr_el1
    lsr w19, w19, #26
    bl print_word
    mrs x19, far_el1
    bl print_word
"""


@pytest.mark.shows("access-x")
def test_nothing_is_executed_in_memory_that_the_kernel_has_no_map_of(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    host_words(arm_host, {KEPT: 0xD503201F}, [])  # nop
    passed = f"pass loc 0x50000000,0x1000,rwn={KEPT:#x}\n"
    status, lines = run(arm_host, passed, FETCH, tmp_path)
    instruction_abort = "00000021"
    ended = "passthru: the guest switched itself off"
    assert (status, lines) == (0, [instruction_abort, "50000000", ended])
