# SPDX-License-Identifier: Apache-2.0
"""PCI functions passed to guests on arm64: host bridge, ITS and VFIO behind an SMMUv3."""

import hashlib
import re
from pathlib import Path

import pytest

from arm_guests import make_flat
from passthru.addresses import PciAddress
from passthru.bench.architectures import AARCH64
from passthru.bench.boards import load_board
from passthru.bench.foreign_host import obtain_foreign_kernel
from passthru.bench.guest import GUEST_COMMAND_LINE, build_guest, check_results
from passthru.bench.host_session import Completed
from passthru.bench.inner_command import passthru_command, python_command
from passthru.bench.pattern import pattern
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

SWITCHED_OFF = "passthru: the guest switched itself off\n"

BOARD = load_board("arm64-virt")
NVME, EDU = PciAddress(0, 0, 3, 0), PciAddress(0, 0, 5, 0)
DISK = next(disk for disk in BOARD.disks if disk.id == "pattern")

WIRED = 5
CHECKS = f"""
expect() {{ # NAME WANTED FOUND
    if [ "$2" = "$3" ]; then passed "$1" "$3"; else failed "$1" "$3, not $2"; fi
}}
expect functions "0x060000 0x010802 0x00ff00" "$(echo $(cat /sys/bus/pci/devices/*/class))"

wait_for 20 test -b /dev/nvme0n1
read_disk() {{ dd if=/dev/nvme0n1 bs={DISK.size} count=1 iflag=direct 2>/dev/null | sha256sum; }}
found=$(read_disk)
expect disk "$(cat /expected)" "${{found%% *}}"
expect messages yes "$([ $(interrupts 'ITS-.*nvme0q') -gt 0 ] && echo yes)"

# edu (QEMU: docs/specs/edu.rst): identification, inverted on write, raise, acknowledge.
function=/sys/bus/pci/devices/0000:00:07.0
echo 1234 11e8 >/sys/bus/pci/drivers/uio_pci_generic/new_id
wait_for 10 test -c /dev/uio0
edu=$(head -n 1 $function/resource | cut -d' ' -f1)
expect edu-identifies 0x010000ED "$(devmem $edu 32)"
devmem $((edu + 4)) 32 0x0000ffff
expect edu-computes 0xFFFF0000 "$(devmem $((edu + 4)) 32)"
let_interrupt() {{ # memory, bus master, and no Interrupt Disable
    printf '\\006\\000' | dd of=$function/config bs=2 seek=2 count=1 conv=notrunc 2>/dev/null
}}
exec 3</dev/uio0
came=0
while [ $came -lt {WIRED} ]; do
    let_interrupt
    devmem $((edu + 0x60)) 32 1
    timeout 20 dd bs=4 count=1 of=/dev/null <&3 2>/dev/null || break
    devmem $((edu + 0x64)) 32 1
    came=$((came + 1))
done
expect edu-interrupts {WIRED} $came
expect edu-line "{WIRED} Level" "$(interrupts uio_pci_generic) \
$(grep -o 'Level *uio_pci_generic' /proc/interrupts | cut -d' ' -f1)"
grep -v ': *0 ' /proc/interrupts
"""
NAMES = [
    *("functions", "disk", "messages", "edu-identifies", "edu-computes"),
    *("edu-interrupts", "edu-line"),
]

# But for the command register, in which vfio-pci leaves Interrupt Disable set.
STATE = """
cd /sys/bus/pci/devices
for each in 0000:00:03.0 0000:00:05.0; do
    echo "$each $(readlink $each/driver)"
    od -v -tx1 $each/config | sed '1s/\\(0000000 .. .. .. ..\\) .. ../\\1/'
done
grep -c vfio /proc/interrupts
ls /dev/vfio
cat /proc/iomem
"""


def state(host: VirtualHost) -> str:
    return host.run(["/bin/sh", "-c", STATE], timeout=60).text


def command_for(host: VirtualHost, configuration: str) -> list[str]:
    config = host.exchange / "pci.qvmconf"
    config.write_text(configuration)
    return passthru_command(["run", f"@{config}"], AARCH64)


def run(host: VirtualHost, configuration: str) -> Completed:
    return host.run(command_for(host, configuration), timeout=240, silence=120)


