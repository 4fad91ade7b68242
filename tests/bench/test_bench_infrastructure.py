# SPDX-License-Identifier: Apache-2.0
"""What a host needs to live, on two hosts whose kernels let anything of it be mapped.

`iomem=relaxed` takes away the kernel's own protection. `run` refuses every such place all the
same; programs of the host, which stand in for the guest, show what that saves it from.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from arm_guests import make_flat
from passthru.bench.architectures import AARCH64, X86_64, Architecture
from passthru.bench.boards import load_board
from passthru.bench.errors import HostHungError
from passthru.bench.inner_command import python_command
from passthru.bench.progress import silent
from passthru.bench.virtual_host import VirtualHost
from passthru.bench.watchdog import Limits

pytestmark = pytest.mark.bench

RESET = bytes.fromhex("b0fe e664 f4 ebfd")


class Target(NamedTuple):
    """A board, the pages that are refused at the least, and where an attack does its harm."""

    board: str
    architecture: Architecture
    ram: str
    needed: frozenset[int]
    configuration: int
    function: str
    fatal_register: int


X86 = Target(
    "x86-64",
    X86_64,
    "0,640k",
    frozenset((0xF0000, 0xB0000000, 0xFEC00000, 0xFED00000, 0xFED90000, 0xFEE00000, 0xFFFF0000)),
    configuration=0xB0000000 + (5 << 15),
    function="0000:00:05.0",
    fatal_register=0xFED90018,  # VT-d's global command: translation and interrupt remapping off
)
ARM = Target(
    "arm64-virt",
    AARCH64,
    "0x40000000,1M",
    frozenset((0, 0x8000000, 0x8080000, 0x80A0000, 0x9020000, 0x9050000, 0x4010000000)),
    configuration=0x4010000000 + (5 << 15),
    function="0000:00:05.0",
    fatal_register=0x8000000,  # GICD_CTLR: no interrupt is handed on
)

# Runs `run` for the first and the last page of each part that the host's own board has.
REFUSED = """
import contextlib, io
from passthru.board.capture import capture_board
from passthru.board.host_files import HostFiles
from passthru.cli.run import main
for needed in capture_board(HostFiles()).infrastructure:
    pages = needed.range.page_aligned()
    for place in dict.fromkeys((pages.start, pages.end - 4096)):
        said = io.StringIO()
        words = ["system", "test", "ram", "{ram}", "load", "{image}"]
        words += ["pass", "loc", f"mem:0x7000000000,0x1000,rwn={{place:#x}}"]
        with contextlib.redirect_stderr(said):
            status = main(words)
        errors = [line for line in said.getvalue().splitlines() if ": error: " in line]
        told = len(errors) == 1 and errors[0].endswith("[host-infrastructure]")
        print(hex(place), int(status), "told" if told else said.getvalue(), flush=True)
"""

# As a guest would that had the page: it sets Bus Master Enable of a function of the host.
BECOMES_MASTER = """
import mmap, os
name = "/sys/bus/pci/devices/{function}/config"
command = lambda: open(name, "rb", buffering=0).read(6)[4]
before = command()
file = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
words = memoryview(mmap.mmap(file, 4096, offset={configuration})).cast("H")
words[2] = words[2] | 4
print(before & 4, command() & 4)
"""

STOPS_THE_HOST = """
import mmap, os, time
file = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
words = memoryview(mmap.mmap(file, 4096, offset={page})).cast("I")
for number in range(60):
    if number == 3:
        print("attack", flush=True)
        words[{offset} // 4] = 0
    # The answer comes from a device, with an interrupt.
    os.path.exists("{folder}/nothing%d" % number)
    time.sleep(0.5)
    print("still alive", flush=True)
"""


@pytest.fixture(params=[X86, ARM], ids=lambda target: target.board, scope="module")
def target(request: pytest.FixtureRequest) -> Target:
    chosen: Target = request.param
    return chosen


@pytest.fixture(scope="module")
def open_host(target: Target) -> Iterator[VirtualHost]:
    board = load_board(target.board)
    board = board._replace(kernel_arguments=(*board.kernel_arguments, "iomem=relaxed"))
    limits = Limits(heartbeat=15.0)
    with VirtualHost(board, limits=limits, announce=silent) as booted:
        yield booted


def program(host: VirtualHost, target: Target, text: str, **values: object) -> list[str]:
    command = python_command(f"exec({text.format(**values)!r})", target.architecture)
    done = host.run(command, timeout=300)
    assert done.status == 0, done.text
    return done.text.splitlines()


def test_every_such_place_of_the_board_ends_with_65(
    target: Target, open_host: VirtualHost, tmp_path: Path
) -> None:
    image = open_host.exchange / "guest.bin"
    is_x86 = target.architecture is X86_64
    image.write_bytes(RESET if is_x86 else make_flat(tmp_path, "power_off").read_bytes())
    told = [
        line.split(" ", 2)
        for line in program(open_host, target, REFUSED, ram=target.ram, image=image)
    ]
    assert [line for line in told if line[1:] != ["65", "told"]] == []
    assert {int(place, 16) for place, *_ in told} >= target.needed


def test_a_page_of_configuration_space_makes_a_function_bus_master(
    target: Target, open_host: VirtualHost
) -> None:
    values = {"function": target.function, "configuration": target.configuration}
    assert program(open_host, target, BECOMES_MASTER, **values) == ["0 4"]


def test_a_word_in_its_registers_stops_the_host(target: Target, open_host: VirtualHost) -> None:
    page = target.fatal_register & -4096
    offset = target.fatal_register - page
    text = STOPS_THE_HOST.format(page=page, offset=offset, folder=open_host.exchange)
    said: list[bytes] = []
    command = python_command(f"exec({text!r})", target.architecture)
    with pytest.raises(HostHungError):
        open_host.run(command, silence=12.0, on_output=said.append)
    before, _, after = b"".join(said).partition(b"attack")
    assert before.count(b"alive") == 3
    assert after.count(b"alive") < 30
