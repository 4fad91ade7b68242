# SPDX-License-Identifier: Apache-2.0
"""Whatever the text says, checking it without a board ends with findings that hold."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from arm_board import LINUX
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.plan.architecture import is_arm_guest
from passthru.plan.arm_planner import plan_arm_vm
from passthru.plan.users import uses_of
from passthru.rules.check import check, check_configuration
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.registry import RULES
from sample_board import check_text

OPTIONS = st.sampled_from(
    (
        "ram 64m", "ram 0,3g", "ram 0x80000000,512m", "ram 1023", "rom 0xc0000,256k", "cpu",
        "cpu sched 3", "load a", "load 0x1000,b", "load 0x1000,c", "guest load d", "fdt load e",
        "acpi load f", "initrd pass", "pass", "reserve", "raw pass", "acpi pass", "guest pass",
        "loc 0x20000000,64m,m", "loc mem:0x5,7,w=0x20000003", "loc 0x20000000,4k,rdn",
        "loc 0x0,0x10000000000,rcst", "loc pci:0:3.0", "loc pci:0:3.7=pci:0:31.2", "loc pci:9:0",
        "loc pci:0x1234/0x11e8", "loc pci:0x1234/0x11e8/1", "loc io:0xc000,0x4000", "loc io:0x20",
        "intr p:4", "intr p:44", "intr apic", "intr q:99", "intr gic:44=150,u", "intr gic:44,u=150",
        "intr gic:45=150", "intr gic:2000", "vdev ioapic name p", "vdev ioapic hostvector 64",
        "vdev gic name q gicd 0x80000000", "vdev gic", "vdev ser8250", "vdev hpet", "vdev smmu",
        "vdev pl011", "vdev virtio-net name n peer /dev/qvm/x/n", "vdev virtio-fs",
        "vdev virtio-console", "vdev pci-dummy", "vdev 8259", "vdev timer8254", "vdev acme name r",
        "intr r:7", "set smmu-externally-managed on", "system x", "ram @SIZE@", "loc @PLACE@",
    )
)  # fmt: skip

IDS = {rule.id for rule in RULES}


def told(text: str, hypervisor: Hypervisor) -> tuple[Finding, ...]:
    result = read([Source("test.qvmconf", text)], environment={}, version=hypervisor.version)
    return check_configuration(result.config, hypervisor, complete=result.complete)


@pytest.mark.parametrize("hypervisor", list(Hypervisor))
@given(st.lists(OPTIONS, max_size=30))
@settings(max_examples=60)
def test_any_mixture_of_options_ends_with_known_findings(
    hypervisor: Hypervisor, options: list[str]
) -> None:
    text = " ".join(options)
    for finding in told(text, hypervisor):
        assert finding.id in IDS
        assert finding.message
        assert finding.reason
        assert finding.span is not None
        assert 0 <= finding.span.start <= finding.span.end <= len(text)
        assert all(0 <= e.span.start <= e.span.end <= len(text) for e in finding.edits)


@given(st.lists(OPTIONS, max_size=20))
@settings(max_examples=60)
def test_the_same_text_gives_the_same_findings(options: list[str]) -> None:
    text = " ".join(options)
    first, second = (
        [(f.id, f.message, f.severity) for f in told(text, Hypervisor.QNX_8_0)] for _ in range(2)
    )
    assert first == second


def told_by_run(text: str) -> tuple[Finding, ...]:
    """On a host that has the architecture of the guest."""
    result = read([Source("test.qvmconf", text)], environment={})
    config = result.config
    if not is_arm_guest(config, uses_of(config)):
        checked = check_text(text, base="")
        assume(checked.plan is not None)
        return checked.findings
    planned = plan_arm_vm(config, LINUX)
    return (*result.findings, *planned.findings, *check(config, planned.plan, LINUX))


NOT_SAID_BY_RUN = {
    "host-interrupt-claimed-twice",
    "host-memory-claimed-twice",
    "immediate-unmask-needs-edge",
    "peer-of-itself",
    # With a board, only functions that it has get a place on the guest's bus.
    "pci-function-0-missing",
    "pci-guest-bus",
    "pci-passed-twice",
    "pci-slot-taken",
}


@given(st.lists(OPTIONS.filter(lambda option: "@" not in option), max_size=20))
@settings(max_examples=100)
def test_what_is_told_for_kvm_without_a_board_holds_with_one(options: list[str]) -> None:
    text = " ".join(options)
    with_board = {(f.id, f.message) for f in told_by_run(text)}
    for finding in told(text, Hypervisor.KVM):
        if finding.id in NOT_SAID_BY_RUN or finding.message.startswith("two files"):
            continue
        assert (finding.id, finding.message) in with_board
