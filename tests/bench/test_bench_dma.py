# SPDX-License-Identifier: Apache-2.0
"""DMA of a passed function to passed memory: what `s`, `t` and `m` let it reach, and no more.

The guest's address of each page differs from the host's, so a function that reached memory
past the IOMMU would read and write something else.
"""

import base64
import hashlib
import sys

import pytest

from passthru.addresses import PAGE_SIZE, AddressRange, PciAddress
from passthru.bench.boards import load_board
from passthru.bench.guest import GUEST_COMMAND_LINE, build_guest, check_results
from passthru.bench.host_session import Completed
from passthru.bench.inner_command import passthru_command
from passthru.bench.kernels import Kernel
from passthru.bench.pattern import pattern
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

BOARD = load_board("x86-64")
NVME, EDU = PciAddress(0, 0, 3, 0), PciAddress(0, 0, 5, 0)
PATTERN = next(place for place in BOARD.patterns if place.id == "reserved-memory")
DISK = next(disk for disk in BOARD.disks if disk.id == "pattern")
IMAGES = next(place for place in BOARD.reserved if place.name == "images")

CONSOLE = """
vdev ioapic loc 0xfec00000 intr apic name ioapic
vdev ser8250 hostdev >- loc io:0x3f8 intr ioapic:4
vdev timer8254 intr ioapic:0
vdev mc146818
"""


def run_guest(
    host: VirtualHost, kernel: Kernel, initrd: bytes, configuration: str, argument: str = ""
) -> Completed:
    (host.exchange / "initrd").write_bytes(initrd)
    config = host.exchange / "dma.qvmconf"
    config.write_text(
        f"system dma cpu ram 0,0xa0000 ram 1m,127m\n"
        f"guest load {kernel.vmlinux or kernel.image}\ninitrd load {host.exchange}/initrd\n"
        f'cmdline "{GUEST_COMMAND_LINE} {argument}"\n{configuration}{CONSOLE}'
    )
    return host.run(passthru_command(["run", f"@{config}"]), timeout=240, silence=120)


def assert_checks(done: Completed, names: list[str]) -> None:
    results = check_results(done.text)
    assert [result for result in results if not result.passed] == [], done.text
    assert [result.name for result in results] == names, done.text
    assert done.status == 0, done.text


# That `t` without `s` refuses reads is not tested: VT-d's driver in Linux maps every page
# readable (``DMA_FL_PTE_PRESENT`` in ``__domain_mapping`` is the read bit, too).
# A page each: guest-physical and host-physical.
GUEST_PAGES = 0x8000000
HOST_PAGES = PATTERN.address + 0x8000
BOTH, SOURCE, TARGET, NEITHER = (GUEST_PAGES + i * PAGE_SIZE for i in range(4))
NOT_PASSED = HOST_PAGES + 4 * PAGE_SIZE
"""Host-physical, and as a guest-physical address nothing."""

LETTERS = {BOTH: "rwcnst", SOURCE: "rwcns", TARGET: "rwcnt", NEITHER: "rwcn"}
NEW = (0x0BADCAFE, 0x12345678, 0x9ABCDEF0, 0x0F1E2D3C)

# edu (QEMU: docs/specs/edu.rst): DMA source, destination, bytes, command; its buffer.
COPY_CHECKS = f"""
function=/sys/bus/pci/devices/0000:00:05.0
echo 1 >$function/enable
# Command register: memory and bus master.
printf '\\006\\000' | dd of=$function/config bs=2 seek=2 count=1 conv=notrunc 2>/dev/null
edu=$(head -n 1 $function/resource | cut -d' ' -f1)

idle() {{ [ $(($(devmem $((edu + 0x98)) 32) & 1)) = 0 ]; }}
dma() {{ # SOURCE DESTINATION COMMAND
    devmem $((edu + 0x80)) 32 "$1"
    devmem $((edu + 0x88)) 32 "$2"
    devmem $((edu + 0x90)) 32 16
    devmem $((edu + 0x98)) 32 "$3"
    wait_for 20 idle || failed dma "$1 to $2 does not end"
}}
take() {{ dma "$1" 0x40000 1; }} # from guest memory into edu
give() {{ dma 0x40000 "$1" 3; }} # from edu to guest memory
words() {{ # ADDRESS: the 16 bytes there
    for at in 0 4 8 12; do devmem $(($1 + at)) 32; done | tr '\\n' ' '
}}
same() {{ [ "$2" = "$3" ] && passed "$1" || failed "$1" "$3, not $2"; }}
different() {{ [ "$2" != "$3" ] && passed "$1" || failed "$1" "$3"; }}

at=0
for word in {" ".join(map(hex, NEW))}; do
    devmem $(({BOTH} + at)) 32 $word
    devmem $(({SOURCE} + at)) 32 $word
    at=$((at + 4))
done
new=$(words {BOTH})

take {BOTH}
give $(({BOTH} + 0x100))
same both-ways "$new" "$(words $(({BOTH} + 0x100)))"
give {TARGET}
same target-is-written "$new" "$(words {TARGET})"

take $(({BOTH} + 0x800))
take {SOURCE}
give $(({BOTH} + 0x200))
same source-is-read "$new" "$(words $(({BOTH} + 0x200)))"

refuses_writes() {{ # NAME ADDRESS
    before=$(words "$2")
    give "$2"
    same "$1" "$before" "$(words "$2")"
}}
refuses_writes source-refuses-writes $(({SOURCE} + 0x100))
refuses_writes neither-refuses-writes {NEITHER}
give {NOT_PASSED}

refuses_reads() {{ # NAME ADDRESS WORDS: they are what is there
    take {BOTH}
    take "$2"
    give $(({BOTH} + 0x300))
    different "$1" "$3" "$(words $(({BOTH} + 0x300)))"
}}
refuses_reads neither-refuses-reads {NEITHER} "$(words {NEITHER})"
refuses_reads host-memory-is-out-of-reach {NOT_PASSED} "$(cat /not-passed)"
"""
COPY_NAMES = [
    "both-ways",
    "target-is-written",
    "source-is-read",
    "source-refuses-writes",
    "neither-refuses-writes",
    "neither-refuses-reads",
    "host-memory-is-out-of-reach",
]


