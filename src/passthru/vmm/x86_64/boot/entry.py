# SPDX-License-Identifier: Apache-2.0
"""In what state the first processor starts, and how KVM's register structures hold it.

Each boot protocol has its entry, plain data; ``processor()`` spells it out completely.
"""

from _struct import pack  # struct only hands it on, from a file more

from passthru.lean import NamedTuple
from passthru.vmm import kvm_abi as abi
from passthru.vmm.kvm import X86Vcpu

__all__ = [
    "DescriptorTable",
    "Entry",
    "LongModeEntry",
    "ProcessorState",
    "ProtectedModeEntry",
    "RealModeEntry",
    "Segment",
    "enter",
    "flat_gdt",
]


_CR0_PE, _CR0_ET, _CR0_NW, _CR0_CD, _CR0_PG = 1 << 0, 1 << 4, 1 << 29, 1 << 30, 1 << 31
_CR4_PAE = 1 << 5
_EFER_LME, _EFER_LMA = 1 << 8, 1 << 10
# Bit 1 is always set; interrupts are off.
_RFLAGS = 1 << 1

# Segment types (Intel SDM 3, tables 3-1 and 3-2).
_DATA_WRITABLE, _CODE_READABLE, _LDT, _BUSY_TSS = 0b0011, 0b1011, 0b0010, 0b1011

_4GIB_LIMIT = 0xFFFFFFFF


class Segment(NamedTuple):
    """A segment register with its hidden part, fields as in struct kvm_segment.

    ``limit`` is in bytes (the last offset), whatever ``granularity`` says.
    """

    selector: int
    base: int
    limit: int
    type: int
    present: int = 1
    dpl: int = 0
    db: int = 0
    s: int = 1
    long: int = 0
    granularity: int = 0
    available: int = 0
    unusable: int = 0

    def descriptor(self) -> int:
        """The 8-byte segment descriptor that loads as this segment (SDM 3, 3.4.5)."""
        limit = self.limit >> 12 if self.granularity else self.limit
        access = self.type | self.s << 4 | self.dpl << 5 | self.present << 7
        flags = self.available | self.long << 1 | self.db << 2 | self.granularity << 3
        return (
            (limit & 0xFFFF)
            | (self.base & 0xFFFFFF) << 16
            | access << 40
            | (limit >> 16 & 0xF) << 48
            | flags << 52
            | (self.base >> 24 & 0xFF) << 56
        )


class DescriptorTable(NamedTuple):
    """GDTR or IDTR: linear address, and size minus one."""

    base: int
    limit: int


class ProcessorState(NamedTuple):
    """All that differs from zero when the first instruction runs.

    ``ds`` is also ES, FS, GS and SS. ``msrs`` are pairs of index and value.
    """

    rip: int
    cs: Segment
    ds: Segment
    tr: Segment
    ldt: Segment
    gdt: DescriptorTable
    idt: DescriptorTable
    cr0: int
    cr3: int = 0
    cr4: int = 0
    efer: int = 0
    rbx: int = 0
    rsi: int = 0
    rsp: int = 0
    rflags: int = _RFLAGS
    msrs: tuple[tuple[int, int], ...] = ()


# Linux' 64-bit protocol asks for selectors 0x10 and 0x18 (Documentation/arch/x86/boot.rst).
_CODE64 = Segment(0x10, 0, _4GIB_LIMIT, _CODE_READABLE, long=1, granularity=1)
_CODE32 = Segment(0x10, 0, _4GIB_LIMIT, _CODE_READABLE, db=1, granularity=1)
_DATA = Segment(0x18, 0, _4GIB_LIMIT, _DATA_WRITABLE, db=1, granularity=1)
# No task is ever left, so the TSS needs no memory and no descriptor that one could load.
_TASK = Segment(0, 0, 0x67, _BUSY_TSS, s=0)
_NO_LDT = Segment(0, 0, 0, _LDT, present=0, s=0, unusable=1)
_NO_IDT = DescriptorTable(0, 0)

# What firmware would have left: memory is cached by default, with MTRRs on (without them
# Linux takes all of it for uncached), and fast string moves.
_MSR_MISC_ENABLE, _MSR_MTRR_DEFAULT_TYPE = 0x1A0, 0x2FF
_FIRMWARE_MSRS = ((_MSR_MTRR_DEFAULT_TYPE, 1 << 11 | 6), (_MSR_MISC_ENABLE, 1))