@pytest.mark.shows("example-audio")
@pytest.mark.shows(
    *("pass-device", "pci-by-ids", "pci-same-place", "pci-at-guest-place", "pci-host-side"),
    *("pci-example", "pci-implicit-interrupts", "example-graphics-both"),
)
def test_a_disk_and_a_wired_function_work_in_linux(arm_host: VirtualHost) -> None:
    kernel = obtain_foreign_kernel()
    expected = hashlib.sha256(pattern(DISK.id, DISK.size)).hexdigest()
    initrd = build_guest(
        kernel, CHECKS, ("nvme", "uio_pci_generic"), {"/expected": expected.encode()}
    )
    (arm_host.exchange / "initrd").write_bytes(initrd)
    arm_host.bind([NVME, EDU])
    before = state(arm_host)

    done = run(
        arm_host,
        f"system pci ram 0x80000000,256m guest load {kernel.image}\n"
        f"initrd load {arm_host.exchange}/initrd\n"
        f'cmdline "{GUEST_COMMAND_LINE.replace("ttyS0", "ttyAMA0")}"\n'
        "vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-\n"
        "pass loc pci:0:3.0\npass loc pci:0:7.0=pci:0x1234/0x11e8\n",
    )

    results = check_results(done.text.replace("\r", ""))
    assert [result for result in results if not result.passed] == [], done.text
    assert [result.name for result in results] == NAMES, done.text
    assert done.status == 0, done.text
    assert state(arm_host) == before


# Arm IHI 0069, chapters 5, 8 and 12; PCI 3.0, 6.8.1.
GICD, GICR, ITS = 0x2F000000, 0x2F100000, 0x2F020000
ECAM, SENDER = 0xFFE00000, 3 << 3
DEVICES, COLLECTIONS, COMMANDS, PROPERTIES, PENDING, EVENTS = (
    0x40100000 + 0x10000 * number for number in range(6)
)
VALID, ALL_ZERO, PAGES_OF_64K = 1 << 63, 1 << 62, 2 << 8
EVENT, LPI = 7, 8192
ITS_COMMANDS = (
    (SENDER << 32 | 0x08, 4, VALID | EVENTS),  # MAPD: 32 events
    (0x09, 0, VALID),  # MAPC: processor 0
    (SENDER << 32 | 0x0A, LPI << 32 | EVENT, 0),  # MAPTI
    (SENDER << 32 | 0x0C, EVENT, 0),  # INV
    (0x05, 0, 0),  # SYNC
)


def store(address: int, value: int, register: str = "x0") -> str:
    return f"ldr x1, ={address:#x}\nldr {register}, ={value:#x}\nstr {register}, [x1]\n"


SET_UP = (
    store(GICD, 0x12, "w0")  # affinity routing, group 1
    + store(PROPERTIES, 0xA3, "w0")  # the first LPI: enabled
    + store(GICR + 0x70, PROPERTIES | 13)  # GICR_PROPBASER: ids of 14 bits
    + store(GICR + 0x78, ALL_ZERO | PENDING)  # GICR_PENDBASER
    + store(GICR, 1, "w0")  # GICR_CTLR: LPIs
    + store(ITS + 0x100, VALID | DEVICES | PAGES_OF_64K)  # GITS_BASER0
    + store(ITS + 0x108, VALID | COLLECTIONS | PAGES_OF_64K)  # GITS_BASER1
    + store(ITS + 0x80, VALID | COMMANDS)  # GITS_CBASER
    + store(ITS, 1, "w0")  # GITS_CTLR
    + "".join(
        store(COMMANDS + 32 * number + 8 * at, word)
        for number, words in enumerate(ITS_COMMANDS)
        for at, word in enumerate((*words, 0))
    )
    + store(ITS + 0x88, 32 * len(ITS_COMMANDS))  # GITS_CWRITER
)

# Sends edu's message to the ITS, and lets it come five times.
MESSAGES = f"""
    adr x0, vectors
    msr vbar_el1, x0
    mov x0, #7
    msr S3_0_C12_C12_5, x0          // ICC_SRE_EL1
    isb
    mov x0, #0xff
    msr S3_0_C4_C6_0, x0            // ICC_PMR_EL1
    mov x0, #1
    msr S3_0_C12_C12_7, x0          // ICC_IGRPEN1_EL1
{SET_UP}
    ldr x19, ={ECAM | 3 << 15:#x}
    mov w0, #6
    strh w0, [x19, #4]              // command: memory, bus master
    ldr w20, [x19, #0x10]           // BAR 0
    and w20, w20, #~0xf
    ldrb w21, [x19, #0x34]
    add x21, x19, x21               // the MSI capability
    ldrb w0, [x21]
    cmp w0, #5
    b.ne failed
    ldr w0, ={ITS + 0x10040:#x}     // GITS_TRANSLATER
    str w0, [x21, #4]
    str wzr, [x21, #8]
    mov w0, #{EVENT}
    strh w0, [x21, #12]
    mov w0, #1
    strh w0, [x21, #2]
    mov x22, #0
    mov w0, #1
    str w0, [x20, #0x60]            // edu: raise
    msr daifclr, #2
1:  wfi
    b 1b
failed:
    print "failed"
    power_off
    .ltorg
    .balign 2048
vectors:
    .space 0x280
    mrs x23, S3_0_C12_C12_0         // ICC_IAR1_EL1
    cmp x23, #{LPI}
    b.ne failed
    mov w0, #1
    str w0, [x20, #0x64]            // edu: acknowledge
    msr S3_0_C12_C12_1, x23         // ICC_EOIR1_EL1
    print_character #0x6d
    add x22, x22, #1
    cmp x22, #5
    b.eq 2f
    mov w0, #1
    str w0, [x20, #0x60]
    eret
2:  power_off
"""


