# SPDX-License-Identifier: Apache-2.0
"""Whatever the text says, checking it on any board ends with findings that hold."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arm_board import LINUX, NETWORK, QNX, TREE, WITHOUT_CARRIERS, with_pci
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.on_board import check_on_board
from passthru.rules.registry import RULES
from sample_board import BOARD

OPTIONS = st.sampled_from(
    (
        "ram 64m", "ram 0,3g", "ram 0x80000000,512m", "ram 0x8000000,1m", "rom 1", "cpu",
        "cpu cluster _cpu-7", "cpu cluster big", "cpu runmask 1,9", "cpu runmask x,", "load a",
        "guest load d", "acpi load f", "initrd pass", "pass", "reserve", "acpi pass",
        "loc 0x50000000,64m,m", "loc 0x70000000,4k,m-x", "loc mem:0x5,7,w=0xfe400003",
        "loc 0xfe201000,4k,rwn", "loc 0xfe202000,4k,rwd", "loc 0xfe203000,0x101000,rwn",
        "loc 0x0,0x10000000000,rcst", "loc 0xffffffffffff0000,4k,rdn", "loc pci:0:3.0",
        "loc pci:0:3.7=pci:1:0.0", "loc pci:0x1af4/0x1041", "loc pci:9:0", "loc io:0xc000,0x4000",
        "intr p:4", "intr apic", "intr gic:44=153", "intr gic:44,u=154", "intr gic:44,u=155",
        "intr gic:45=1050", "intr gic:2000", "intr gic:46=99999", "vdev ioapic name p",
        "vdev ioapic hostvector 64", "vdev gic name q", "vdev ser8250", "vdev hpet", "vdev pl011",
        "vdev smmu", "vdev pci-dummy", "set smmu-externally-managed on", "system x", "ram @SIZE@",
        "loc @PLACE@", "loc $asinfo_start{sysram},4k,rwn",
    )
)  # fmt: skip

BOARDS = (
    BOARD,
    TREE,
    QNX,
    with_pci(LINUX, NETWORK),
    WITHOUT_CARRIERS,
    TREE._replace(memory=(), allocated=(), reserved=(), architecture="riscv64"),
)
IDS = {rule.id for rule in RULES}
KNOWN_BETTER = {"immediate-unmask-needs-edge", "x86-only"}
"""What a board may refute."""


@pytest.mark.parametrize("hypervisor", [Hypervisor.QNX_7_1, Hypervisor.QNX_8_0, Hypervisor.KVM])
@given(st.lists(OPTIONS, max_size=30), st.sampled_from(BOARDS))
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_options_on_any_board(hypervisor, options, board) -> None:
    text = " ".join(options)
    asinfo = {region.name: region.range for region in board.asinfo}
    source = Source("test.qvmconf", text)
    result = read([source], environment={}, asinfo=asinfo, version=hypervisor.version)
    complete = result.complete
    told = check_on_board(result.config, hypervisor, board, complete=complete)
    for finding in told:
        assert finding.id in IDS
        assert finding.message
        assert finding.reason
        assert finding.span is not None
        assert 0 <= finding.span.start <= finding.span.end <= len(text)
    assert len(set(map(_key, told))) == len(told)
    if hypervisor is not Hypervisor.KVM:
        general = check_configuration(result.config, hypervisor, complete=complete)
        places = {(finding.id, finding.span) for finding in told}
        lost = [each for each in general if (each.id, each.span) not in places]
        assert {finding.id for finding in lost} <= KNOWN_BETTER


def _key(finding: Finding) -> tuple[object, ...]:
    return finding.id, finding.span, finding.message, finding.others
