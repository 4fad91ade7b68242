# SPDX-License-Identifier: Apache-2.0
"""What a guest sees and may change in the configuration space of a passed function.

| registers | the guest sees | its writes |
|---|---|---|
| ids, class, status | the device's | nowhere |
| command | its own | decode, bus master, parity, SERR and INTx disable reach the device |
| BARs | its own addresses | move the BAR inside the guest's PCI windows |
| expansion ROM, BIST | zero | nowhere |
| cache line, latency, interrupt line | its own | kept, nowhere else |
| power management | D0 to D3 as it set them | kept: the device stays in D0 |
| MSI, MSI-X | its own; zero where no messages become interrupts | become interrupt routes |
| PCI Express | an integrated endpoint, the device's controls | device control |
| vendor-specific, and device registers from 0x40 outside any capability | the device's | device |
| any other capability: its length, or up to the next one if that is unknown | zero | nowhere |
| the extended space | zero | nowhere |
"""

from passthru.board.model import BarKind
from passthru.lean import Callable, Sequence
from passthru.plan.model import GuestFunction, PlannedBar
from passthru.vmm.pci import capabilities as caps
from passthru.vmm.pci.config_registers import ConfigRegisters

__all__ = ["apply_policy"]

Read = Callable[[int, int], int]

_SHOWN_WITHOUT_MESSAGES = (caps.POWER_MANAGEMENT, caps.EXPRESS, caps.VENDOR_SPECIFIC)
_SHOWN = (*_SHOWN_WITHOUT_MESSAGES, caps.MSI, caps.MSIX)
_COMMAND_BITS = 0x0547  # ports, memory, bus master, parity, SERR, INTx disable
_MULTIFUNCTION = 0x80
_HAS_CAPABILITIES = 0x10
_FIRST_CAPABILITY = 0x40
_CONVENTIONAL_END = 0x100
_INTEGRATED_ENDPOINT = 9
_UNKNOWN_LINE = 0xFF
_ENDPOINTS = (0, 1)


def apply_policy(
    registers: ConfigRegisters,
    read: Read,
    found: Sequence[caps.Capability],
    planned: GuestFunction,
    *,
    multifunction: bool,
    wired: bool,
    messages: bool,
) -> None:
    """Fill in shadow and masks; ``read(offset, size)`` reads the device.

    ``wired``: the function's INTx is there for the guest; without it it shows no pin.
    ``messages``: so are MSI and MSI-X; without them it does not show them.
    """
    _header(registers, planned, multifunction=multifunction, wired=wired)
    for bar in planned.bars:
        _bar(registers, bar)
    registers.forward(_FIRST_CAPABILITY, _CONVENTIONAL_END - _FIRST_CAPABILITY, -1)
    for capability in found:
        _hide(registers, capability)
    identifiers = _SHOWN if messages else _SHOWN_WITHOUT_MESSAGES
    shown = [capability for capability in found if capability.identifier in identifiers]
    for capability in shown:
        _show(registers, read, capability)
    _link(registers, shown)


def _header(
    registers: ConfigRegisters, planned: GuestFunction, *, multifunction: bool, wired: bool
) -> None:
    registers.shadow(0x04, 2, 0, writable=_COMMAND_BITS)
    registers.forward(0x04, 2, _COMMAND_BITS)
    registers.shadow(0x0C, 2, 0, writable=0xFFFF)
    registers.shadow(0x0E, 2, _MULTIFUNCTION if multifunction else 0)
    registers.shadow(0x10, 24, 0)
    registers.shadow(0x30, 4, 0)
    registers.shadow(0x38, 4, 0)
    registers.shadow(0x3C, 1, min(planned.gsi or 0, _UNKNOWN_LINE), writable=0xFF)
    registers.shadow(0x3D, 1, planned.host.interrupt_pin if wired else 0)


def _bar(registers: ConfigRegisters, planned: PlannedBar) -> None:
    bar = planned.bar
    offset = 0x10 + 4 * bar.number
    if bar.kind is BarKind.PORTS:
        mask = -bar.range.size & 0xFFFFFFFC
        registers.shadow(offset, 4, planned.guest_start | 1, writable=mask)
    elif bar.kind is BarKind.MEMORY64:
        kind = 0xC if bar.prefetchable else 4
        registers.shadow(offset, 8, planned.guest_start | kind, writable=-bar.range.size & ~0xF)
    else:
        kind = 8 if bar.prefetchable else 0
        mask = -bar.range.size & 0xFFFFFFF0
        registers.shadow(offset, 4, planned.guest_start | kind, writable=mask)


def _hide(registers: ConfigRegisters, capability: caps.Capability) -> None:
    registers.forward(capability.offset, capability.size, 0)
    registers.shadow(capability.offset, capability.size, 0)


def _show(registers: ConfigRegisters, read: Read, capability: caps.Capability) -> None:
    offset, size = capability.offset, capability.size
    registers.shadow_bits(offset, 1, 0xFF, capability.identifier)
    if capability.identifier == caps.POWER_MANAGEMENT:
        # No PME from a guest's device, and no soft reset by D3: the device stays in D0.
        registers.shadow(offset + 2, 2, read(offset + 2, 2) & 0x07FF)
        registers.shadow(offset + 4, 2, 0x0008, writable=0x0003)
    elif capability.identifier == caps.EXPRESS:
        _express(registers, read, capability)
    elif capability.identifier == caps.MSIX:
        registers.shadow(offset + 4, 8, read(offset + 4, 8))
    elif capability.identifier == caps.VENDOR_SPECIFIC:
        registers.unshadow(offset + 2, size - 2)
        registers.forward(offset + 2, size - 2, -1)


def _express(registers: ConfigRegisters, read: Read, capability: caps.Capability) -> None:
    """Directly on the root bus an endpoint is an integrated one, and has no link."""
    offset = capability.offset
    flags = read(offset + 2, 2)
    if flags >> 4 & 0xF in _ENDPOINTS:
        flags = flags & ~0xF0 | _INTEGRATED_ENDPOINT << 4
    registers.shadow(offset + 2, 2, flags)
    registers.unshadow(offset + 4, 8)
    # Device control: includes the function level reset, which VFIO carries out.
    registers.forward(offset + 8, 2, 0xFFFF)
    if capability.size >= 0x2C:
        registers.unshadow(offset + 0x24, 4)


def _link(registers: ConfigRegisters, shown: Sequence[caps.Capability]) -> None:
    """Chain the shown capabilities, in the device's order."""
    offsets = [capability.offset for capability in shown] + [0]
    for capability, following in zip(shown, offsets[1:], strict=True):
        registers.shadow_bits(capability.offset + 1, 1, 0xFF, following)
    registers.shadow(0x34, 4, offsets[0])
    registers.shadow_bits(0x06, 2, _HAS_CAPABILITIES, _HAS_CAPABILITIES if shown else 0)
