# SPDX-License-Identifier: Apache-2.0
"""How a plan is shown to people, for every command that shows one."""

import sys

from passthru.board.model import Board
from passthru.cli.output import show
from passthru.plan.vm_description import VmDescription
from passthru.report.plan_text import plan_as_text

__all__ = ["show_plan"]


def show_plan(vm: VmDescription, board: Board | None, *, has_errors: bool) -> None:
    """Print the plan of one VM, no wider than the terminal if there is one."""
    show(plan_as_text(vm, board, has_errors=has_errors, width=_width()))


def _width() -> int | None:
    if not sys.stdout.isatty():
        return None
    from shutil import get_terminal_size

    return get_terminal_size().columns
