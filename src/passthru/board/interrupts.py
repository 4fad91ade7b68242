# SPDX-License-Identifier: Apache-2.0
"""The host's interrupt lines from ``/sys/kernel/irq``."""

from passthru.board.host_files import HostFiles
from passthru.board.model import InterruptLine, Trigger

__all__ = ["INTERRUPTS", "controller_name", "read_interrupts"]

INTERRUPTS = "/sys/kernel/irq"

_NAMELESS = "a driver that gives no name"


def read_interrupts(files: HostFiles) -> dict[int, InterruptLine]:
    """The lines that the kernel has set up, by the kernel's own number.

    Message-signalled interrupts are no lines: they belong to one device, which brings them
    along. A line that no driver ever asked for is unknown to the kernel and not here.
    Source: Documentation/ABI/testing/sysfs-kernel-irq (Linux 4.9).
    """
    found = {}
    for name in files.names(INTERRUPTS):
        line = _read_line(files, f"{INTERRUPTS}/{name}")
        if line is not None and name.isdecimal() and len(name) < 10:
            found[int(name)] = line
    return found


def _read_line(files: HostFiles, folder: str) -> InterruptLine | None:
    chip, vector = files.text(f"{folder}/chip_name"), files.text(f"{folder}/hwirq")
    if not chip or "MSI" in chip or not vector.isdecimal() or len(vector) > 9:
        return None
    owner = files.text(f"{folder}/actions").replace("(null)", _NAMELESS) or None
    return InterruptLine(
        controller=controller_name(chip),
        vector=int(vector),
        trigger=_trigger(files.text(f"{folder}/type"), owner),
        owner=owner,
    )


def _trigger(told: str, owner: str | None) -> Trigger:
    # Until a driver asks for it, every line is called edge (kernel/irq/irqdesc.c, type_show).
    if told == "level" or (told == "edge" and owner is not None):
        return Trigger(told)
    return Trigger.UNKNOWN


def controller_name(chip: str) -> str:
    """The short name of an interrupt controller whose driver calls it ``chip``.

    ``gic`` for every version of it, ``ioapic`` with and without remapping; others stay.
    """
    name = chip.lower().removeprefix("ir-")
    if name.startswith("gic"):
        return "gic"
    return "ioapic" if name == "io-apic" else chip
