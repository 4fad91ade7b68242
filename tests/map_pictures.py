# SPDX-License-Identifier: Apache-2.0
"""Pictures for tests: systems of one and two VMs, clean and broken, on boards and on none."""

from pathlib import Path

from passthru.board.load import load_board
from passthru.board.model import Board
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.plan.description import describe_vm
from passthru.report.map_model import Picture
from passthru.report.map_picture import picture_of
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor

MAPS = Path(__file__).parent / "report" / "maps"
PI = Path(__file__).parent / "boards" / "pi4-like.dts"


def picture_of_texts(
    *texts: str, board: Board | None = None, kvm: bool = False, name: str = "vm{}.qvmconf"
) -> Picture:
    """The picture of the VMs with these configurations."""
    vms, findings = [], []
    for number, text in enumerate(texts):
        result = read([Source(name.format(number), text)], environment={})
        hypervisor = Hypervisor.KVM if kvm else Hypervisor.QNX_8_0
        findings += [*result.findings, *check_configuration(result.config, hypervisor)]
        vms.append(describe_vm(result.config, board, kvm=kvm))
    return picture_of(vms, board, findings)


def text_of(name: str) -> str:
    return (MAPS / f"{name}.qvmconf").read_text()


def two_vms() -> Picture:
    """Two guests of fifteen regions and more, on a board like the Raspberry Pi 4."""
    return picture_of_texts(text_of("linux"), text_of("control"), board=load_board(str(PI)))


def broken_system() -> Picture:
    """One of the two guests of `two_vms`, and one with conflicts of every kind."""
    return picture_of_texts(text_of("broken"), text_of("control"), board=load_board(str(PI)))
