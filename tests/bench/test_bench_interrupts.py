# SPDX-License-Identifier: Apache-2.0
"""A bare interrupt through a real UIO driver: edu's factorial interrupt, counted by a guest."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from passthru.addresses import PciAddress
from passthru.bench.host_session import Completed
from passthru.bench.inner_command import passthru_command
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

EDU = PciAddress(0, 0, 5, 0)
COUNT = 100

# 16-bit code at 0x1000. The device's first page is at 0xd0000; its interrupt is the guest's
# line 5, through the PIC. An interrupt that the device does not own up to counts in %si.
GUEST = f"""
.code16
        cli
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %ss
        mov $0x8000, %sp
        movw $0x1000 + handler, 13 * 4
        movw $0, 13 * 4 + 2
        mov $0x11, %al      # the PIC from vector 8, only line 5 open
        out %al, $0x20
        mov $8, %al
        out %al, $0x21
        mov $4, %al
        out %al, $0x21
        mov $1, %al
        out %al, $0x21
        mov $~(1 << 5) & 0xff, %al
        out %al, $0x21
        mov $0xd000, %ax
        mov %ax, %es
        movl $0x80, %es:0x20    # an interrupt when a factorial is ready
        xor %bx, %bx
        xor %si, %si
        sti
next:   mov %bx, %cx
        movl $5, %es:0x08
1:      pause               # no `sti; hlt`: QEMU's SVM lets interrupts in between the two
        cmp %cx, %bx
        je 1b
        cmp ${COUNT}, %bx
        jb next
        mov $'D', %al
        test %si, %si
        jz 2f
        mov $'S', %al
2:      mov $0x3f8, %dx
        out %al, %dx
        mov $0x600, %dx     # wait for the power button, then power off
3:      in %dx, %ax
        test $1, %ah
        jz 3b
        movl $0, %es:0x20
        mov $0x604, %dx
        mov $0x3400, %ax
        out %ax, %dx
4:      hlt
        jmp 4b
handler:
        mov %es:0x24, %eax
        test %eax, %eax
        jz 5f
        mov %eax, %es:0x64
        inc %bx
        jmp 6f
5:      inc %si
6:      mov $0x20, %al
        out %al, $0x20
        iret
"""

CONFIGURATION = """
system bare cpu ram 0,640k load 0x1000,{binary}
vdev ioapic loc {ioapic} intr apic name pins
vdev ser8250 loc 0x3f8 intr pins:4 hostdev >-
vdev timer8254 intr pins:0
vdev 8259 loc 0x20 vdev 8259 loc 0xa0
pass loc mem:0xd0000,0x1000,rwn=$bar {sched} intr pins:5=$vector
"""

BIND = f"""
name={EDU.sysfs_name}
cd /sys/bus/pci/devices/$name
if [ -e driver ]; then echo $name >driver/unbind; fi
echo {{driver}} >driver_override
echo $name >/sys/bus/pci/drivers_probe
"""

# QEMU's emulation may take a host's interrupt for one of the guest that it interrupts, so the
# two have a processor each. Runs a guest until it has said its one letter, asks the process
# how its interrupts fare, and presses the power button.
RUN = """
bar=$(head -n 1 /sys/bus/pci/devices/{edu}/resource | cut -d' ' -f1)
irq=$(cat /sys/bus/pci/devices/{edu}/irq)
vector=$(cat /sys/kernel/irq/$irq/hwirq)
[ ! -e /proc/irq/$irq/smp_affinity ] || echo 1 >/proc/irq/$irq/smp_affinity
cat >/tmp/bare.qvmconf <<END
{configuration}
END
rm -f /tmp/console /tmp/said    # what an earlier guest said must not be taken for this one's
taskset -c 1 {run} @/tmp/bare.qvmconf >/tmp/console 2>/tmp/said &
turns=0
while kill -0 $! 2>/dev/null && ! [ -s /tmp/console ] && [ $turns -lt 300 ]; do
    sleep 0.1
    turns=$((turns + 1))