def as_words(data: bytes) -> str:
    """What ``words`` prints of 16 bytes."""
    numbers = (int.from_bytes(data[at : at + 4], "little") for at in range(0, 16, 4))
    return "".join(f"0x{number:08X} " for number in numbers)


def host_memory(host: VirtualHost, place: AddressRange) -> bytes:
    skip, count = place.start // PAGE_SIZE, place.size // PAGE_SIZE
    copy = f"dd if=/dev/mem bs=4096 skip={skip} count={count} 2>/dev/null | base64 -w0"
    return base64.b64decode(host.run(["/bin/sh", "-c", copy]).output)


@pytest.mark.shows("access-s", "access-t", "dma-manager-expected")
def test_a_function_reaches_passed_memory_as_s_and_t_say(host: VirtualHost, kernel: Kernel) -> None:
    known = pattern(PATTERN.id, PATTERN.size)[HOST_PAGES - PATTERN.address :]
    not_passed = as_words(known[4 * PAGE_SIZE :])
    initrd = build_guest(kernel, COPY_CHECKS, (), {"/not-passed": not_passed.encode()})
    host.bind([EDU])

    done = run_guest(
        host,
        kernel,
        initrd,
        "".join(
            f"pass loc mem:{page:#x},0x1000,{letters}={page - GUEST_PAGES + HOST_PAGES:#x}\n"
            for page, letters in LETTERS.items()
        )
        + "pass loc pci:0:5.0\n",
    )

    assert_checks(done, COPY_NAMES)
    both, source, target, *others = (
        host_memory(host, AddressRange(HOST_PAGES + i * PAGE_SIZE, PAGE_SIZE)) for i in range(5)
    )
    new = b"".join(word.to_bytes(4, "little") for word in NEW)
    assert (both[:16], both[0x100:0x110], both[0x200:0x210]) == (new, new, new)
    assert source == new + known[PAGE_SIZE + 16 : 2 * PAGE_SIZE]
    assert target == new + known[2 * PAGE_SIZE + 16 : 3 * PAGE_SIZE]
    assert b"".join(others) == known[3 * PAGE_SIZE : 5 * PAGE_SIZE]


# Linux gives programs memory of the movable zone, which is the end of RAM beyond
# `kernelcore`; direct: the disk writes into the program's buffer, and nobody copies.
MOVABLE_ZONE = f"kernelcore={160 << 20}"
READ_CHECKS = f"""
wait_for 20 test -b /dev/nvme0n1
found=$(dd if=/dev/nvme0n1 bs={DISK.size} count=1 iflag=direct 2>/dev/null | sha256sum)
[ "${{found%% *}}" = "$(cat /expected)" ] && passed disk || failed disk "content is $found"
ram=$(awk '/MemTotal/ {{ print int($2 / 1024) }}' /proc/meminfo)
[ "$ram" -gt 128 ] && passed ram "$ram MiB" || failed ram "$ram MiB: not more than 127"
"""

# Counts the pages of the disk that lie in that memory, each told by its first 32 bytes.
COUNT_PAGES = """
import os, sys
start, size, expected = int(sys.argv[1]), int(sys.argv[2]), open(sys.argv[3], "rb").read()
wanted = {expected[at : at + 32] for at in range(0, len(expected), 4096)}
with open("/dev/mem", "rb", buffering=1 << 20) as memory:
    memory.seek(start)
    heads = {memory.read(4096)[:32] for _ in range(size // 4096)}
print(len(wanted & heads))
"""


@pytest.mark.shows("access-m", "access-t")
def test_a_disk_reads_into_passed_memory_that_is_the_guests_ram(
    host: VirtualHost, kernel: Kernel
) -> None:
    content = pattern(DISK.id, DISK.size)
    expected = hashlib.sha256(content).hexdigest().encode()
    initrd = build_guest(kernel, READ_CHECKS, ("nvme",), {"/expected": expected})
    host.bind([NVME])

    done = run_guest(
        host,
        kernel,
        initrd,
        f"pass loc mem:{GUEST_PAGES:#x},{IMAGES.range.size:#x},m={IMAGES.range.start:#x}\n"
        "pass loc pci:0:3.0\n",
        MOVABLE_ZONE,
    )

    assert_checks(done, ["disk", "ram"])
    (host.exchange / "disk").write_bytes(content)
    place = [str(IMAGES.range.start), str(IMAGES.range.size)]
    counted = host.run([sys.executable, "-S", "-c", COUNT_PAGES, *place, f"{host.exchange}/disk"])
    # When the buffer is free again, some of its pages get other content.
    assert int(counted.text) > DISK.size // PAGE_SIZE // 2, counted.text
