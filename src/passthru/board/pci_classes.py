# SPDX-License-Identifier: Apache-2.0
"""What kind of device a PCI function says that it is."""

__all__ = ["class_name"]

_CLASSES = {
    0x00: "unclassified",
    0x01: "storage",
    0x02: "network",
    0x03: "display",
    0x04: "multimedia",
    0x05: "memory",
    0x06: "bridge",
    0x07: "communication",
    0x08: "system",
    0x09: "input",
    0x0C: "serial bus",
    0x0D: "wireless",
    0x10: "encryption",
    0x11: "signal processing",
    0x12: "accelerator",
}
"""By base class (PCI Code and ID Assignment Specification)."""


def class_name(class_code: int) -> str | None:
    """A word or two for a class code of 24 bits, as PciFunction has it; None for others."""
    return _CLASSES.get(class_code >> 16)
