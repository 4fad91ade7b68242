# SPDX-License-Identifier: Apache-2.0
"""A host PCI function in the guest: its configuration space and what follows from it."""

from passthru.addresses import AddressRange
from passthru.board.model import BarKind
from passthru.host import vfio_abi
from passthru.host.undo import UndoStack
from passthru.host.vfio import VfioFunction
from passthru.lean import Sequence
from passthru.plan.model import GuestFunction, PciWindows, PlannedBar
from passthru.vmm.interrupts import InterruptRoutes
from passthru.vmm.parts import MachineParts
from passthru.vmm.pci import capabilities as caps
from passthru.vmm.pci.bar_window import BarWindow
from passthru.vmm.pci.config_policy import apply_policy
from passthru.vmm.pci.config_registers import ConfigRegisters
from passthru.vmm.pci.intx import WiredInterrupt
from passthru.vmm.pci.msi import MsiCapability
from passthru.vmm.pci.msix import MsixCapability, MsixLayout
from passthru.vmm.pci.vectors import MessageVectors

__all__ = ["PassedFunction"]

_COMMAND = 0x04
_DECODE_PORTS, _DECODE_MEMORY = 1, 2
_BARS = AddressRange(0x10, 0x18)


class PassedFunction:
    """One function on the guest's bus, backed by VFIO; a ConfigSpace of the PCI bus.

    Not thread-safe by itself: the machine's lock is held around every call.
    """

    def __init__(
        self,
        parts: MachineParts,
        function: VfioFunction,
        planned: GuestFunction,
        windows: PciWindows,
        *,
        multifunction: bool,
    ) -> None:
        self._parts = parts
        self._function = function
        self._planned = planned
        self._registers = ConfigRegisters()
        self._undo = UndoStack()
        self._intx: WiredInterrupt | None = None
        # VFIO withholds the pin of some devices that have one (a broken INTx, no host line).
        if planned.gsi is not None and function.interrupt_count(vfio_abi.VFIO_PCI_INTX_IRQ_INDEX):
            self._intx = WiredInterrupt(parts.kernel, parts.vm, function, planned.gsi)
        self._msi: MsiCapability | None = None
        self._msix: MsixCapability | None = None
        self._turned_on: list[MsiCapability | MsixCapability] = []
        found = caps.read_capabilities(self._read_device)
        apply_policy(
            self._registers,
            self._read_device,
            found,
            planned,
            multifunction=multifunction,
            wired=self._intx is not None,
            messages=parts.routes is not None,
        )
        if parts.routes is not None:
            self._make_capabilities(found, parts.routes)
        self._bars = [self._make_bar(bar, windows) for bar in planned.bars]

    def _make_capabilities(self, found: Sequence[caps.Capability], routes: InterruptRoutes) -> None:
        for capability in found:
            if capability.identifier == caps.MSI:
                vectors = self._vectors(routes, vfio_abi.VFIO_PCI_MSI_IRQ_INDEX)
                self._msi = self._make_msi(capability, vectors)
            elif capability.identifier == caps.MSIX:
                vectors = self._vectors(routes, vfio_abi.VFIO_PCI_MSIX_IRQ_INDEX)
                self._msix = self._make_msix(capability, vectors)

    def _make_msi(self, capability: caps.Capability, vectors: MessageVectors) -> MsiCapability:
        control = self._read_device(capability.offset + 2, 2)
        return MsiCapability(self._registers, capability, control, vectors)

    def _make_msix(self, capability: caps.Capability, vectors: MessageVectors) -> MsixCapability:
        control = self._read_device(capability.offset + 2, 2)
        layout = MsixLayout(
            control,
            self._read_device(capability.offset + 4, 4),
            self._read_device(capability.offset + 8, 4),
        )
        return MsixCapability(self._registers, capability, control, layout, vectors)

    def _vectors(self, routes: InterruptRoutes, kind: int) -> MessageVectors:
        parts, guest = self._parts, self._planned.guest
        sender = guest.bus << 8 | guest.device << 3 | guest.function
        return MessageVectors(parts.kernel, parts.vm, routes, self._function, kind, sender)

    def _make_bar(self, planned: PlannedBar, windows: PciWindows) -> BarWindow:
        in_ports = planned.bar.kind is BarKind.PORTS
        return BarWindow(
            self._parts.kernel,
            self._function,
            self._function.region(planned.bar.number),
            self._msix,
            memory=self._parts.memory,
            bus=self._parts.ports if in_ports else self._parts.mmio,
            windows=(windows.ports,) if in_ports else (windows.memory32, windows.memory64),
        )

    def start(self) -> None:
        """Reset the device if it can be reset alone, map its BARs, connect its wired interrupt.

        Raises KernelCallFailed; stop must be called all the same.
        """
        if self._function.can_reset:
            self._function.reset()
            self._undo.callback(self._function.reset)
        for interrupts in (self._intx, self._msi, self._msix):
            if interrupts:
                self._undo.callback(interrupts.stop)
        self._undo.callback(self._write_device, _COMMAND, 2, 0)
        # Mappings of BARs are refused while the function does not decode memory.
        self._write_device(_COMMAND, 2, _DECODE_MEMORY)
        for bar in self._bars:
            self._undo.callback(bar.close)
            bar.map()
        self._write_device(_COMMAND, 2, 0)
        if self._intx:
            self._intx.start()

    def stop(self) -> None:
        """Silence the device and reset it. Raises KernelCallFailed, but does all it can."""
        self._undo.close()

    def resample_interrupt(self) -> None:
        """Let a pending wired interrupt fire again."""
        if self._intx:
            self._intx.resample()

    def read(self, offset: int, size: int) -> int:
        """What the guest sees of the configuration space."""
        if self._msi and self._msi.covers(offset, size):
            self._msi.refresh_pending(self._read_device)
        registers = self._registers
        shadowed = registers.shadowed(offset, size)
        value = registers.value(offset, size) & shadowed
        if shadowed != (1 << (8 * size)) - 1:
            value |= self._read_device(offset, size) & ~shadowed
        return value

    def write(self, offset: int, size: int, value: int) -> None:
        """The guest's write, as far as the policy lets it through."""
        registers = self._registers
        registers.store(offset, size, value)
        touches_command = offset < _COMMAND + 2 and offset + size > _COMMAND
        if touches_command:
            self._hide_undecoded(registers.value(_COMMAND, 2))
        forwarded = registers.forwarded(offset, size)
        if forwarded:
            full = forwarded == (1 << (8 * size)) - 1
            kept = 0 if full else self._read_device(offset, size) & ~forwarded
            self._write_device(offset, size, kept | value & forwarded)
        if touches_command or _BARS.overlaps(AddressRange(offset, size)):
            self._show_decoded(registers.value(_COMMAND, 2))
        for capability in (self._msi, self._msix):
            if capability and capability.covers(offset, size):
                self._note(capability)
                self._switch_interrupts()

    def _note(self, capability: MsiCapability | MsixCapability) -> None:
        """Keep the order in which the guest turned its kinds of interrupts on."""
        if not capability.enabled:
            self._turned_on = [other for other in self._turned_on if other is not capability]
        elif capability not in self._turned_on:
            self._turned_on.append(capability)

    def _switch_interrupts(self) -> None:
        # PCI forbids a guest to have MSI and MSI-X on at once, but nothing stops it. VFIO has
        # one kind at a time, so the last one counts: leave the others before it.
        active = self._turned_on[-1] if self._turned_on else None
        for capability in (self._msi, self._msix):
            if capability and capability is not active:
                capability.stop()
        if active:
            if self._intx:
                self._intx.stop()
            active.apply()
        elif self._intx:
            self._intx.start()

    def _hide_undecoded(self, command: int) -> None:
        for bar, planned in zip(self._bars, self._planned.bars, strict=True):
            if not command & _decode_bit(planned.bar.kind):
                bar.hide()

    def _show_decoded(self, command: int) -> None:
        decoded = [
            (bar, self._bar_address(planned.bar.number, planned.bar.kind))
            for bar, planned in zip(self._bars, self._planned.bars, strict=True)
            if command & _decode_bit(planned.bar.kind)
        ]
        # A BAR that moves makes room first: another may have waited for its place.
        for bar, start in decoded:
            bar.hide_unless_at(start)
        for bar, start in decoded:
            bar.show(start)

    def _bar_address(self, number: int, kind: BarKind) -> int:
        offset = _BARS.start + 4 * number
        if kind is BarKind.PORTS:
            return self._registers.value(offset, 4) & ~3
        if kind is BarKind.MEMORY64:
            return self._registers.value(offset, 8) & ~0xF
        return self._registers.value(offset, 4) & ~0xF

    def _read_device(self, offset: int, size: int) -> int:
        return self._function.read(self._function.config, offset, size)

    def _write_device(self, offset: int, size: int, value: int) -> None:
        self._function.write(self._function.config, offset, size, value)


def _decode_bit(kind: BarKind) -> int:
    return _DECODE_PORTS if kind is BarKind.PORTS else _DECODE_MEMORY
