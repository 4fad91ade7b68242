# SPDX-License-Identifier: Apache-2.0
"""Whole plans as people see them, against files.

``PASSTHRU_REGENERATE=1 pytest tests/plan`` writes the files anew; read the difference.
"""

import os
from pathlib import Path

import pytest

from passthru.plan.description import describe_vm
from passthru.report.plan_text import plan_as_text
from sample_board import BOARD, check_text

GOLDEN = Path(__file__).parent / "golden"

CONFIGURATIONS = {
    "flat": "system flat ram 0,16m load 0x1000,guest.bin "
    "vdev ioapic name p intr apic vdev ser8250 loc 0x3f8 intr p:4 hostdev >-",
    "demo": "system demo cpu cpu ram 0,0xa0000 ram 1m,511m "
    'cmdline "console=ttyS0 quiet" guest load vmlinuz '
    "initrd pass loc mem:0x30000000,64m,rcn=0x20000000 "
    "vdev ioapic name p intr apic vdev ser8250 loc io:0x3f8 intr p:4 hostdev >- "
    "vdev timer8254 intr p:0 vdev mc146818 vdev 8259 loc 0x20 vdev 8259 loc 0xa0 "
    "pass loc pci:0:3.0 pass loc pci:0:12.0=pci:0x8086/0x2668",
    "pass": "system pass ram 0,1g reserve loc 0x40000000,1m guest load vmlinux "
    "vdev ioapic loc 0xf8000000 intr apic name p "
    "pass loc mem:0x50000000,32m,m-x=0x20000000 pass loc 0xe0000000,0x1000,rwn "
    "pass loc 0x60000000,0x1000,wn=0xe1000000 pass loc 0x60001000,0x1000,rwcnst=0x23000000",
    "many-functions": "system many ram 3g ram 0x100000000,5g load vmlinuz "
    "pass loc pci:0:2.0=pci:1:0.0 loc pci:0:5.0 loc pci:0:5.1=pci:0:31.2 loc pci:0x1234/0x11e8/1",
}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_plan_is_the_golden_one(name: str) -> None:
    config = check_text(CONFIGURATIONS[name], base="").config
    text = plan_as_text(describe_vm(config, BOARD, kvm=True), BOARD)
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("PASSTHRU_REGENERATE"):
        file.write_text(text)
    assert text == file.read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {file.stem for file in GOLDEN.glob("*.txt")} == set(CONFIGURATIONS)