def test_messages_of_a_function_come_by_the_its(arm_host: VirtualHost, tmp_path: Path) -> None:
    image = arm_host.exchange / "messages.bin"
    image.write_bytes(make_flat(tmp_path, MESSAGES).read_bytes())
    arm_host.bind([EDU])

    done = run(
        arm_host,
        f"ram 0x40000000,16m load {image}\nvdev pl011 loc 0x1c090000 intr gic:37\n"
        "pass loc pci:0:3.0=pci:0:5.0\n",
    )

    assert done.text.endswith(f"mmmmm{SWITCHED_OFF}"), done.text
    assert done.status == 0


# edu's engine copies a word of the guest's memory, and tries memory of the host's that the guest
# does not have: there, and back (QEMU: docs/specs/edu.rst).
PATTERN = next(place for place in BOARD.patterns if place.id == "reserved-memory")
WORD, OURS, COPY, BUFFER = 0x600DCAFE, 0x60100000, 0x60200000, 0x40000
TAKE, GIVE = 1, 3


def transfer(source: int, target: int, command: int) -> str:
    registers = ((0x80, source), (0x88, target), (0x90, 16), (0x98, command))
    writes = "".join(f"ldr w0, ={value:#x}\nstr w0, [x20, #{at}]\n" for at, value in registers)
    return f"{writes}1: ldr w0, [x20, #0x98]\ntbnz w0, #0, 1b\n"


COPIES = f"""
    ldr x19, ={ECAM | 3 << 15:#x}
    mov w0, #6
    strh w0, [x19, #4]              // command: memory, bus master
    ldr w20, [x19, #0x10]           // BAR 0
    and w20, w20, #~0xf
    {store(OURS, WORD, "w0")}
    {transfer(OURS, BUFFER, TAKE)}
    {transfer(BUFFER, COPY, GIVE)}
    ldr x1, ={COPY:#x}
    ldr w0, [x1]
    ldr w2, ={WORD:#x}
    cmp w0, w2
    b.ne 2f
    print "copied "
2:
    {transfer(BUFFER, PATTERN.address, GIVE)}
    {transfer(PATTERN.address, BUFFER, TAKE)}
    {transfer(BUFFER, COPY, GIVE)}
    ldr x1, ={COPY:#x}
    ldr w0, [x1]
    ldr w2, ={int.from_bytes(pattern(PATTERN.id, 4), "little"):#x}
    cmp w0, w2
    b.eq 3f
    print "kept"
3:  power_off
"""

# The kernel has no mapping of its own to read from, but gives one to others.
READ_MEMORY = f"""
import hashlib, mmap, os
memory = os.open("/dev/mem", os.O_RDONLY)
place = mmap.mmap(memory, {PATTERN.size}, prot=mmap.PROT_READ, offset={PATTERN.address})
print(hashlib.sha256(place[:]).hexdigest())
"""


