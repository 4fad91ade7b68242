# SPDX-License-Identifier: Apache-2.0
"""What the capabilities of a PCI function mean for passing it, in words."""

from collections.abc import Iterator

from passthru.board.model import PciCapabilities, PciFunction

__all__ = ["capability_lines"]

_STANDARD = {
    0x01: "power management",
    0x10: "PCI Express",
    0x13: "advanced features",
    0x14: "enhanced allocation",
}
_EXTENDED = {
    0x01: "error reporting (AER)",
    0x0D: "access control (ACS)",
    0x0E: "alternative routing ids (ARI)",
    0x0F: "address translation (ATS)",
    0x10: "virtual functions (SR-IOV)",
    0x13: "page requests (PRI)",
    0x15: "resizable BARs",
    0x1B: "process address spaces (PASID)",
}
"""Those that matter here, by id (PCI Code and ID Assignment Specification)."""


def capability_lines(function: PciFunction) -> Iterator[str]:
    """How the function signals interrupts, and what else it can do; nothing of the unknown."""
    signals = [*_interrupt_pin(function), *_messages(function.capabilities)]
    if signals:
        yield f"interrupts: {', '.join(signals)}"
    if function.capabilities is None:
        return
    standard, extended = function.capabilities.standard, function.capabilities.extended or ()
    names = [
        *(_STANDARD[each] for each in standard if each in _STANDARD),
        *(_EXTENDED[each] for each in extended if each in _EXTENDED),
    ]
    if names:
        yield f"can do: {', '.join(dict.fromkeys(names))}"


def _interrupt_pin(function: PciFunction) -> Iterator[str]:
    if function.interrupt_pin:
        yield f"INT{'ABCD'[function.interrupt_pin - 1]}"


def _messages(capabilities: PciCapabilities | None) -> Iterator[str]:
    if capabilities is None:
        return
    vectors = {"MSI": capabilities.msi_vectors, "MSI-X": capabilities.msix_vectors}
    for name, count in vectors.items():
        if count is None:
            yield name
        elif count:
            yield f"{name} ({count} vector{'s' if count > 1 else ''})"
