# SPDX-License-Identifier: Apache-2.0
"""The machine of ``run`` for arm64, as people look at it."""

from passthru.board.model import Board
from passthru.language.model import VmConfig
from passthru.plan.aarch64 import FIRST_LINE
from passthru.plan.arm_planner import plan_arm_vm
from passthru.plan.described_machine import planned, without_board
from passthru.plan.users import Uses
from passthru.plan.vm_description import VmDescription

__all__ = ["planned_on_arm"]


def planned_on_arm(config: VmConfig, uses: Uses, board: Board | None) -> VmDescription:
    """The machine of ``run`` for arm64."""
    plan = plan_arm_vm(config, board).plan
    if board is None:
        description = without_board(
            config, uses, plan.regions, plan.blobs, None, architecture="aarch64"
        )
    else:
        description = planned(config, uses, board, plan, controller="gic", first_line=FIRST_LINE)
    its = plan.bus.its if plan.bus else None
    return description._replace(gic=plan.gic, uarts=plan.uarts, its=its)