@pytest.mark.shows("dma-manager-expected")
def test_a_function_reaches_the_guest_s_memory_and_no_other(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    image = arm_host.exchange / "copies.bin"
    image.write_bytes(make_flat(tmp_path, COPIES).read_bytes())
    arm_host.bind([EDU])

    done = run(
        arm_host,
        f"ram 0x60000000,16m load {image}\nvdev pl011 loc 0x1c090000 intr gic:37\n"
        "pass loc pci:0:3.0=pci:0:5.0\n",
    )

    assert done.text.endswith(f"copied kept{SWITCHED_OFF}"), done.text
    held = arm_host.run(python_command(f"exec({READ_MEMORY!r})", AARCH64))
    assert held.text.strip() == hashlib.sha256(pattern(PATTERN.id, PATTERN.size)).hexdigest()


# Pages of the host's behind its pattern, each with one word of the guest's or none.
SOURCE, TARGET, NEITHER = 0x70000000, 0x70001000, 0x70002000
PASSED_PAGES = {SOURCE: "rwns", TARGET: "rwnt", NEITHER: "rwn"}
HOST_PAGES = PATTERN.address + 0x40000


def told(address: int, relation: str, text: str) -> str:
    """Print ``text`` if the word at ``address`` is the guest's (``eq``), or is not (``ne``)."""
    other = {"eq": "ne", "ne": "eq"}[relation]
    return f"""
    ldr x1, ={address:#x}
    ldr w0, [x1]
    ldr w2, ={WORD:#x}
    cmp w0, w2
    b.{other} 2f
    print "{text} "
2:
"""


SHARES = f"""
    ldr x19, ={ECAM | 3 << 15:#x}
    mov w0, #6
    strh w0, [x19, #4]
    ldr w20, [x19, #0x10]
    and w20, w20, #~0xf
    {"".join(store(page + 0x100, 0, "w0") for page in PASSED_PAGES)}
    {store(SOURCE, WORD, "w0")}
    {transfer(SOURCE, BUFFER, TAKE)}
    {transfer(BUFFER, COPY, GIVE)}
    {told(COPY, "eq", "read")}
    {transfer(BUFFER, TARGET + 0x100, GIVE)}
    {told(TARGET + 0x100, "eq", "written")}
    {transfer(BUFFER, SOURCE + 0x100, GIVE)}
    {told(SOURCE + 0x100, "ne", "source-kept")}
    {transfer(BUFFER, NEITHER + 0x100, GIVE)}
    {told(NEITHER + 0x100, "ne", "kept")}
    {store(NEITHER, WORD, "w0")}
    {store(OURS, 0, "w0")}
    {transfer(OURS, BUFFER, TAKE)}
    {transfer(NEITHER, BUFFER, TAKE)}
    {transfer(BUFFER, COPY, GIVE)}
    {told(COPY, "ne", "hidden")}
    power_off
"""


@pytest.mark.shows("access-s", "access-t")
def test_a_function_reaches_passed_memory_as_s_and_t_say(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    image = arm_host.exchange / "shares.bin"
    image.write_bytes(make_flat(tmp_path, SHARES).read_bytes())
    arm_host.bind([EDU])

    done = run(
        arm_host,
        f"ram 0x60000000,16m load {image}\nvdev pl011 loc 0x1c090000 intr gic:37\n"
        + "".join(
            f"pass loc mem:{page:#x},0x1000,{letters}={page - SOURCE + HOST_PAGES:#x}\n"
            for page, letters in PASSED_PAGES.items()
        )
        + "pass loc pci:0:3.0=pci:0:5.0\n",
    )

    assert done.text.endswith(f"read written source-kept kept hidden {SWITCHED_OFF}"), done.text


def test_memory_where_the_smmu_shows_the_host_s_its_is_refused(arm_host: VirtualHost) -> None:
    image = arm_host.exchange / "nothing.bin"
    image.write_bytes(bytes(4))
    arm_host.bind([EDU])

    done = run(arm_host, f"ram 0x8000000,1m load {image}\npass loc pci:0:5.0\n")

    assert done.status == 65, done.text
    assert "covers 0x8000000..0x8100000, which the host's IOMMU keeps back (msi)" in done.text


FIRST = """
"$@" >/tmp/first 2>&1 &
tries=0
until grep -q running /tmp/first || [ $tries = 300 ]; do
    tries=$((tries + 1))
    usleep 100000
done
echo "first: $(cat /tmp/first)"
"$@"
echo "second: $?"
kill -KILL $!
wait
"""


@pytest.mark.shows("owner-other-guest", "dma-taken", "dma-taken-ends")
def test_a_function_has_one_owner_and_comes_back_even_from_a_killed_run(
    arm_host: VirtualHost, tmp_path: Path
) -> None:
    image = arm_host.exchange / "forever.bin"
    forever = make_flat(tmp_path, 'print "running"\n1: wfi\nb 1b')
    image.write_bytes(forever.read_bytes())
    arm_host.bind([EDU])
    before = state(arm_host)
    machine = f"ram 0x60000000,1m load {image}\nvdev pl011 loc 0x1c090000 intr gic:37\n"

    command = command_for(arm_host, f"{machine}pass loc pci:0:5.0\n")
    done = arm_host.run(["/bin/sh", "-c", FIRST, "sh", *command], timeout=120)

    assert re.search("^first: .*running", done.text, re.DOTALL), done.text
    assert "second: 64" in done.text, done.text
    assert "in use by another process" in done.text, done.text
    assert state(arm_host) == before