def flat_gdt(*, long_mode: bool) -> bytes:
    """A GDT of flat 4 GiB segments: null, null, code at 0x10, data at 0x18."""
    code = _CODE64 if long_mode else _CODE32
    return pack("<4Q", 0, 0, code.descriptor(), _DATA.descriptor())


class LongModeEntry(NamedTuple):
    """64-bit mode, paging on, interrupts off (Linux' 64-bit boot protocol).

    ``rsi`` is the GPA of boot_params, ``cr3`` of identity page tables.
    """

    rip: int
    rsi: int
    rsp: int
    cr3: int
    gdt: DescriptorTable

    def processor(self) -> ProcessorState:
        """The registers in full."""
        return ProcessorState(
            rip=self.rip,
            rsi=self.rsi,
            rsp=self.rsp,
            cs=_CODE64,
            ds=_DATA,
            tr=_TASK,
            ldt=_NO_LDT,
            gdt=self.gdt,
            idt=_NO_IDT,
            cr0=_CR0_PE | _CR0_ET | _CR0_PG,
            cr3=self.cr3,
            cr4=_CR4_PAE,
            efer=_EFER_LME | _EFER_LMA,
            msrs=_FIRMWARE_MSRS,
        )


class ProtectedModeEntry(NamedTuple):
    """32-bit protected mode without paging; ``ebx`` is the GPA of start_info (PVH)."""

    eip: int
    ebx: int
    gdt: DescriptorTable

    def processor(self) -> ProcessorState:
        """The registers in full."""
        return ProcessorState(
            rip=self.eip,
            rbx=self.ebx,
            cs=_CODE32,
            ds=_DATA,
            tr=_TASK,
            ldt=_NO_LDT,
            gdt=self.gdt,
            idt=_NO_IDT,
            cr0=_CR0_PE | _CR0_ET,
            msrs=_FIRMWARE_MSRS,
        )


class RealModeEntry(NamedTuple):
    """The state after reset (SDM 3, table 10-1), but the first instruction is at ``address``.

    CS has the base ``address`` (a multiple of 16), IP is 0.
    """

    address: int

    def processor(self) -> ProcessorState:
        """The registers in full."""
        limit = 0xFFFF
        return ProcessorState(
            rip=0,
            cs=Segment(self.address >> 4 & 0xFFFF, self.address, limit, _CODE_READABLE),
            ds=Segment(0, 0, limit, _DATA_WRITABLE),
            tr=Segment(0, 0, limit, _BUSY_TSS, s=0),
            ldt=Segment(0, 0, limit, _LDT, s=0),
            gdt=DescriptorTable(0, limit),
            idt=DescriptorTable(0, limit),
            cr0=_CR0_ET | _CR0_NW | _CR0_CD,
        )


Entry = LongModeEntry | ProtectedModeEntry | RealModeEntry


def enter(vcpu: X86Vcpu, state: ProcessorState) -> None:
    """Let ``vcpu`` start in ``state``, MSRs apart. Raises KernelCallFailed."""
    sregs = vcpu.special_registers()
    segments = [state.cs, *[state.ds] * 5, state.tr, state.ldt]
    packed = b"".join(_segment(segment) for segment in segments)
    packed += abi.DTABLE.pack(state.gdt.base, state.gdt.limit)
    packed += abi.DTABLE.pack(state.idt.base, state.idt.limit)
    sregs[: len(packed)] = packed
    # The local APIC's base and the pending interrupts stay as KVM made them.
    control = list(abi.SREGS_CONTROL.unpack_from(sregs, len(packed)))
    control[0], control[2], control[3] = state.cr0, state.cr3, state.cr4
    control[5] = state.efer
    abi.SREGS_CONTROL.pack_into(sregs, len(packed), *control)
    vcpu.set_special_registers(sregs)
    registers = [0] * 18
    registers[1], registers[4], registers[6] = state.rbx, state.rsi, state.rsp
    registers[16], registers[17] = state.rip, state.rflags
    vcpu.set_registers(registers)


def _segment(segment: Segment) -> bytes:
    return abi.SEGMENT.pack(
        segment.base,
        segment.limit,
        segment.selector,
        segment.type,
        segment.present,
        segment.dpl,
        segment.db,
        segment.s,
        segment.long,
        segment.granularity,
        segment.available,
        segment.unusable,
        0,
    )
