# SPDX-License-Identifier: Apache-2.0
"""KVM's kinds of objects: the system, a virtual machine, its link to VFIO, a virtual CPU."""

import errno
import os

from passthru.host.kernel import Kernel, KernelCallFailed, KernelObject
from passthru.lean import TYPE_CHECKING, Mapping, NamedTuple, Sequence
from passthru.vmm import kvm_abi as abi

if TYPE_CHECKING:
    from typing import TypeVar

    from passthru.lean import Callable

    _Vcpu = TypeVar("_Vcpu", bound="Vcpu")
    _Device = TypeVar("_Device", bound=KernelObject)

__all__ = ["CpuidEntry", "Kvm", "Vcpu", "VfioLink", "Vm", "X86Vcpu"]

_DEVICE = "/dev/kvm"
_REQUIRED = {
    abi.KVM_CAP_USER_MEMORY: "memory slots (KVM_CAP_USER_MEMORY)",
    abi.KVM_CAP_IRQCHIP: "an interrupt controller in the kernel (KVM_CAP_IRQCHIP)",
    abi.KVM_CAP_IRQFD: "interrupts by eventfd (KVM_CAP_IRQFD)",
    abi.KVM_CAP_IRQFD_RESAMPLE: "level-triggered eventfds (KVM_CAP_IRQFD_RESAMPLE)",
    abi.KVM_CAP_IRQ_ROUTING: "interrupt routes (KVM_CAP_IRQ_ROUTING)",
    abi.KVM_CAP_READONLY_MEM: "read-only memory slots (KVM_CAP_READONLY_MEM)",
    abi.KVM_CAP_IMMEDIATE_EXIT: "immediate exit (KVM_CAP_IMMEDIATE_EXIT)",
}
_MAX_CPUID_ENTRIES = 256
_INTERRUPTS_ON = 1 << 9  # RFLAGS.IF


class CpuidEntry(NamedTuple):
    """One answer of the CPUID instruction (struct kvm_cpuid_entry2)."""

    function: int
    subleaf: int
    flags: int
    eax: int
    ebx: int
    ecx: int
    edx: int


class Kvm(KernelObject):
    """``/dev/kvm``, opened and found complete.

    ``required`` names what this architecture needs beside what all do: a capability's number
    and what to call it. Raises KvmMissing, KvmForbidden or KvmIncomplete.
    """

    def __init__(self, kernel: Kernel, required: Mapping[int, str]) -> None:
        super().__init__(kernel, _open(kernel), "KVM")
        try:
            self._require_abilities({**_REQUIRED, **required})
        except Exception:
            self.close()
            raise

    def _require_abilities(self, required: Mapping[int, str]) -> None:
        version = self.call("KVM_GET_API_VERSION", abi.KVM_GET_API_VERSION)
        missing = [name for capability, name in required.items() if not self.extension(capability)]
        if version != abi.KVM_API_VERSION:
            missing = [f"API version {abi.KVM_API_VERSION}"]
        if missing:
            # Errors' modules are imported by those who raise them: starting fast is a feature.
            from passthru.vmm.errors import KvmIncomplete

            raise KvmIncomplete(missing[0])

    def extension(self, capability: int) -> int:
        """KVM_CHECK_EXTENSION: 0 if absent, else 1 or a limit."""
        return self.call("KVM_CHECK_EXTENSION", abi.KVM_CHECK_EXTENSION, capability)

    def max_vcpus(self) -> int:
        """How many vCPUs one machine may have."""
        return self.extension(abi.KVM_CAP_MAX_VCPUS) or self.extension(abi.KVM_CAP_NR_VCPUS) or 4

    def check_vcpu_count(self, count: int) -> None:
        """Raises TooManyVcpus where one machine may not have so many."""
        limit = self.max_vcpus()
        if count > limit:
            from passthru.vmm.errors import TooManyVcpus

            raise TooManyVcpus(count, limit)

    def supported_cpuid(self) -> list[CpuidEntry]:
        """What KVM can show a guest of this processor (KVM_GET_SUPPORTED_CPUID)."""
        buffer = bytearray(abi.CPUID2.size + _MAX_CPUID_ENTRIES * abi.CPUID_ENTRY.size)
        abi.CPUID2.pack_into(buffer, 0, _MAX_CPUID_ENTRIES, 0)
        self.call("KVM_GET_SUPPORTED_CPUID", abi.KVM_GET_SUPPORTED_CPUID, buffer)
        count, _ = abi.CPUID2.unpack_from(buffer)
        size = min(count, _MAX_CPUID_ENTRIES) * abi.CPUID_ENTRY.size
        entries = memoryview(buffer)[abi.CPUID2.size :][:size]
        return [CpuidEntry._make(fields) for fields in abi.CPUID_ENTRY.iter_unpack(entries)]

    def create_vm(self) -> "Vm":
        """An empty machine. Raises KernelCallFailed."""
        size = self.call("KVM_GET_VCPU_MMAP_SIZE", abi.KVM_GET_VCPU_MMAP_SIZE)
        return Vm(self._kernel, self._create_vm(), size)

    def _create_vm(self) -> int:
        while True:
            try:
                return self._kernel.ioctl(self.file, abi.KVM_CREATE_VM)
            except InterruptedError:
                # A signal came while the kernel waited for other machines.
                continue
            except OSError as error:
                raise KernelCallFailed(str(self), "KVM_CREATE_VM", error) from error


