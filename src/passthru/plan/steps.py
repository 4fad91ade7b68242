# SPDX-License-Identifier: Apache-2.0
"""What ``run`` does on the host to make a VM, in the order in which it does it."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.lean import TYPE_CHECKING, Iterator
from passthru.plan.memory import find_ioapic
from passthru.plan.model import Binding, GuestRegion, RegionKind
from passthru.plan.vdevs import plan_serial_ports
from passthru.plan.x86_64 import IOAPIC_ADDRESS

if TYPE_CHECKING:
    from passthru.plan.aarch64 import Gic
    from passthru.plan.described_functions import DescribedFunction
    from passthru.plan.vm_description import VmDescription

__all__ = ["run_steps"]

_FRESH = (RegionKind.RAM, RegionKind.ROM, RegionKind.FIRMWARE)


def run_steps(vm: "VmDescription") -> Iterator[str]:
    """Each step as a sentence without its end; what each takes is given back in reverse order.

    ``vm`` is one that ``run`` has a machine for. Without a board the IOMMU groups are not
    known, and the functions stand for them.
    """
    for blob in vm.blobs:
        if blob.path is not None:
            yield f"read {blob.path}"
    yield "open /dev/kvm and create a virtual machine"
    for region in vm.regions:
        yield from _memory_steps(region)
    yield from _pc_steps(vm) if vm.gic is None else _arm_steps(vm, vm.gic)
    functions = tuple(each for each in vm.functions if each.guest is not None)
    if functions:
        yield from _function_steps(functions, vm.dma_windows)
    yield from _interrupt_steps(vm)
    if vm.config.dryrun:
        yield "stop here: the configuration says `dryrun`"
    else:
        yield "let the guest run"


def _memory_steps(region: GuestRegion) -> Iterator[str]:
    if region.kind in _FRESH:
        kind = "" if region.kind is RegionKind.RAM else ", read-only for the guest"
        yield f"make a file in memory for {region.name} and give it a slot at {region.range}{kind}"
    elif region.host is not None and region.access is not None:
        access = region.access
        pages = region.host.page_aligned()
        if not (access.readable or access.writable):
            yield f"trap every access to {region.range}"
            return
        mapping = f"map {pages} of /dev/mem{'' if access.writable else ' read-only'}"
        if not access.readable:
            yield f"{mapping} and store there what is written to {region.range}, all trapped"
            return
        guest = AddressRange(region.range.start & -PAGE_SIZE, pages.size)
        kind = "" if access.writable else ", read-only for the guest"
        yield f"{mapping} and give it a slot at {guest}{kind}"


def _pc_steps(vm: "VmDescription") -> Iterator[str]:
    yield "create KVM's interrupt controllers and its timer"
    for port in plan_serial_ports(vm.config.vdevs).ports:
        yield from _stream_steps(port.host_devices, port.port)
    address, _ = find_ioapic(vm.config)
    if address != IOAPIC_ADDRESS:
        yield f"trap the registers of the I/O APIC at {address:#x}"
    yield "copy the boot image, the data and the ACPI tables to the guest's memory"
    yield _processors(vm)
    yield from _thread_steps(vm)


def _arm_steps(vm: "VmDescription", gic: "Gic") -> Iterator[str]:
    yield (
        f"create KVM's GICv{gic.version}: distributor at {gic.distributor.start:#x}, "
        f"{gic.processors_name} at {gic.processors.start:#x}"
    )
    if vm.functions and gic.version == 3:
        place = "" if vm.its is None else f" at {vm.its.start:#x}"
        yield f"create KVM's ITS{place}, which makes the devices' messages interrupts"
    for uart in vm.uarts:
        yield from _stream_steps(uart.host_devices, uart.registers.start)
    yield (
        "copy the boot image and the data to the guest's memory, for Linux with a device tree that "
        "is made for it"
    )
    waiting = "; all but the first wait for PSCI" if vm.cpu_count > 1 else ""
    yield f"{_processors(vm)}{waiting}"
    yield from _thread_steps(vm)
    yield "complete the GIC for these processors"


def _processors(vm: "VmDescription") -> str:
    return f"create {vm.cpu_count} virtual processor{'s' if vm.cpu_count > 1 else ''}"


def _thread_steps(vm: "VmDescription") -> Iterator[str]:
    for vcpu, binding, realtime in vm.threads:
        parts = []
        if binding is not None:
            parts.append(f"keep it on {_host_processors(binding)}")
        if realtime is not None:
            parts.append(f"schedule it by {realtime.policy.value}, priority {realtime.priority}")
        yield f"for the thread of virtual processor {vcpu}: {' and '.join(parts)}"


def _host_processors(binding: Binding) -> str:
    numbers = ",".join(str(each) for each in binding.processors)
    if not numbers:  # without a board
        return f"the processors of the host's cluster {binding.asked.value}"
    return f"the host's processor{'s' if len(binding.processors) > 1 else ''} {numbers}"


def _stream_steps(streams: tuple[str, ...], place: int) -> Iterator[str]:
    for stream in streams:
        yield f"open {stream} for the serial port {place:#x}"


def _function_steps(
    functions: "tuple[DescribedFunction, ...]", windows: tuple[AddressRange, ...]
) -> Iterator[str]:
    yield "open /dev/vfio/vfio"
    for group in _groups(functions):
        yield f"take {group}"
    for window in windows:
        yield f"let the devices reach {window}, which is locked in memory"
    for function in functions:
        name = function.selector if function.host is None else str(function.host)
        yield f"open {name}, reset it, and put it on the guest's bus at {function.guest}"


def _interrupt_steps(vm: "VmDescription") -> Iterator[str]:
    for route in vm.interrupts:
        if route.is_passed and route.vector is not None:
            name = "the UIO device that delivers" if route.uio is None else f"/dev/{route.uio} for"
            line = route.controller if route.line is None else f"{route.controller}:{route.line}"
            rank = "" if route.priority is None else f" of real-time priority {route.priority}"
            when = "at once" if route.immediate_unmask else "when the guest ended it"
            yield (
                f"open {name} vector {route.vector} and start a thread{rank} that raises {line} "
                f"and unmasks it {when}"
            )


def _groups(functions: "tuple[DescribedFunction, ...]") -> list[str]:
    names = []
    for function in functions:
        if function.host is None:
            names.append(f"the IOMMU group of {function.selector}")
        elif function.host.iommu_group is not None:
            names.append(
                f"IOMMU group {function.host.iommu_group}: /dev/vfio/{function.host.iommu_group}"
            )
    return list(dict.fromkeys(names))