done
kill -USR1 $!
sleep 1
kill -INT $!
sleep 2
kill -INT $! 2>/dev/null    # a guest that hangs does not listen to the first
wait $!
status=$?
cat /tmp/console /tmp/said
exit $status
"""


@pytest.fixture(scope="module")
def binary(host: VirtualHost) -> Path:
    source, linked, flat = (host.exchange / f"bare.{end}" for end in ("s", "o", "bin"))
    source.write_text(GUEST)
    subprocess.run(["as", "--32", "-o", linked, source], check=True)
    command = ["ld", "-m", "elf_i386", "-Ttext=0", "--oformat=binary", "-o", flat, linked]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return flat


@pytest.fixture
def edu_by_uio(host: VirtualHost) -> Iterator[VirtualHost]:
    bound = shell(host, BIND.format(driver="uio_pci_generic"))
    assert bound.status == 0, bound.text
    yield host
    freed = shell(host, BIND.format(driver=""))
    assert freed.status == 0, freed.text


def shell(host: VirtualHost, script: str) -> Completed:
    return host.run(["/bin/sh", "-ec", script], timeout=240, silence=120)


def run_guest(host: VirtualHost, binary: Path, ioapic: str, sched: str = "") -> Completed:
    configuration = CONFIGURATION.format(binary=binary, ioapic=ioapic, sched=sched)
    script = RUN.format(
        edu=EDU.sysfs_name,
        configuration=configuration,
        run=shlex.join(passthru_command(["run"])),
    )
    return host.run(["/bin/sh", "-c", script], timeout=240, silence=120)


@pytest.mark.shows("intr-passed", "intr-service-thread", "sched-priority")
@pytest.mark.parametrize(("ioapic", "sched"), [("0xfec00000", "sched 10"), ("0xf8000000", "")])
def test_a_hundred_interrupts_in_a_row_reach_the_guest(
    edu_by_uio: VirtualHost, binary: Path, ioapic: str, sched: str
) -> None:
    done = run_guest(edu_by_uio, binary, ioapic, sched)
    assert (done.status, done.text[:1]) == (0, "D"), done.text
    told = re.search(r"vector \d+ \(intr pins:5=\d+\): (\d+) taken, (\d+) lost", done.text)
    assert told is not None, done.text
    assert (int(told[1]), int(told[2])) == (COUNT, 0)


def test_the_host_comes_back_as_it_was(edu_by_uio: VirtualHost, binary: Path) -> None:
    state = (
        f"cd /sys/bus/pci/devices/{EDU.sysfs_name}; readlink driver; cat enable driver_override; "
        "dd if=config bs=4 skip=1 count=1 2>/dev/null | od -An -tx2; ls /sys/class/uio /dev/uio*"
    )
    before = shell(edu_by_uio, state).text
    assert "uio_pci_generic" in before
    for _ in range(2):
        assert run_guest(edu_by_uio, binary, "0xfec00000").text[:1] == "D"
        assert shell(edu_by_uio, state).text == before


def test_an_interrupt_that_no_uio_device_delivers_is_refused(
    host: VirtualHost, binary: Path
) -> None:
    done = run_guest(host, binary, "0xfec00000")
    assert done.status == 65, done.text
    assert "[interrupt-source-missing]" in done.text
    assert f"echo uio_pci_generic > /sys/bus/pci/devices/{EDU.sysfs_name}/" in done.text


def test_immediate_unmasking_of_a_level_triggered_line_is_refused(
    edu_by_uio: VirtualHost, binary: Path
) -> None:
    done = run_guest(edu_by_uio, binary, "0xfec00000", "intr pins:6,u=$vector")
    assert done.status == 65, done.text
    assert "[immediate-unmask-needs-edge]" in done.text
    assert "is level-triggered" in done.text
