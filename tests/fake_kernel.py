# SPDX-License-Identifier: Apache-2.0
"""A kernel for tests: KVM, one VFIO function, UIO and /dev/mem, counted and made to fail.

Every call but close and unmap is a step; ``fail_at`` makes one of them fail.
"""

import ctypes
import errno
import struct
import threading

from passthru.host import vfio_abi
from passthru.host.kernel import Mapping
from passthru.vmm import kvm_abi
from passthru.vmm.aarch64 import kvm_abi as arm_abi

CONFIG_OFFSET = 7 << 40


class FakeFunction:
    """The PCI function behind the fake VFIO: registers, BAR sizes and what was asked of it."""

    def __init__(self, config: bytes = b"", bar_sizes: dict[int, int] | None = None) -> None:
        self.config = bytearray(config.ljust(256, b"\0"))
        self.bar_sizes = bar_sizes or {}
        self.bars = {number: bytearray(size) for number, size in self.bar_sizes.items()}
        self.can_reset = True
        self.resets = 0
        # Groups of the functions that a reset of the bus takes along; none: no such reset.
        self.bus_groups: list[int] = []
        self.resettable_bus = True
        self.hot_resets: list[list[str]] = []
        # What VFIO would offer of INTx, MSI and MSI-X, and what is left on the host.
        self.interrupt_counts = {0: 1, 1: 32, 2: 2048}
        self.host_vectors = 2048
        self.interrupts: dict[int, int] = {}
        self.active: int | None = None
        self.triggers: list[int] = []


class FakeUio:
    """UIO devices as uio_pdrv_genirq's, or with a config space, as uio_pci_generic's."""

    def __init__(self, *, pci: bool = False, events: int = 0, can_unmask: bool = True) -> None:
        self.config = bytearray(64) if pci else None
        self.can_unmask = can_unmask and not pci
        self.events = events
        self.unmasked = 0

    def read(self, path: str, size: int, offset: int) -> bytes:
        if path.endswith("/event"):
            return f"{self.events}\n".encode()
        if path.endswith("/config"):
            require(self.config is not None)
            return bytes(self.config[offset : offset + size])
        return self.events.to_bytes(4, "little")

    def write(self, path: str, data: bytes, offset: int) -> None:
        if path.endswith("/config"):
            # QEMU looks at what is pending only when the register's first byte is written, too.
            require((offset, len(data)) == (4, 2))
            self.config[offset : offset + len(data)] = data
            self.unmasked += 1
        elif not self.can_unmask:
            raise OSError(errno.ENOSYS, "no irqcontrol")
        else:
            require(data == b"\1\0\0\0")
            self.unmasked += 1


def reset_by_keyboard(page: memoryview) -> None:
    """The exit of a PC that writes 0xfe to port 0x64."""
    write = (kvm_abi.KVM_EXIT_IO, kvm_abi.KVM_EXIT_IO_OUT, 1, 0x64, 1, 0x400)
    kvm_abi.RUN_IO.pack_into(page, kvm_abi.RUN_EXIT_REASON, *write)
    page[0x400] = 0xFE