def _open(kernel: Kernel) -> int:
    try:
        return kernel.open(_DEVICE, os.O_RDWR)
    except OSError as error:
        from passthru.vmm.errors import KvmForbidden, KvmMissing

        if isinstance(error, PermissionError):
            raise KvmForbidden(_DEVICE, os.geteuid()) from error
        # ENXIO and ENODEV: there is a node, but no module behind it.
        raise KvmMissing(_DEVICE, error) from error


class Vm(KernelObject):
    """One virtual machine: memory slots, interrupt lines and routes, vCPUs."""

    def __init__(self, kernel: Kernel, file: int, run_size: int) -> None:
        super().__init__(kernel, file, "VM")
        self._run_size = run_size

    def create_interrupt_controllers(self, tss: int, identity_map: int) -> None:
        """PIC, IOAPIC, local APICs and PIT in the kernel.

        ``tss`` and ``identity_map`` are GPAs of three pages and one page that Intel
        processors without unrestricted guest need; nothing else may lie there.
        """
        self.call("KVM_SET_TSS_ADDR", abi.KVM_SET_TSS_ADDR, tss)
        self.call(
            "KVM_SET_IDENTITY_MAP_ADDR",
            abi.KVM_SET_IDENTITY_MAP_ADDR,
            bytearray(identity_map.to_bytes(8, "little")),
        )
        self.call("KVM_CREATE_IRQCHIP", abi.KVM_CREATE_IRQCHIP)
        pit = bytearray(abi.PIT_CONFIG.pack(abi.KVM_PIT_SPEAKER_DUMMY))
        self.call("KVM_CREATE_PIT2", abi.KVM_CREATE_PIT2, pit)

    def set_memory_slot(
        self, slot: int, gpa: int, size: int, address: int, *, readonly: bool
    ) -> None:
        """Make ``size`` bytes at user address ``address`` appear at ``gpa``; size 0 removes.

        Raises KernelCallFailed.
        """
        flags = abi.KVM_MEM_READONLY if readonly else 0
        region = abi.MEMORY_REGION.pack(slot, flags, gpa, size, address)
        self.call(
            f"KVM_SET_USER_MEMORY_REGION slot {slot}, {gpa:#x}+{size:#x}",
            abi.KVM_SET_USER_MEMORY_REGION,
            bytearray(region),
        )

    def set_interrupt_line(self, gsi: int, *, level: bool) -> None:
        """Drive an interrupt line high or low (KVM_IRQ_LINE)."""
        self.call("KVM_IRQ_LINE", abi.KVM_IRQ_LINE, bytearray(abi.IRQ_LEVEL.pack(gsi, level)))

    def set_interrupt_routes(self, entries: Sequence[bytes]) -> None:
        """Replace the whole routing table by these packed entries (KVM_SET_GSI_ROUTING)."""
        table = bytearray(abi.IRQ_ROUTING.pack(len(entries), 0) + b"".join(entries))
        self.call("KVM_SET_GSI_ROUTING", abi.KVM_SET_GSI_ROUTING, table)

    def assign_irqfd(self, eventfd: int, gsi: int, resamplefd: int | None = None) -> None:
        """Let a signal on ``eventfd`` raise ``gsi`` without leaving the kernel.

        With ``resamplefd`` the line is level-triggered: it falls when the guest ends the
        interrupt, and ``resamplefd`` is signalled then.
        """
        flags = 0 if resamplefd is None else abi.KVM_IRQFD_FLAG_RESAMPLE
        self._irqfd(eventfd, gsi, flags, resamplefd or 0)

    def deassign_irqfd(self, eventfd: int, gsi: int) -> None:
        """Undo assign_irqfd; signals that come now stay counted in ``eventfd``."""
        self._irqfd(eventfd, gsi, abi.KVM_IRQFD_FLAG_DEASSIGN, 0)

    def _irqfd(self, eventfd: int, gsi: int, flags: int, resamplefd: int) -> None:
        argument = bytearray(abi.IRQFD.pack(eventfd, gsi, flags, resamplefd))
        self.call(f"KVM_IRQFD gsi {gsi}", abi.KVM_IRQFD, argument)

    def ioapic_state(self) -> bytearray:
        """The IOAPIC's registers (struct kvm_irqchip)."""
        state = bytearray(abi.IRQCHIP.pack(abi.KVM_IRQCHIP_IOAPIC, 0, b""))
        self.call("KVM_GET_IRQCHIP", abi.KVM_GET_IRQCHIP, state)
        return state

    def set_ioapic_state(self, state: bytearray) -> None:
        """Set what ioapic_state gave, changed."""
        self.call("KVM_SET_IRQCHIP", abi.KVM_SET_IRQCHIP, state)

    def create_vfio_link(self) -> "VfioLink":
        """The machine's one link to VFIO. Raises KernelCallFailed."""
        return self.create_device(abi.KVM_DEV_TYPE_VFIO, VfioLink)

    def create_device(self, type_: int, make: "Callable[[Kernel, int], _Device]") -> "_Device":
        """A device that the kernel emulates; ``make`` gets its file. Raises KernelCallFailed."""
        device = bytearray(abi.CREATE_DEVICE.pack(type_, 0, 0))
        self.call(f"KVM_CREATE_DEVICE type {type_}", abi.KVM_CREATE_DEVICE, device)
        return make(self._kernel, abi.CREATE_DEVICE.unpack(device)[1])

    def create_vcpu(self, kind: "type[_Vcpu]", number: int) -> "_Vcpu":
        """A vCPU, on x86 with APIC id ``number``. Raises KernelCallFailed."""
        file = self.call(f"KVM_CREATE_VCPU {number}", abi.KVM_CREATE_VCPU, number)
        return kind(self._kernel, number, file, self._run_size)


