# SPDX-License-Identifier: Apache-2.0
"""KVM's objects on arm64: a virtual CPU with its firmware interface, and the GIC."""

import _ctypes  # all of ctypes takes longer to import than a small machine to build
from _struct import Struct  # struct only hands it on, from a file more

from passthru.host.kernel import Kernel, KernelCallFailed, KernelObject
from passthru.lean import TYPE_CHECKING, Callable
from passthru.vmm import kvm_abi as abi
from passthru.vmm.aarch64 import kvm_abi as arm
from passthru.vmm.kvm import Vcpu

if TYPE_CHECKING:
    _Integer = _ctypes._SimpleCData[int]
else:
    _Integer = _ctypes._SimpleCData

__all__ = ["ArmVcpu", "GicDevice", "ItsDevice"]

_U64 = Struct("<Q")
_U32 = Struct("<I")
_LOADED = (arm.REGS_PC, *range(arm.REGS_X0, arm.REGS_X0 + 31 * _U64.size, _U64.size))
"""What the completion of a load can change: the program counter, x0 to x30."""


class _Byte(_Integer):
    _type_ = "B"


def _with_address(data: bytearray, use: Callable[[int], None]) -> None:
    """Call ``use`` with the user address of ``data``, which stays where it is meanwhile."""
    first = _Byte.from_buffer(data)
    use(_ctypes.addressof(first))


class ArmVcpu(Vcpu):
    """A virtual CPU of arm64."""

    def preferred_target(self, vm: KernelObject) -> int:
        """The processor that the host's own can be shown as."""
        init = bytearray(arm.VCPU_INIT.size)
        vm.call("KVM_ARM_PREFERRED_TARGET", arm.KVM_ARM_PREFERRED_TARGET, init)
        target: int = arm.VCPU_INIT.unpack(init)[0]
        return target

    def initialise(self, target: int, *, running: bool) -> None:
        """Reset it: EL1, MMU off, interrupts masked, PSCI 0.2 or later at hand.

        One that is not ``running`` waits for another to switch it on. Raises KernelCallFailed.
        """
        features = 1 << arm.KVM_ARM_VCPU_PSCI_0_2
        features |= 0 if running else 1 << arm.KVM_ARM_VCPU_POWER_OFF
        init = bytearray(arm.VCPU_INIT.pack(target, features, *[0] * 6))
        self.call("KVM_ARM_VCPU_INIT", arm.KVM_ARM_VCPU_INIT, init)

    def instruction_pointer(self) -> int:
        """PC."""
        number: int = _U64.unpack(self._value_of(arm.REGS_PC))[0]
        return number

    def sleep_for_ever(self) -> str | None:
        """See Vcpu. One that waits for an interrupt (WFI) may get it, masked or not."""
        stopped = self.multiprocessing_state() == abi.KVM_MP_STATE_STOPPED
        return "is switched off" if stopped else None

    def start_at(self, address: int, argument: int) -> None:
        """Begin at ``address`` with ``argument`` in x0 (both GPAs). Raises KernelCallFailed."""
        for place, value in ((arm.REGS_PC, address), (arm.REGS_X0, argument)):
            self._register(
                "KVM_SET_ONE_REG", arm.KVM_SET_ONE_REG, place, bytearray(_U64.pack(value))
            )

    def abort_access(self) -> None:
        """Raise an external abort in the guest instead of the access with which it has exited.

        The run page is left with the order to exit at once. Raises KernelCallFailed.
        """
        # KVM completes an access that it has handed out at the next entry, whatever is pending,
        # and kernels before 6.13 then mix up both. So that is done first, and undone: a load
        # that aborts leaves its register as it was.
        kept = [(place, self._value_of(place)) for place in _LOADED]
        self._complete_access()
        for place, value in kept:
            self._register("KVM_SET_ONE_REG", arm.KVM_SET_ONE_REG, place, value)
        events = bytearray(arm.VCPU_EVENTS.pack(0, 0, 1, 0))
        self.call("KVM_SET_VCPU_EVENTS", arm.KVM_SET_VCPU_EVENTS, events)

    def _complete_access(self) -> None:
        self.run_page.view[abi.RUN_IMMEDIATE_EXIT] = 1
        try:
            self.enter()
        except InterruptedError:
            return  # what is ordered
        except OSError as error:
            raise KernelCallFailed(str(self), "KVM_RUN", error) from error

    def _value_of(self, place: int) -> bytearray:
        value = bytearray(_U64.size)
        self._register("KVM_GET_ONE_REG", arm.KVM_GET_ONE_REG, place, value)
        return value

    def _register(self, name: str, request: int, place: int, value: bytearray) -> None:
        number = arm.KVM_REG_ARM64 | arm.KVM_REG_SIZE_U64 | arm.KVM_REG_ARM_CORE | place // 4

        def call(address: int) -> None:
            self.call(f"{name} {number:#x}", request, bytearray(arm.ONE_REG.pack(number, address)))

        _with_address(value, call)


class _VgicDevice(KernelObject):
    """A part of the GIC that KVM emulates; it is complete after ``initialise``."""

    def set_address(self, kind: int, address: int) -> None:
        """Where one of its parts answers (GPA). Raises KernelCallFailed."""
        name = f"address {address:#x}"
        self._set(name, arm.KVM_DEV_ARM_VGIC_GRP_ADDR, kind, bytearray(_U64.pack(address)))

    def initialise(self) -> None:
        """Make it ready, before a vCPU runs. Raises KernelCallFailed."""
        control = arm.KVM_DEV_ARM_VGIC_GRP_CTRL
        self._set("initialisation", control, arm.KVM_DEV_ARM_VGIC_CTRL_INIT, bytearray(8))

    def _set(self, name: str, group: int, attribute: int, value: bytearray) -> None:
        def call(address: int) -> None:
            packed = abi.DEVICE_ATTR.pack(0, group, attribute, address)
            self.call(name, abi.KVM_SET_DEVICE_ATTR, bytearray(packed))

        _with_address(value, call)


class GicDevice(_VgicDevice):
    """All of it but the ITS; to be initialised when all vCPUs are there."""

    def __init__(self, kernel: Kernel, file: int) -> None:
        super().__init__(kernel, file, "the guest's GIC")

    def set_line_count(self, count: int) -> None:
        """How many interrupt ids it has, those of the processors among them."""
        group = arm.KVM_DEV_ARM_VGIC_GRP_NR_IRQS
        self._set(f"{count} interrupts", group, 0, bytearray(_U32.pack(count)))


class ItsDevice(_VgicDevice):
    """The Interrupt Translation Service of a GICv3, to which functions send messages."""

    def __init__(self, kernel: Kernel, file: int) -> None:
        super().__init__(kernel, file, "the guest's ITS")
