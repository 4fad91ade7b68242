# SPDX-License-Identifier: Apache-2.0
"""Whatever the text says, planning and checking end with findings and never with a traceback."""

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passthru.board.model import Board
from passthru.diagnostics.finding import Severity
from passthru.plan.description import describe_vm
from passthru.report.plan_json import plans_as_json
from passthru.report.plan_text import plan_as_text
from passthru.report.text import findings_as_text
from sample_board import BOARD, check_text

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/plan.schema.json").read_text())
FITS = jsonschema.Draft202012Validator(SCHEMA)
ARM_BOARD = BOARD._replace(architecture="aarch64")
CORPUS = Path(__file__).parents[3] / "shared" / "corpus"

OPTIONS = st.sampled_from(
    (
        "ram 64m", "ram 0,3g", "ram 0x100000000,600g", "ram 0xffffffffffff0000,32k", "rom 1", "cpu",
        "cpu sched 3", "load a", "load 0x1000,b", "guest load c", "initrd load d", "fdt load e",
        "initrd pass", "pass", "reserve", "raw pass", "guest pass",
        "loc 0x20000000,64m,m", "loc mem:0x5,7,w=0x20000003", "loc 0xffffffffffff0000,4k,rdn",
        "loc 0x0,0x10000000000,rcst", "loc pci:0:3.0", "loc pci:0:3.7=pci:0:31.2", "loc pci:9:0",
        "loc pci:0x1234/0x11e8", "loc pci:0x1234/0x11e8/1", "loc io:0xc000,0x4000", "loc io:0x20",
        "intr p:4", "intr apic", "intr q:99", "vdev ioapic name p", "vdev ser8250", "vdev hpet",
        "vdev smmu", "vdev pci-dummy", "vdev 8259", "set smmu-externally-managed on", "system x",
    )
)  # fmt: skip


@given(st.lists(OPTIONS, max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_mixture_of_options(options: list[str]) -> None:
    checked = check_text(" ".join(options), base="")
    text = findings_as_text(checked.findings)
    assert all(f"[{finding.id}]" in text for finding in checked.findings)
    for board, kvm in ((BOARD, True), (None, True), (ARM_BOARD, True), (BOARD, False)):
        vm = describe_vm(checked.config, board, kvm=kvm)
        assert plan_as_text(vm, board, width=60).startswith("VM ")
        FITS.validate(json.loads(plans_as_json([vm], board, (), hypervisor="kvm")))


@pytest.mark.parametrize("board", [BOARD, BOARD._replace(pci=(), iommu_groups=(), memory=())])
@pytest.mark.parametrize("text", ["", "#", "pass", "pass loc pci:0:3.0", "ram"])
def test_scraps_are_refused(text: str, board: Board) -> None:
    checked = check_text(text, board, base="")
    assert any(finding.severity is Severity.ERROR for finding in checked.findings)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_real_configurations_are_read_to_the_end() -> None:
    for file in sorted(CORPUS.glob("*.qvmconf")):
        checked = check_text(file.read_text(), base="")
        assert checked.the_plan.regions
        # They are for ARM boards: what is wrong is the host, or where an x86 machine has its own.
        wrong = {f.id for f in checked.findings if f.severity is Severity.ERROR}
        assert wrong <= {
            "cpu-absent",
            "not-supported-by-run",
            "interrupt-controller-unknown",
            "interrupt-line-out-of-range",
            "host-memory-absent",
            "host-memory-in-use",
            "unknown-variable",
            "no-room-for-pci",
            "boot-image-missing",
            "address-overlap",
        }, file.name
