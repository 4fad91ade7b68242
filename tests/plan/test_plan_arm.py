# SPDX-License-Identifier: Apache-2.0
"""Plans of arm64 guests: where the GIC and the serial ports are, and what is refused."""

import pytest

from arm_board import LINUX
from passthru.addresses import AddressRange
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.plan.arm_planner import ArmPlanned, plan_arm_vm
from passthru.plan.model import RegionKind
from passthru.rules.check import check
from sample_board import BOARD as X86

BASE = "ram 0x80000000,64m load kernel\n"
UART = "vdev pl011 loc 0x1c090000 intr gic:37\n"


def planned(text: str) -> ArmPlanned:
    config, findings = read([Source("guest.qvmconf", BASE + text)], environment={})
    assert findings == ()
    return plan_arm_vm(config, LINUX)


@pytest.mark.parametrize(
    ("text", "version", "distributor", "processors"),
    [
        ("", 3, (0x2F000000, 0x10000), (0x2F100000, 0x20000)),
        ("cpu cpu cpu", 3, (0x2F000000, 0x10000), (0x2F100000, 0x60000)),
        ("vdev gic version 3", 3, (0x2F000000, 0x10000), (0x2F100000, 0x20000)),
        ("vdev gic version 2", 2, (0x2C001000, 0x1000), (0x2C002000, 0x2000)),
        (
            "vdev gic gicd 0x8000000 gicr 0x80a0000",
            3,
            (0x8000000, 0x10000),
            (0x80A0000, 0x20000),
        ),
        ("vdev gic version 2 gicc 0x3000000", 2, (0x2C001000, 0x1000), (0x3000000, 0x2000)),
    ],
)
def test_the_gic_is_where_it_is_wanted(
    text: str, version: int, distributor: tuple[int, int], processors: tuple[int, int]
) -> None:
    plan, findings = planned(text)
    assert findings == ()
    assert plan.gic[:3] == (version, AddressRange(*distributor), AddressRange(*processors))
    devices = {each.range for each in plan.regions if each.kind is RegionKind.DEVICE}
    assert devices == {plan.gic.distributor, plan.gic.processors}


def test_serial_ports_print_on_the_output_unless_they_are_told_where() -> None:
    plan, findings = planned(
        UART + "vdev pl011 loc 0x1c0a0000 intr gic:38 hostdev >log hostdev <pipe"
    )
    assert findings == ()
    assert [(uart.registers.start, uart.line, uart.host_devices) for uart in plan.uarts] == [
        (0x1C090000, 37, (">-",)),
        (0x1C0A0000, 38, (">log", "<pipe")),
    ]


@pytest.mark.shows("pci-placeholder", "example-graphics-ids", case="vdev pci-dummy")
@pytest.mark.shows("blob-guest", "blob-guest-preloaded", case="guest pass")
@pytest.mark.shows("blob-type-for-all-loc", case="initrd pass")
@pytest.mark.shows("sched-example-pci", case="pass sched 44 loc pci")
@pytest.mark.parametrize(
    ("text", "message", "fix"),
    [
        ("vdev pci-dummy clone pci:0:31.0", "run has no `vdev pci-dummy` on arm64", None),
        ("guest pass loc 0x9000000,0x1000,rn", "from a file only", "guest load FILE"),
        (
            "initrd pass loc 0x9000000,0x1000,rn loc 0x9001000,0x1000,rn",
            "a second initrd image",
            None,
        ),
        ("pass sched 44 loc pci:0:3.0", "`sched 44` of a pass without", "remove `sched 44`"),
        ("vdev gic version 4", "no GIC of version 4", "version 3"),
        ("vdev gic gicd here", "`here`", None),
        ("vdev gic gicd 0x2f001000", "it can be at multiples of 0x10000", None),
        ("vdev gic vdev gic", "a second `vdev gic`", None),
        ("vdev gic msi 1,2,3", "option `msi` of vdev gic", "remove `msi`"),
        ("cpu " * 9, "9 cpus", None),
        ("vdev pl011 intr gic:37", "vdev pl011 has no `loc`", "loc 0x1c090000"),
        ("vdev pl011 loc 0x1c090000", "vdev pl011 has no `intr`", "intr gic:37"),
        ("vdev pl011 loc io:0x3f8 intr gic:37", "reached by memory only", None),
        ("vdev pl011 loc 0x1c090000 intr gic:31", "line 31 belongs to each", "gic:63"),
        ("vdev gic loc 0x8000000", "vdev gic does not take this `loc`", None),
        (UART + "sched 10", "option `sched` of vdev pl011", "remove `sched`"),
        ("vdev virtio-blk loc 0x1c0c0000 intr gic:40", "run has no `vdev virtio-blk`", None),
        ("vdev ser8250 loc io:0x3f8 intr gic:40", "it has gic, pl011", None),
        ("ram 0xffffffff000,8k", "above 0x10000000000", "give it addresses below 0x10000000000"),
        ("vdev gic gicd 0x10000000000", "gic distributor ends at 0x10000010000", None),
        ("vdev pl011 loc 0x10000000000 intr gic:40", "pl011 ends at 0x10000001000", None),
        ("pass intr gic:2", "line 2 belongs to each processor itself", "gic:34"),
        ("pass intr gic:31,u=40", "line 31 belongs to each processor itself", "gic:63,u=40"),
        ("vdev pl011 loc 0x1c090000 intr gic:5=9", "line 5 belongs to each", "gic:37=9"),
        ("pass sched 0 intr gic:34", "numbers from 1 to 99", None),
        ("pass loc pci:0:3.0", "this host has no PCI function pci:0:3.0", None),
        ("fdt load 0x80000004,own.dtb", "at multiples of 8", "fdt load own.dtb"),
        ("fdt load a.dtb fdt load b.dtb", "a second fdt image", None),
        ("acpi load table", "a device tree and no ACPI tables", None),
        ("generate", "does not have the option `generate`", "remove `generate`"),
    ],
)
def test_what_run_cannot_do_is_refused(text: str, message: str, fix: str | None) -> None:
    findings = planned(text).findings
    assert [each for each in findings if message in each.message], findings
    assert fix is None or fix in [each.fix for each in findings]


