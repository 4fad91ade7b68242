# SPDX-License-Identifier: Apache-2.0
"""The short way from the texts of several VMs to what is wrong with them together."""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.report.subjects import SUBJECTS
from passthru.rules.system import CheckedVm, check_system

TOLD_OF_SEVERAL_VMS = frozenset(SUBJECTS["Several VMs"])
"""The rules that it takes several VMs, or a board, to break."""

NOT_OF_ONE_TEXT = TOLD_OF_SEVERAL_VMS | {"guest-tree-disagrees"}
"""The rules that the text of one VM cannot break by itself."""


def vms_of(*texts: str) -> list[CheckedVm]:
    """VMs of the files a.qvmconf, b.qvmconf and so on."""
    vms = []
    for letter, text in zip("abcdefghijklmnopqrstuvwxyz", texts, strict=False):
        result = read([Source(f"{letter}.qvmconf", text)], environment={})
        vms.append(CheckedVm(result.config, result.complete))
    return vms


def findings_together(*texts: str, board: Board | None = None) -> tuple[Finding, ...]:
    return check_system(vms_of(*texts), board)
