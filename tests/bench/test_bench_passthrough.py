# SPDX-License-Identifier: Apache-2.0
"""Guests on a virtual host: real KVM, VFIO and IOMMU, real Linux drivers in the guest."""

import base64
from datetime import UTC, datetime

import pytest

from passthru.addresses import PciAddress
from passthru.bench.boards import load_board
from passthru.bench.guest import GUEST_COMMAND_LINE, build_guest, check_results
from passthru.bench.host_session import Completed
from passthru.bench.inner_command import passthru_command
from passthru.bench.kernels import Kernel
from passthru.bench.pattern import pattern
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

BOARD = load_board("x86-64")
EDU, UART, AUDIO = (PciAddress(0, 0, device, 0) for device in (5, 7, 14))
PATTERN = next(place for place in BOARD.patterns if place.id == "reserved-memory")

DEVICES = """
vdev ioapic loc 0xf8000000 intr apic name ioapic
vdev ser8250 hostdev >- loc io:0x3f8 intr ioapic:4
vdev timer8254 intr ioapic:0
vdev mc146818
"""


def run(host: VirtualHost, *words: str) -> tuple[Completed, str]:
    """The guest's console, and what the machine said meanwhile: it may cut into any line."""
    script = '"$@" 2>/tmp/said; status=$?; echo "----"; cat /tmp/said; exit $status'
    command = ["/bin/sh", "-c", script, "sh", *passthru_command(["run", *words])]
    done = host.run(command, timeout=240, silence=120)
    console, _, said = done.output.rpartition(b"----\n")
    return done._replace(output=console), said.decode()


def failed_checks(done: Completed) -> list[str]:
    return [
        f"{check.name}: {check.detail}" for check in check_results(done.text) if not check.passed
    ]


READ_ONLY, WRITABLE = 0x50000000, 0x50010000
EDU_BAR = "0000:00:05.0"
BYTES, BLOCK = 40, 4096
# A handler that is still looking for more work, on the other processor, takes the next byte, too.
OWN_INTERRUPTS = BYTES * 3 // 4
CHECKS = f"""
expect() {{ # NAME WANTED FOUND
    if [ "$2" = "$3" ]; then passed "$1" "$3"; else failed "$1" "$3, not $2"; fi
}}

expect processors "$(cat /expected-processors)" "$(nproc)"
expect clock "$(cat /expected-day)" "$(date -u +%F)"

before=$(devmem {READ_ONLY:#x} 32)
expect read-only-shows "$(cat /expected-word)" "$before"
devmem {READ_ONLY:#x} 32 0xdeadbeef
expect read-only-refuses "$before" "$(devmem {READ_ONLY:#x} 32)"
devmem {WRITABLE:#x} 32 0x600DCAF$(nproc)
expect writable-takes 0x600DCAF$(nproc) "$(devmem {WRITABLE:#x} 32)"

bar() {{ # FUNCTION: start of its first BAR
    head -n 1 /sys/bus/pci/devices/$1/resource | cut -d' ' -f1
}}
echo 1 >/sys/bus/pci/devices/{EDU_BAR}/enable
edu=$(bar {EDU_BAR})
expect edu-identifies 0x010000ED "$(devmem $edu 32)"
devmem $((edu + 4)) 32 0x0000ffff
expect edu-computes 0xFFFF0000 "$(devmem $((edu + 4)) 32)"

expect uart-ports 1 "$(grep -c 'uart:16550A port:0000C' /proc/tty/driver/serial)"
sent() {{ # BYTES: whether the UART has taken so many
    [ "$(sed -n 's/^1:.* tx:\\([0-9]*\\).*/\\1/p' /proc/tty/driver/serial)" = "$1" ]
}}
send_one_by_one() {{ # COUNT: each byte waits for the one before, by turns on each processor
    line=$(awk '/ ttyS1$/ {{ print $1 + 0 }}' /proc/interrupts)
    count=0
    while [ $count -lt "$1" ]; do
        echo $((1 << count % $(nproc))) >/proc/irq/$line/smp_affinity
        printf x >&3
        count=$((count + 1))
        wait_for 10 sent $count || break
    done
    echo "$count"
}}
exec 3>/dev/ttyS1
expect uart-sends {BYTES} "$(send_one_by_one {BYTES})"
taken=$(interrupts ' ttyS1')
if [ "$taken" -ge {OWN_INTERRUPTS} ]; then
    passed uart-interrupts "$taken"
else
    failed uart-interrupts "$taken for {BYTES} bytes"
fi
head -c {BLOCK} /dev/zero >&3 &
expect uart-sends-a-block yes "$(wait_for 20 sent $(({BYTES} + {BLOCK})) && echo yes)"
exec 3>&-

grep -v ': *0 ' /proc/interrupts
wait_for 30 test -e /proc/asound/card0/codec#0
expect audio-codec "Codec: QEMU Generic" "$(head -n 1 /proc/asound/card0/codec#0)"
expect audio-wired yes "$(grep -q 'IO-APIC.*fasteoi.*snd_hda_intel' /proc/interrupts && echo yes)"
expect audio-interrupts yes "$([ $(interrupts ' snd_hda_intel') -gt 0 ] && echo yes)"
"""
NAMES = [
    "processors",
    "clock",
    "read-only-shows",
    "read-only-refuses",
    "writable-takes",
    "edu-identifies",
    "edu-computes",
    "uart-ports",
    "uart-sends",
    "uart-interrupts",
    "uart-sends-a-block",
    "audio-codec",
    "audio-wired",
    "audio-interrupts",
]