def test_passed_interrupts_are_planned_and_claimed() -> None:
    plan, findings = planned(
        "pass loc 0x9010000,0x1000,rwn intr gic:34 pass sched 7 intr gic:991=36"
    )
    assert findings == ()
    assert [each[:5] for each in plan.interrupts] == [
        (2, 34, None, False, None),
        (959, 36, None, False, 7),
    ]
    resources = [claim.resource for claim in plan.claims]
    assert resources == ["mem:0x9010000,0x1000", "vector 34", "vector 36"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", False),
        ("fdt generate", True),
        ("set fdt-dump-file guest.dtb", True),
        ("fdt load own.dtb", True),
        ("fdt load 0x81000000,own.dtb", True),
        ("fdt pass loc 0x90000000,0x1000,rn=0x70000000", True),
    ],
)
def test_who_speaks_of_a_tree_gets_one(text: str, wanted: bool) -> None:
    plan, findings = planned(text)
    assert findings == ()
    assert plan.wants_tree is wanted


@pytest.mark.parametrize("line", [32, 991])
def test_every_line_of_the_gic_can_be_used(line: int) -> None:
    assert planned(UART.replace("37", str(line))).findings == ()


def test_ram_may_end_where_the_addresses_do() -> None:
    assert planned("ram 0xfffffff000,4k").findings == ()


def test_another_host_is_refused() -> None:
    config, _ = read([Source("guest.qvmconf", BASE)], environment={})
    (finding,) = plan_arm_vm(config, X86).findings
    assert "this host is x86_64" in finding.message


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (UART, None),
        ("vdev gic name pic vdev pl011 loc 0x1c090000 intr pic:37", None),
        (UART.replace("gic:37", "pic:37"), "interrupt-controller-unknown"),
        (UART.replace("37", "992"), "interrupt-line-out-of-range"),
        (UART + UART.replace("1c09", "1c0a"), "interrupt-claimed-twice"),
        ("ram 0x2f000000,1m", "address-overlap"),
        ("ram 0x1c090000,4k " + UART, "address-overlap"),
    ],
)
def test_the_rules_know_the_machine(text: str, rule: str | None) -> None:
    config, _ = read([Source("guest.qvmconf", BASE + text)], environment={})
    found = check(config, plan_arm_vm(config, LINUX).plan, LINUX)
    errors = [each for each in found if each.severity.value == "error"]
    assert [each.id for each in errors] == ([] if rule is None else [rule])
    assert all(each.fix for each in errors if each.id == "address-overlap")


@pytest.mark.parametrize(
    ("place", "severity"),
    [("0xfe203000", None), ("0x10000000", Severity.WARNING), ("0x100000000", Severity.WARNING)],
)
def test_a_device_may_be_where_the_memory_map_of_an_arm64_host_has_none(
    place: str, severity: Severity | None
) -> None:
    text = f"{BASE}pass loc 0x1d000000,0x1000,rwn={place}"
    config, _ = read([Source("guest.qvmconf", text)], environment={})
    found = check(config, plan_arm_vm(config, LINUX).plan, LINUX)
    told = [each.severity for each in found if each.id == "host-memory-absent"]
    assert told == ([] if severity is None else [severity])