class FakeKernel:
    """See Kernel; what is open or mapped can be looked at afterwards."""

    def __init__(self, function: FakeFunction | None = None, fail_at: int | None = None) -> None:
        self.function = function or FakeFunction()
        self.fail_at = fail_at
        self.steps: list[str] = []
        self.files: dict[int, str] = {}
        self.mappings: dict[int, object] = {}
        self.slots: dict[int, tuple[int, int, bool]] = {}
        self.irqfds: dict[int, int] = {}
        self.dma: list[tuple[int, int, int]] = []
        self.routes = 0
        self.table: list[bytes] = []
        self.signalled: list[int] = []
        self.ioapic = bytearray(kvm_abi.IRQCHIP.size)
        self.group_flags = vfio_abi.VFIO_GROUP_FLAGS_VIABLE
        self.exits = [reset_by_keyboard]
        self.missing_paths: dict[str, int] = {}
        # KVM's emulated devices by type; what was set of a GIC: group, attribute, value.
        self.missing_devices: set[int] = set()
        self.gic: list[tuple[int, int, int]] = []
        # Of arm64's vCPUs: target and features of each, and the registers that were set.
        self.processors: list[tuple[int, int]] = []
        self.registers: dict[int, int] = {}
        # What completing an access changes of them, and how often a vCPU got an external abort.
        self.completion: dict[int, int] = {}
        self.aborts: list[int] = []
        self.missing_capabilities: set[int] = set()
        self.enabled: list[int] = []
        self.uio = FakeUio()
        self.locked: list[str] = []
        self.resamplers: dict[int, int] = {}
        self.priorities: list[int] = []
        # Of the host's scheduler: what threads may have, and what which of them has.
        self.allowed = frozenset(range(4))
        self.scheduled: list[tuple[int, int, bool]] = []
        self.bound: list[tuple[int, tuple[int, ...]]] = []
        self.lock_error: int | None = None
        self.priority_error: int | None = None
        self._ready: set[int] = set()
        self._became_ready = threading.Condition()
        self._run_pages: dict[int, Mapping] = {}
        self._next = 1000

    def _step(self, name: str) -> None:
        self.steps.append(name)
        if self.fail_at is not None and len(self.steps) - 1 == self.fail_at:
            raise OSError(errno.EIO, f"made to fail: {name}")

    def _file(self, name: str) -> int:
        self._next += 1
        self.files[self._next] = name
        return self._next

    def open(self, path: str, flags: int) -> int:
        self._step(f"open {path}")
        if path in self.missing_paths:
            raise OSError(self.missing_paths[path], "fake")
        return self._file(path)

    def close(self, file: int) -> None:
        del self.files[file]
        # An eventfd that is closed detaches its irqfd (virt/kvm/eventfd.c, EPOLLHUP).
        self.irqfds.pop(file, None)

    def eventfd(self) -> int:
        self._step("eventfd")
        return self._file("eventfd")

    def signal(self, eventfd: int) -> None:
        self.signalled.append(eventfd)
        self.make_ready(eventfd)

    def make_ready(self, file: int) -> None:
        """Wake whoever waits for the file."""
        with self._became_ready:
            self._ready.add(file)
            self._became_ready.notify_all()

    def clear(self, eventfd: int) -> None:
        with self._became_ready:
            self._ready.discard(eventfd)

    def wait(self, files: list[int]) -> list[int]:
        with self._became_ready:
            self._became_ready.wait_for(lambda: self._ready.intersection(files))
            return [file for file in files if file in self._ready]

    def lock(self, file: int) -> None:
        self._step("flock")
        if self.lock_error is not None:
            raise OSError(self.lock_error, "fake")
        self.locked.append(self.files[file])

    def become_realtime(self, priority: int, *, round_robin: bool = False) -> None:
        self._step("sched_setscheduler")
        if self.priority_error is not None:
            raise OSError(self.priority_error, "fake")
        self.priorities.append(priority)
        self.scheduled.append((threading.get_native_id(), priority, round_robin))

    def allowed_processors(self) -> frozenset[int]:
        self._step("sched_getaffinity")
        return self.allowed

    def stay_on(self, processors: tuple[int, ...]) -> None:
        self._step("sched_setaffinity")
        require(bool(self.allowed.intersection(processors)))
        self.bound.append((threading.get_native_id(), tuple(processors)))

    def memfd(self, name: str, size: int, *, hugepages: bool) -> int:
        self._step("memfd")
        return self._file("memfd")

    def map(self, file: int, size: int, offset: int, *, writable: bool) -> Mapping:
        self._step(f"map {self.files[file]}")
        memory = ctypes.create_string_buffer(size)
        mapping = Mapping(ctypes.addressof(memory), size)
        self.mappings[mapping.address] = memory
        if self.files[file] == "vcpu":
            self._run_pages[file] = mapping
        return mapping

    def unmap(self, mapping: Mapping) -> None:
        del self.mappings[mapping.address]

    def read(self, file: int, size: int, offset: int) -> bytes:
        if "/uio" in self.files[file]:
            self._step(f"read {self.files[file]}")
            self.clear(file)
            return self.uio.read(self.files[file], size, offset)
        space, place = self._region(offset)
        return bytes(space[place : place + size])

    def write(self, file: int, data: bytes, offset: int) -> int:
        if "/uio" in self.files[file]:
            self._step(f"write {self.files[file]}")
            self.uio.write(self.files[file], data, offset)
            return len(data)
        space, place = self._region(offset)
        space[place : place + len(data)] = data
        return len(data)

    def _region(self, offset: int) -> tuple[bytearray, int]:
        number = offset >> 40
        space = self.function.config if number == 7 else self.function.bars[number]
        return space, offset & ((1 << 40) - 1)

    def ioctl(self, file: int, request: int, argument: int | bytearray = 0) -> int:
        of_function = self.files[file] == "function" and request in FUNCTION_NAMES
        name = FUNCTION_NAMES[request] if of_function else NAMES[request]
        self._step(name)
        answer = getattr(self, f"_{name.lower()}", None)
        return answer(file, argument) if answer else 0

    def repeated_ioctl(self, file: int, request: int):
        return lambda: self.ioctl(file, request)

    # KVM

    def _kvm_get_api_version(self, file: int, argument: int) -> int:
        return kvm_abi.KVM_API_VERSION

    def _kvm_check_extension(self, file: int, argument: int) -> int:
        return 0 if argument in self.missing_capabilities else 8

    def _kvm_enable_cap(self, file: int, argument: bytearray) -> int:
        self.enabled.append(arm_abi.ENABLE_CAP.unpack(argument)[0])
        return 0

    def _kvm_create_vm(self, file: int, argument: int) -> int:
        return self._file("vm")

    def _kvm_get_vcpu_mmap_size(self, file: int, argument: int) -> int:
        return 4096

    def _kvm_create_vcpu(self, file: int, argument: int) -> int:
        return self._file("vcpu")

    def _kvm_set_msrs(self, file: int, argument: bytearray) -> int:
        return int(kvm_abi.MSRS.unpack_from(argument)[0])

    def _kvm_get_supported_cpuid(self, file: int, argument: bytearray) -> int:
        entry = kvm_abi.CPUID_ENTRY.pack(0, 0, 0, 1, 0, 0, 0)
        kvm_abi.CPUID2.pack_into(argument, 0, 1, 0)
        argument[kvm_abi.CPUID2.size : kvm_abi.CPUID2.size + len(entry)] = entry
        return 0

    def _kvm_set_user_memory_region(self, file: int, argument: bytearray) -> int:
        slot, flags, gpa, size, _ = kvm_abi.MEMORY_REGION.unpack(argument)
        if size:
            self.slots[slot] = (gpa, size, bool(flags & kvm_abi.KVM_MEM_READONLY))
        else:
            del self.slots[slot]
        return 0

    def _kvm_set_gsi_routing(self, file: int, argument: bytearray) -> int:
        head, size = kvm_abi.IRQ_ROUTING, kvm_abi.ROUTE_MSI.size
        self.routes = head.unpack_from(argument)[0]
        self.table = [
            bytes(argument[at : at + size]) for at in range(head.size, len(argument), size)
        ]
        return 0

    def _kvm_get_irqchip(self, file: int, argument: bytearray) -> int:
        argument[8:] = self.ioapic[8:]
        return 0

    def _kvm_set_irqchip(self, file: int, argument: bytearray) -> int:
        self.ioapic[:] = argument
        return 0

    def _kvm_irqfd(self, file: int, argument: bytearray) -> int:
        eventfd, gsi, flags, resampler = kvm_abi.IRQFD.unpack(argument)
        if flags & kvm_abi.KVM_IRQFD_FLAG_RESAMPLE:
            self.resamplers[gsi] = resampler
        if flags & kvm_abi.KVM_IRQFD_FLAG_DEASSIGN:
            del self.irqfds[eventfd]
        else:
            self.irqfds[eventfd] = gsi
        return 0

    def _kvm_create_device(self, file: int, argument: bytearray) -> int:
        type_ = kvm_abi.CREATE_DEVICE.unpack(argument)[0]
        if type_ in self.missing_devices:
            raise OSError(errno.ENODEV, "fake")
        kvm_abi.CREATE_DEVICE.pack_into(argument, 0, type_, self._file(f"device {type_}"), 0)
        return 0

    def _kvm_set_device_attr(self, file: int, argument: bytearray) -> int:
        _, group, attribute, address = kvm_abi.DEVICE_ATTR.unpack(argument)
        if self.files[file] in GICS:
            self.gic.append((group, attribute, ctypes.c_uint64.from_address(address).value))
        return 0

    def _kvm_arm_preferred_target(self, file: int, argument: bytearray) -> int:
        arm_abi.VCPU_INIT.pack_into(argument, 0, 5, *[0] * 7)
        return 0

    def _kvm_arm_vcpu_init(self, file: int, argument: bytearray) -> int:
        target, features, *_ = arm_abi.VCPU_INIT.unpack(argument)
        self.processors.append((target, features))
        return 0

    def _kvm_set_one_reg(self, file: int, argument: bytearray) -> int:
        number, address = arm_abi.ONE_REG.unpack(argument)
        self.registers[number] = ctypes.c_uint64.from_address(address).value
        return 0

    def _kvm_get_one_reg(self, file: int, argument: bytearray) -> int:
        number, address = arm_abi.ONE_REG.unpack(argument)
        ctypes.c_uint64.from_address(address).value = self.registers.get(number, 0)
        return 0

    def _kvm_set_vcpu_events(self, file: int, argument: bytearray) -> int:
        serror, _, abort, _ = arm_abi.VCPU_EVENTS.unpack(argument)
        require((serror, abort) == (0, 1))
        self.aborts.append(file)
        return 0

    def _kvm_run(self, file: int, argument: int) -> int:
        if self._run_pages[file].view[kvm_abi.RUN_IMMEDIATE_EXIT]:
            self.registers.update(self.completion)
            raise InterruptedError
        exit_ = self.exits.pop(0) if len(self.exits) > 1 else self.exits[0]
        exit_(self._run_pages[file].view)
        return 0

    # VFIO

    def _vfio_check_extension(self, file: int, argument: int) -> int:
        return 1

    def _vfio_group_get_status(self, file: int, argument: bytearray) -> int:
        vfio_abi.GROUP_STATUS.pack_into(argument, 0, 8, self.group_flags)
        return 0

    def _vfio_group_get_device_fd(self, file: int, argument: bytearray) -> int:
        return self._file("function")

    def _vfio_device_get_info(self, file: int, argument: bytearray) -> int:
        flags = vfio_abi.VFIO_DEVICE_FLAGS_PCI
        if self.function.can_reset:
            flags |= vfio_abi.VFIO_DEVICE_FLAGS_RESET
        vfio_abi.DEVICE_INFO.pack_into(argument, 0, 16, flags, 9, 5)
        return 0

    def _vfio_device_get_region_info(self, file: int, argument: bytearray) -> int:
        number = vfio_abi.REGION_INFO.unpack_from(argument)[2]
        size = 256 if number == 7 else self.function.bar_sizes.get(number, 0)
        flags = vfio_abi.VFIO_REGION_INFO_FLAG_MMAP if number < 6 and size >= 4096 else 0
        vfio_abi.REGION_INFO.pack_into(argument, 0, 32, flags, number, 0, size, number << 40)
        return 0

    def _vfio_device_get_irq_info(self, file: int, argument: bytearray) -> int:
        kind = vfio_abi.IRQ_INFO.unpack(argument)[2]
        vfio_abi.IRQ_INFO.pack_into(argument, 0, 16, 0, kind, self.function.interrupt_counts[kind])
        return 0

    def _vfio_device_set_irqs(self, file: int, argument: bytearray) -> int:
        """As drivers/vfio/pci/vfio_pci_intrs.c: one kind at a time, resized only when off."""
        _, flags, kind, start, count = vfio_abi.IRQ_SET.unpack_from(argument)
        function, intx = self.function, vfio_abi.VFIO_PCI_INTX_IRQ_INDEX
        limit = function.interrupt_counts[kind]
        require(start < limit and start + count <= limit)
        if flags & vfio_abi.VFIO_IRQ_SET_ACTION_UNMASK:
            require(function.active == kind == intx)
            return 0
        if flags & vfio_abi.VFIO_IRQ_SET_DATA_NONE:
            require(function.active == kind and not count)
            function.active, function.triggers = None, []
            function.interrupts[kind] = 0
            return 0
        require(function.active in (None, kind) and bool(count))
        room = vfio_abi.IRQ_SET.size
        eventfds = list(struct.unpack_from(f"<{count}i", argument, room))
        for eventfd in eventfds:
            require(eventfd == -1 or self.files.get(eventfd) == "eventfd")
        if function.active is None:
            if kind != intx and count > function.host_vectors:
                return function.host_vectors
            require(start == 0)
            function.active, function.triggers = kind, eventfds
            function.interrupts[kind] = count
        else:
            require(start + count <= len(function.triggers))
            function.triggers[start : start + count] = eventfds
        return 0

    def _vfio_device_get_pci_hot_reset_info(self, file: int, argument: bytearray) -> int:
        groups = self.function.bus_groups
        if not groups:
            raise OSError(errno.ENODEV, "fake")
        head, device = vfio_abi.HOT_RESET_INFO, vfio_abi.DEPENDENT_DEVICE
        head.pack_into(argument, 0, len(argument), 0, len(groups))
        for number, group in enumerate(groups):
            device.pack_into(argument, head.size + number * device.size, group, 0, 4, number)
        return 0

    def _vfio_device_pci_hot_reset(self, file: int, argument: bytearray) -> int:
        head = vfio_abi.HOT_RESET
        size, _, count = head.unpack_from(argument)
        require(size == len(argument) and self.function.resettable_bus)
        files = struct.unpack_from(f"<{count}i", argument, head.size)
        self.function.hot_resets.append([self.files[group] for group in files])
        return 0

    def _vfio_device_reset(self, file: int, argument: int) -> int:
        self.function.resets += 1
        return 0

    def _vfio_iommu_map_dma(self, file: int, argument: bytearray) -> int:
        _, flags, _, iova, size = vfio_abi.DMA_MAP.unpack(argument)
        self.dma.append((iova, size, flags))
        return 0


def require(allowed: bool) -> None:
    """Refuse a call as the kernel does."""
    if not allowed:
        raise OSError(errno.EINVAL, "refused")


GICS = {
    f"device {type_}"
    for type_ in (
        arm_abi.KVM_DEV_TYPE_ARM_VGIC_V2,
        arm_abi.KVM_DEV_TYPE_ARM_VGIC_V3,
        arm_abi.KVM_DEV_TYPE_ARM_VGIC_ITS,
    )
}
FUNCTION_NAMES = {
    vfio_abi.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO",
    vfio_abi.VFIO_DEVICE_PCI_HOT_RESET: "VFIO_DEVICE_PCI_HOT_RESET",
}
NAMES = {
    value: name
    for module in (kvm_abi, arm_abi, vfio_abi)
    for name, value in vars(module).items()
    if name.startswith(("KVM_", "VFIO_")) and isinstance(value, int) and value > 0x3B00
    if name not in FUNCTION_NAMES.values()
}