class VfioLink(KernelObject):
    """KVM's pseudo device that knows the machine's VFIO groups (virt/kvm/vfio.c), so that
    DMA and the guest's caches stay coherent."""

    def __init__(self, kernel: Kernel, file: int) -> None:
        super().__init__(kernel, file, "KVM's VFIO device")

    def add_group(self, group: int) -> None:
        """Tell KVM of a VFIO group file. Raises KernelCallFailed."""
        import ctypes  # for those who pass functions; it is slow to import

        # KVM wants the address of the file number.
        number = ctypes.c_int32(group)
        attribute = abi.DEVICE_ATTR.pack(
            0, abi.KVM_DEV_VFIO_GROUP, abi.KVM_DEV_VFIO_GROUP_ADD, ctypes.addressof(number)
        )
        self.call("KVM_DEV_VFIO_GROUP_ADD", abi.KVM_SET_DEVICE_ATTR, bytearray(attribute))


class Vcpu(KernelObject):
    """One virtual CPU, and the page it shares with the kernel (struct kvm_run)."""

    def __init__(self, kernel: Kernel, number: int, file: int, run_size: int) -> None:
        super().__init__(kernel, file, f"vCPU {number}")
        self.number = number
        self.enter = kernel.repeated_ioctl(file, abi.KVM_RUN)
        """Run the guest until it exits to us; the reason is in the run page. Raises
        InterruptedError on a signal, BlockingIOError after the first wake-up."""
        try:
            self.run_page = self.map(run_size, 0)
        except KernelCallFailed:
            kernel.close(file)
            raise

    def close(self) -> None:
        """Unmap and close."""
        self._kernel.unmap(self.run_page)
        super().close()

    def instruction_pointer(self) -> int:
        """Where the guest is (virtual address)."""
        raise NotImplementedError

    def sleep_for_ever(self) -> str | None:
        """Why it runs no code any more unless another vCPU starts it; None if that is not
        certain. The vCPU must not be in KVM_RUN. Raises KernelCallFailed."""
        raise NotImplementedError

    def multiprocessing_state(self) -> int:
        """Whether it runs, sleeps or waits to be started (KVM_MP_STATE_*)."""
        state = bytearray(abi.MP_STATE.size)
        self.call("KVM_GET_MP_STATE", abi.KVM_GET_MP_STATE, state)
        number: int = abi.MP_STATE.unpack(state)[0]
        return number

    def abort_access(self) -> None:
        """Raise a bus error in the guest instead of the access with which it has exited."""
        raise NotImplementedError