def host_memory(host: VirtualHost, address: int, size: int) -> bytes:
    skip, count = address >> 12, size >> 12
    copy = f"dd if=/dev/mem bs=4096 skip={skip} count={count} 2>/dev/null | base64 -w0"
    return base64.b64decode(host.run(["/bin/sh", "-c", copy]).output)


@pytest.mark.shows(
    "pass-purpose", "pass-device", "loc-direct", "loc-host-address", "loc-moved", "access-w"
)
@pytest.mark.shows(
    "pci-by-ids",
    "pci-example",
    "pci-at-guest-place",
    "pci-same-place",
    "pci-host-side",
    "pci-implicit-interrupts",
)
@pytest.mark.shows(
    "blob-type-load",
    "example-initrd-load",
    "example-initrd-access",
    "example-graphics-optional",
    "example-graphics-both",
)
# Two processors, because only they can come to the moved IOAPIC at once.
@pytest.mark.parametrize("processors", [1, 2])
def test_wired_interrupts_port_bars_and_memory_with_and_without_w(
    host: VirtualHost, kernel: Kernel, processors: int
) -> None:
    known = pattern(PATTERN.id, PATTERN.size)
    word = int.from_bytes(known[:4], "little")
    today = datetime.now(UTC).date()
    initrd = build_guest(
        kernel,
        CHECKS,
        ("snd-hda-codec-generic", "snd-hda-intel"),
        {
            "/expected-word": f"0x{word:08X}\n".encode(),
            "/expected-day": f"{today}\n".encode(),
            "/expected-processors": f"{processors}\n".encode(),
        },
    )
    (host.exchange / "initrd").write_bytes(initrd)
    host.bind([EDU, UART, AUDIO])
    config = host.exchange / "devices.qvmconf"
    config.write_text(
        f"system devices {'cpu ' * processors}ram 0,0xa0000 ram 1m,191m\n"
        f"guest load {kernel.vmlinux or kernel.image}\n"
        f"initrd load {host.exchange}/initrd\n"
        f'cmdline "{GUEST_COMMAND_LINE} snd_hda_intel.enable_msi=0"\n'
        f"pass loc mem:{READ_ONLY:#x},0x1000,rn={PATTERN.address:#x}\n"
        f"pass loc mem:{WRITABLE:#x},0x1000,rwn={PATTERN.address + 0x1000:#x}\n"
        f"pass loc pci:0:5.0=pci:0x1234/0x11e8/0\n"
        f"pass loc pci:0:7.0\n"
        f"pass loc pci:0:9.0=pci:0:14.0\n" + DEVICES
    )

    done, said = run(host, f"@{config}")

    assert failed_checks(done) == [], done.text + said
    assert [check.name for check in check_results(done.text)] == NAMES, done.text + said
    assert done.status == 0
    assert "which has no 'w': refused" in said
    found = host_memory(host, PATTERN.address, 0x2000)
    assert found[:0x1000] == known[:0x1000]
    assert found[0x1000:0x1004] == (0x600DCAF0 + processors).to_bytes(4, "little")
    assert found[0x1004:] == known[0x1004:0x2000]
