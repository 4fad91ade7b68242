# SPDX-License-Identifier: Apache-2.0
"""The modules that the bench builds, in the kernel that they are for: UIO devices that deliver."""

import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from passthru.bench.architectures import AARCH64
from passthru.bench.boards import load_board
from passthru.bench.foreign_host import obtain_foreign_kernel
from passthru.bench.inner_command import python_command
from passthru.bench.modules import ModuleIndex
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

BOARD = load_board("arm64-virt")

LIST = """
cd /sys/class/uio
for uio in *; do
    echo $uio $(cat $uio/name) $(cat $uio/maps/map0/addr $uio/maps/map0/offset)
done
"""

# The PL031: time, match, interrupt mask, raw interrupt and clear are its words 0, 1, 4, 5, 7.
ALARMS = """
import mmap, os, select
device = os.open("/dev/{name}", os.O_RDWR)
registers = memoryview(mmap.mmap(device, 4096)).cast("I")
registers[7] = 1
registers[4] = 1
for _ in range(2):
    os.write(device, (1).to_bytes(4, "little"))
    alarm = registers[1] = registers[0] + 1
    ready, _, _ = select.select([device], [], [], 30)
    count = int.from_bytes(os.read(device, 4), "little") if ready else None
    print(count, registers[0] >= alarm, registers[5])
    registers[7] = 1
registers[4] = 0
"""

# virtio-mmio as it was before version 1.0: one queue in one piece of memory, at an address in
# pages. One buffer is offered again and again; its interrupt is an edge for each answer.
ANSWERS = """
import mmap, os, select
MAGIC, VERSION, DEVICE, PAGE_SIZE, QUEUE_SIZE, QUEUE_ALIGNMENT, QUEUE_PAGE = 0, 1, 2, 10, 14, 15, 16
NOTIFY, PENDING, ACKNOWLEDGE, STATUS = 20, 24, 25, 28
BUFFER = 0x2000
device = os.open("/dev/{name}", os.O_RDWR)
registers = memoryview(mmap.mmap(device, 4096)).cast("I")[{first}:]
print("transport", hex(registers[MAGIC]), "of version", registers[VERSION],
    "for device", registers[DEVICE])
physical = os.open("/dev/mem", os.O_RDWR | os.O_SYNC)
memory = memoryview(mmap.mmap(physical, 0x3000, offset={memory}))
memory[:] = bytes(0x3000)
memory[0:8] = ({memory} + BUFFER).to_bytes(8, "little")
memory[8:16] = bytes([16, 0, 0, 0, 2, 0, 0, 0])     # 16 bytes that the device writes
for register, value in ((STATUS, 0), (STATUS, 3), (PAGE_SIZE, 4096), (QUEUE_SIZE, 8),
        (QUEUE_ALIGNMENT, 4096), (QUEUE_PAGE, {memory} // 4096), (STATUS, 7)):
    registers[register] = value
counts = []
for turn in range(1, {rounds} + 1):
    os.write(device, (1).to_bytes(4, "little"))
    memory.cast("H")[64 + 1] = turn     # the index behind eight descriptors of 16 bytes
    registers[NOTIFY] = 0
    if not select.select([device], [], [], 30)[0]:
        break
    counts.append(int.from_bytes(os.read(device, 4), "little"))
    registers[ACKNOWLEDGE] = registers[PENDING]
registers[STATUS] = 0
print(counts[-1] - counts[0] + 1 if counts else 0, "interrupts")
"""


class Uio(NamedTuple):
    name: str
    node: str
    registers: int


@pytest.fixture(scope="module")
def devices(arm_host: VirtualHost) -> dict[str, Uio]:
    found = {}
    for line in shell(arm_host, LIST).splitlines():
        name, node, page, offset = line.split()
        found[f"/{node}"] = Uio(name, node, int(page, 16) + int(offset, 16))
    return found


@pytest.fixture
def without_module(arm_host: VirtualHost) -> Iterator[VirtualHost]:
    yield arm_host
    shell(arm_host, "rmmod vfio_platform vfio_platform_base")


def shell(host: VirtualHost, script: str) -> str:
    done = host.run(["/bin/sh", "-ec", script], timeout=60)
    assert done.status == 0, done.text
    return done.text


def test_every_device_that_the_board_names_is_there(devices: dict[str, Uio]) -> None:
    assert set(devices) == set(BOARD.uio)
    for node, device in devices.items():
        assert node.endswith(f"@{device.registers:x}")


def test_alarms_of_the_clock_reach_a_process(
    arm_host: VirtualHost, devices: dict[str, Uio]
) -> None:
    clock = devices["/pl031@9010000"].name
    before = int(shell(arm_host, f"cat /sys/class/uio/{clock}/event"))
    program = ALARMS.format(name=clock)
    done = arm_host.run(python_command(f"exec({program!r})", AARCH64))
    assert done.text == f"{before + 1} True 1\n{before + 2} True 1\n"


def test_every_answer_of_the_entropy_source_reaches_a_process(
    arm_host: VirtualHost, devices: dict[str, Uio]
) -> None:
    source = devices["/virtio_mmio@a003e00"]
    (data,) = (reserved for reserved in BOARD.reserved if reserved.name == "data")
    program = ANSWERS.format(
        name=source.name,
        first=source.registers % 4096 // 4,
        memory=data.range.start + data.range.size // 2,
        rounds=100,
    )
    done = arm_host.run(python_command(f"exec({program!r})", AARCH64))
    assert done.text == "transport 0x74726976 of version 1 for device 4\n100 interrupts\n"


def test_the_kernels_clock_is_right_though_a_process_has_the_device(arm_host: VirtualHost) -> None:
    inside = float(shell(arm_host, "date +%s"))
    assert abs(inside - time.time()) < 60


def test_vfio_platform_loads(without_module: VirtualHost) -> None:
    kernel = obtain_foreign_kernel()
    files = [f for f in ModuleIndex.of(kernel).load_order(["vfio-platform"]) if "platform" in f]
    assert [re.sub(".*/", "", file) for file in files] == [
        "vfio-platform-base.ko",
        "vfio-platform.ko",
    ]
    warnings = shell(without_module, "dmesg | grep -c 'cut here' || true")
    for file in files:
        shell(without_module, f"insmod '{kernel.modules / file}'")
    shell(without_module, "test -d /sys/bus/platform/drivers/vfio-platform")
    assert shell(without_module, "dmesg | grep -c 'cut here' || true") == warnings == "0\n"