class X86Vcpu(Vcpu):
    """A virtual CPU of x86-64."""

    def set_cpuid(self, entries: Sequence[CpuidEntry]) -> None:
        """What CPUID answers on this vCPU (KVM_SET_CPUID2)."""
        packed = b"".join(abi.CPUID_ENTRY.pack(*entry) for entry in entries)
        argument = bytearray(abi.CPUID2.pack(len(entries), 0) + packed)
        self.call("KVM_SET_CPUID2", abi.KVM_SET_CPUID2, argument)

    def set_msrs(self, values: Sequence[tuple[int, int]]) -> None:
        """Set model-specific registers, (index, value) each. Raises KernelCallFailed."""
        if not values:
            return
        packed = b"".join(abi.MSR_ENTRY.pack(index, 0, value) for index, value in values)
        argument = bytearray(abi.MSRS.pack(len(values), 0) + packed)
        done = self.call("KVM_SET_MSRS", abi.KVM_SET_MSRS, argument)
        if done != len(values):
            refused = OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            raise KernelCallFailed(str(self), f"KVM_SET_MSRS {values[done][0]:#x}", refused)

    def instruction_pointer(self) -> int:
        """The linear address: RIP, in the code segment."""
        base: int = abi.SEGMENT.unpack_from(self.special_registers())[0]
        return base + self.registers()[16]

    def sleep_for_ever(self) -> str | None:
        """See Vcpu. A vCPU that was never started waits for another to do so."""
        state = self.multiprocessing_state()
        if state in (abi.KVM_MP_STATE_UNINITIALIZED, abi.KVM_MP_STATE_INIT_RECEIVED):
            return "has not been started"
        if state != abi.KVM_MP_STATE_HALTED or self.registers()[17] & _INTERRUPTS_ON:
            return None
        place = self.instruction_pointer()
        return (
            f"has halted with interrupts off, before instruction {place:#x} (only a non-maskable "
            f"interrupt would wake it)"
        )

    def registers(self) -> list[int]:
        """rax rbx rcx rdx rsi rdi rsp rbp r8..r15 rip rflags."""
        buffer = bytearray(abi.REGS.size)
        self.call("KVM_GET_REGS", abi.KVM_GET_REGS, buffer)
        return list(abi.REGS.unpack(buffer))

    def set_registers(self, values: Sequence[int]) -> None:
        """Set what registers() tells."""
        self.call("KVM_SET_REGS", abi.KVM_SET_REGS, bytearray(abi.REGS.pack(*values)))

    def special_registers(self) -> bytearray:
        """struct kvm_sregs as bytes."""
        buffer = bytearray(abi.SREGS_SIZE)
        self.call("KVM_GET_SREGS", abi.KVM_GET_SREGS, buffer)
        return buffer

    def set_special_registers(self, sregs: bytearray) -> None:
        """Set what special_registers() tells."""
        self.call("KVM_SET_SREGS", abi.KVM_SET_SREGS, sregs)
