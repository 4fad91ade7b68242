# SPDX-License-Identifier: Apache-2.0
"""The rules whose findings come up while planning: the plan itself cannot be made as asked."""

from passthru.diagnostics.finding import Severity
from passthru.diagnostics.rule import Rule

__all__ = [
    "ADDRESS_TOO_HIGH",
    "BAR_DOES_NOT_FIT",
    "BOOT_IMAGE_MISSING",
    "NOT_SUPPORTED_BY_RUN",
    "NO_EFFECT",
    "NO_ROOM_FOR_PCI",
    "PCI_AMBIGUOUS",
    "PCI_FUNCTION_0_MISSING",
    "PCI_GUEST_BUS",
    "PCI_IS_BRIDGE",
    "PCI_NOT_FOUND",
    "PCI_PASSED_TWICE",
    "PCI_SLOT_TAKEN",
    "PLANNING_RULES",
    "VDEV_OPTION_MISSING",
]

NOT_SUPPORTED_BY_RUN = Rule(
    "not-supported-by-run",
    Severity.ERROR,
    "The configuration asks for something that this version of `run` cannot do.",
    "What cannot be honoured is refused before the guest starts; nothing is skipped in silence.",
)

NO_EFFECT = Rule(
    "no-effect",
    Severity.INFORMATION,
    "Options have no effect with `run`.",
    "Linux and KVM do by themselves what they ask for, or lack what they set. A guest runs without "
    "them; an option without which it could do harm is refused.",
)

BOOT_IMAGE_MISSING = Rule(
    "boot-image-missing",
    Severity.ERROR,
    "No option loads anything that the guest could start with.",
    "The first file that is loaded, or the one with `guest load`, is what the processor starts.",
)

VDEV_OPTION_MISSING = Rule(
    "vdev-option-missing",
    Severity.ERROR,
    "A virtual device lacks an option that it cannot do without.",
    "Only PCI devices get their place and their interrupt by themselves; others need a `loc`, and "
    "most an `intr`. A `virtio-console` needs its `hostdev`.",
)

ADDRESS_TOO_HIGH = Rule(
    "address-too-high",
    Severity.ERROR,
    "A guest address is one that the guest's processors cannot reach.",
    "On x86-64 a guest's physical addresses have as many bits as those of the host's processors, "
    "at most 52; on arm64 KVM gives a machine 40. A guest's tables name its I/O APIC with 32.",
)

NO_ROOM_FOR_PCI = Rule(
    "no-room-for-pci",
    Severity.ERROR,
    "The guest's address map leaves no hole for the PCI windows.",
    "The guest's PCI bus needs 1 MiB for its configuration space, a 32-bit window below 4 GiB (on "
    "x86-64 below the interrupt controllers), and a 64-bit window above.",
)

BAR_DOES_NOT_FIT = Rule(
    "bar-does-not-fit",
    Severity.ERROR,
    "A passed function's BAR is larger than what its PCI window has left.",
    "A BAR needs a naturally aligned place in the window that its kind is allowed in.",
)

PCI_NOT_FOUND = Rule(
    "pci-not-found",
    Severity.ERROR,
    "The board has no such PCI function.",
    "A passed function is named by its place or its ids on the host; bus:device.function are "
    "decimal here and hexadecimal in Linux tools.",
)

PCI_AMBIGUOUS = Rule(
    "pci-ambiguous",
    Severity.ERROR,
    "Several PCI functions of the board match the vendor and device ids.",
    "Which one would be passed depends on the order of the bus, and that changes with the "
    "hardware.",
)

PCI_IS_BRIDGE = Rule(
    "pci-is-bridge",
    Severity.ERROR,
    "A PCI bridge is passed.",
    "A bridge belongs to the host: it forwards for everything behind it. Pass those functions.",
)

PCI_PASSED_TWICE = Rule(
    "pci-passed-twice",
    Severity.ERROR,
    "One PCI function of the board is passed twice to one guest.",
    "A function has one owner and one set of registers.",
)

PCI_GUEST_BUS = Rule(
    "pci-guest-bus",
    Severity.ERROR,
    "The guest's side of a PCI location is not on bus 0.",
    "The guest has one PCI bus, number 0; device and function numbers there are free to choose.",
)

PCI_SLOT_TAKEN = Rule(
    "pci-slot-taken",
    Severity.ERROR,
    "Two functions are at one place of the guest's PCI bus.",
    "Each bus:device.function answers for one function. On KVM 0:0 is the guest's host bridge.",
)

PCI_FUNCTION_0_MISSING = Rule(
    "pci-function-0-missing",
    Severity.ERROR,
    "A guest device has functions but none with number 0.",
    "A guest looks for further functions of a device only where function 0 answers "
    "(PCI Local Bus Specification 3.0, 3.2.2.3.4).",
)

PLANNING_RULES = (
    NOT_SUPPORTED_BY_RUN,
    NO_EFFECT,
    BOOT_IMAGE_MISSING,
    VDEV_OPTION_MISSING,
    ADDRESS_TOO_HIGH,
    NO_ROOM_FOR_PCI,
    BAR_DOES_NOT_FIT,
    PCI_NOT_FOUND,
    PCI_AMBIGUOUS,
    PCI_IS_BRIDGE,
    PCI_PASSED_TWICE,
    PCI_GUEST_BUS,
    PCI_SLOT_TAKEN,
    PCI_FUNCTION_0_MISSING,
)
"""Every rule of this stage, for the list of all rules."""
