# SPDX-License-Identifier: Apache-2.0
"""Sets of VMs at random on boards at random, clean or with conflicts of ten kinds put in.

A set is made of lines, an option with its arguments on each, so that a file and a line say where
a finding is expected. What a conflict is about is taken from the board for it alone: each is
found once, and nothing else is.
"""

from random import Random
from typing import NamedTuple

from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import (
    Abilities,
    Bar,
    BarKind,
    Board,
    HostRegion,
    InterruptLine,
    IommuGroup,
    PciFunction,
    PlatformDevice,
    Trigger,
)
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.on_board import check_on_board
from passthru.rules.system import CheckedVm, check_system

KINDS = (
    "RAM",
    "MMIO",
    "port",
    "guest interrupt",
    "host interrupt",
    "PCI",
    "group split",
    "reserved window",
    "host driver",
    "blob over RAM",
)

_PAGE = 0x1000
_KEPT = AddressRange(0x1_0000_0000, 0x4000_0000)
"""RAM of every board that its host leaves alone."""

_WINDOW = HostRegion(AddressRange(0x6000_0000, 0x10_0000), "reserved")
_DEVICES = 0xC000_0000
_REGISTERS = 0xD000_0000
_MOST = 60


class Expected(NamedTuple):
    """One finding: its id, where it stands, and in which file the first other place is."""

    id: str
    file: str
    line: int
    other_file: str


class GeneratedSystem(NamedTuple):
    """VMs by the names of their files, their host, and all that is to be found, sorted."""

    texts: dict[str, str]
    board: Board
    hypervisor: Hypervisor
    kinds: tuple[str, ...]
    expected: tuple[Expected, ...]


def findings_of(texts: dict[str, str], board: Board, hypervisor: Hypervisor) -> tuple[Finding, ...]:
    """Everything that is told of the VMs, each by itself and all together."""
    findings: list[Finding] = []
    vms = []
    for name, text in texts.items():
        result = read([Source(name, text)], environment={}, version=hypervisor.version)
        config, complete = result.config, result.complete
        findings += result.findings
        findings += check_on_board(config, hypervisor, board, complete=complete)
        vms.append(CheckedVm(config, complete))
    return (*findings, *check_system(vms, board))


def told_of(system: GeneratedSystem) -> tuple[Expected, ...]:
    """What is found, in the form of what is expected."""
    findings = findings_of(system.texts, system.board, system.hypervisor)
    return tuple(sorted(_in_short(finding) for finding in findings))


def _in_short(finding: Finding) -> Expected:
    others = [place.span.file for place in finding.others[:1] if place.span is not None]
    file, line = (finding.span.file, finding.span.line) if finding.span else ("", 0)
    return Expected(finding.id, file, line, others[0] if others else "")


def generate(seed: int, *, clean: bool) -> GeneratedSystem:
    """The set with that number; of one that is not ``clean`` at least one kind is in it."""
    random = Random(f"{seed} {clean}")
    system = random.choice((_ArmWithQnx, _PcWithQnx, _PcWithKvm))(random)
    system.fill()
    kinds: tuple[str, ...] = ()
    if not clean:
        possible = list(system.conflicts)
        kinds = tuple(random.sample(possible, random.randint(1, len(possible))))
        for kind in kinds:
            system.conflicts[kind]()
    return system.made(kinds)


class _Vm:
    """One configuration in the making: its lines, and the next free places of the guest."""

    def __init__(self, name: str, lines: list[str], *, address: int, line: int) -> None:
        self.file = f"{name}.qvmconf"
        self.lines = [f"system {name}", *lines]
        self._address = address
        self._line = line
        self._device = 1

    def add(self, line: str) -> int:
        """The number of the new line."""
        self.lines.append(line)
        return len(self.lines)

    def address(self, size: int) -> int:
        start, self._address = self._address, self._address + size + _PAGE
        return start

    def line(self) -> int:
        self._line += 1
        return self._line

    def slot(self) -> str:
        self._device += 1
        return f"pci:0:{self._device}.0"


class _System:
    """What the three kinds of systems have in common."""

    hypervisor: Hypervisor
    architecture: str
    ram: str

    def __init__(self, random: Random) -> None:
        self.random = random
        self.vms: list[_Vm] = []
        self.expected: list[Expected] = []
        self._free_ram = _KEPT.start
        self._devices = [self._device(number) for number in range(_MOST)]
        self._vectors = random.sample(range(64, 900), _MOST)
        self._functions, self._groups = self._functions_in_groups()
        self.board = self._board()
        random.shuffle(self._devices)
        self._alone = [f for f in self._functions if self._is_alone(f) and f.driver == "vfio-pci"]
        self._driven = [f for f in self._functions if f.driver not in (None, "vfio-pci")]
        self._pairs = [group for group in self._groups if len(group.members) > 1]
        for each in (self._alone, self._driven, self._pairs):
            random.shuffle(each)
        self.conflicts = {
            "RAM": self.share_ram,
            "guest interrupt": self.share_guest_line,
        }

    def _device(self, number: int) -> PlatformDevice:
        size = _PAGE * self.random.randint(1, 4)
        place = AddressRange(_DEVICES + 0x10000 * number, size)
        is_in_tree = self.architecture != "x86_64"
        name = f"/soc/device@{place.start:x}" if is_in_tree else f"ABCD{number:04X}:00"
        return PlatformDevice(name, (), (place,), (), (), (), (), (), None, None)

    def _functions_in_groups(self) -> tuple[list[PciFunction], list[IommuGroup]]:
        functions: list[PciFunction] = []
        groups: list[IommuGroup] = []
        if self.architecture != "x86_64":
            return functions, groups
        for number in range(_MOST):
            size = 1 if number == 0 else self.random.choice((1, 1, 2, 3))
            is_host_s = number == 0 or (size == 1 and self.random.random() < 0.2)
            driver = "e1000e" if is_host_s else "vfio-pci"
            members = [
                self._function(len(functions) + place, number, driver) for place in range(size)
            ]
            functions += members
            addresses = tuple(member.address for member in members)
            groups.append(IommuGroup(number, addresses, (_WINDOW,)))
        return functions, groups

    def _function(self, number: int, group: int, driver: str) -> PciFunction:
        registers = AddressRange(_REGISTERS + 0x10000 * number, 0x4000)
        address = PciAddress(0, number // 28, 3 + number % 28, 0)
        bars = (Bar(0, BarKind.MEMORY32, False, registers),)
        ids = (0x1B36, 0x100 + number)
        return PciFunction(address, *ids, 0x020000, 0, 1, bars, driver, group, ())

    def _is_alone(self, function: PciFunction) -> bool:
        group = next(g for g in self._groups if g.number == function.iommu_group)
        return len(group.members) == 1

    def _board(self) -> Board:
        own = AddressRange(0x1000, 0x6000_0000)
        is_pc = self.architecture == "x86_64"
        return Board(
            name="generated",
            architecture=self.architecture,
            cpu_count=8,
            memory=(
                HostRegion(own, "System RAM"),
                HostRegion(AddressRange(_DEVICES, 0x3000_0000), "bus"),
                HostRegion(_KEPT, "Reserved"),
            ),
            allocated=(own,),
            reserved=(HostRegion(_KEPT, "Reserved"),),
            pci=tuple(self._functions),
            iommu_groups=tuple(self._groups),
            abilities=Abilities(True, True, True, None, 40),
            interrupts=tuple(
                InterruptLine("ioapic" if is_pc else "gic", vector, Trigger.LEVEL, None)
                for vector in sorted(self._vectors)
            ),
            devices=tuple(self._devices),
            iommu_kind="vt-d" if is_pc else "smmuv3",
        )

    def fill(self) -> None:
        """VMs with things of their own."""
        names = [f"vm{number}" for number in range(self.random.randint(2, 4))]
        self.random.shuffle(names)
        self.vms = [self.new_vm(name) for name in names]
        for vm in self.vms:
            for _ in range(self.random.randint(0, 4)):
                self.random.choice(self.usual)(vm)

    def new_vm(self, name: str) -> _Vm:
        raise NotImplementedError

    @property
    def usual(self) -> list:
        """What puts something that nobody else has into a VM."""
        raise NotImplementedError

    def made(self, kinds: tuple[str, ...]) -> GeneratedSystem:
        texts = {vm.file: "\n".join(vm.lines) + "\n" for vm in self.vms}
        expected = tuple(sorted(self.expected))
        return GeneratedSystem(texts, self.board, self.hypervisor, kinds, expected)

    def two(self) -> tuple[_Vm, _Vm]:
        """Two of the VMs, in the order of the files."""
        first, second = sorted(self.random.sample(range(len(self.vms)), 2))
        return self.vms[first], self.vms[second]

    def expect(self, rule: str, vm: _Vm, line: int, other: _Vm | None) -> None:
        """``other`` has the other place."""
        self.expected.append(Expected(rule, vm.file, line, other.file if other else ""))

    def new_ram(self) -> AddressRange:
        size = _PAGE * self.random.randint(2, 64)
        gap = _PAGE * self.random.choice((0, 0, 1, 5))
        place = AddressRange(self._free_ram + gap, size)
        self._free_ram = place.end
        return place

    def pass_ram(self, vm: _Vm, place: AddressRange | None = None) -> int:
        host = place or self.new_ram()
        guest = vm.address(host.size)
        return vm.add(f"pass loc mem:{guest:#x},{host.size:#x},rwcn={host.start:#x}")

    def pass_device(self, vm: _Vm, device: PlatformDevice | None = None) -> int:
        (host,) = (device or self._devices.pop()).registers
        guest = vm.address(host.size)
        return vm.add(f"pass loc mem:{guest:#x},{host.size:#x},rwn={host.start:#x}")

    def pass_function(self, vm: _Vm, function: PciFunction | None = None) -> int:
        function = function or self._alone.pop()
        by_ids = f"pci:{function.vendor:#06x}/{function.device:#06x}"
        host = self.random.choice((str(function.address), by_ids))
        return vm.add(f"pass loc {vm.slot()}={host}")

    def share_ram(self) -> None:
        """A piece of RAM in one VM, and a part of it in another one."""
        first, second = self.two()
        place = self.new_ram()
        start = place.start + _PAGE * self.random.randrange(place.size // _PAGE)
        self.pass_ram(first, place)
        line = self.pass_ram(second, AddressRange.between(start, place.end))
        self.expect("host-memory-claimed-twice", second, line, first)

    def share_device(self) -> None:
        first, second = self.two()
        device = self._devices.pop()
        self.pass_device(first, device)
        self.expect("device-shared", second, self.pass_device(second, device), first)

    def share_function(self) -> None:
        first, second = self.two()
        function = self._alone.pop()
        self.pass_function(first, function)
        self.expect("dma-device-shared", second, self.pass_function(second, function), first)

    def share_guest_line(self) -> None:
        raise NotImplementedError

    def blob_over_ram(self) -> None:
        """A blob that begins in the guest's RAM and ends behind it."""
        vm = self.random.choice(self.vms)
        host = self.new_ram()
        start, size = (int(number, 0) for number in self.ram.split(","))
        guest = start + size - _PAGE
        line = vm.add(f"initrd pass loc mem:{guest:#x},{host.size:#x},rcn={host.start:#x}")
        self.expect("address-overlap", vm, line, vm)


class _ArmWithQnx(_System):
    """Devices with interrupts, at a GIC."""

    hypervisor = Hypervisor.QNX_8_0
    architecture = "aarch64"
    ram = "0x80000000,0x2000000"

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.conflicts |= {
            "MMIO": self.share_device,
            "host interrupt": self.share_vector,
            "blob over RAM": self.blob_over_ram,
        }

    def new_vm(self, name: str) -> _Vm:
        lines = [f"ram {self.ram}", "guest load ifs.bin", "vdev gic name pic"]
        return _Vm(name, lines, address=0x1000_0000, line=40)

    @property
    def usual(self) -> list:
        return [self.pass_ram, self.pass_device, self.pass_vector]

    def pass_vector(self, vm: _Vm, vector: int | None = None, line: int | None = None) -> int:
        vector = self._vectors.pop() if vector is None else vector
        line = vm.line() if line is None else line
        return vm.add(f"pass intr pic:{line}={vector}")

    def share_vector(self) -> None:
        first, second = self.two()
        vector = self._vectors.pop()
        self.pass_vector(first, vector)
        self.expect("host-interrupt-claimed-twice", second, self.pass_vector(second, vector), first)

    def share_guest_line(self) -> None:
        vm = self.random.choice(self.vms)
        line = vm.line()
        self.pass_vector(vm, line=line)
        self.expect("interrupt-claimed-twice", vm, self.pass_vector(vm, line=line), vm)


class _Pc(_System):
    """Serial ports at an I/O APIC, and PCI functions."""

    architecture = "x86_64"
    ram = "0x100000,0x1f00000"

    def new_vm(self, name: str) -> _Vm:
        lines = [
            "ram 0,0xa0000",
            f"ram {self.ram}",
            "guest load bzImage",
            "vdev ioapic loc 0xf8000000 intr apic name pic",
            "vdev ser8250 loc io:0x3f8 intr pic:4 hostdev >-",
        ]
        return _Vm(name, lines, address=0x3000_0000, line=9)

    def share_guest_line(self) -> None:
        vm = self.random.choice(self.vms)
        line = vm.line()
        vm.add(f"vdev ser8250 loc io:0x2f8 intr pic:{line} hostdev /dev/ser2")
        second = vm.add(f"vdev ser8250 loc io:0x2e8 intr pic:{line} hostdev /dev/ser3")
        self.expect("interrupt-claimed-twice", vm, second, vm)


class _PcWithQnx(_Pc):
    """Ports are passed, too."""

    hypervisor = Hypervisor.QNX_8_0

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self._ports = [0x1000 + 0x20 * number for number in range(_MOST)]
        random.shuffle(self._ports)
        self.conflicts |= {"port": self.share_ports, "PCI": self.share_function}

    @property
    def usual(self) -> list:
        return [self.pass_ram, self.pass_ports, self.pass_function]

    def pass_ports(self, vm: _Vm, start: int | None = None) -> int:
        start = self._ports.pop() if start is None else start
        return vm.add(f"pass loc io:{start:#x},{self.random.randint(8, 16)},rw")

    def share_ports(self) -> None:
        first, second = self.two()
        start = self._ports.pop()
        self.pass_ports(first, start)
        line = self.pass_ports(second, start + self.random.randint(0, 7))
        self.expect("host-port-claimed-twice", second, line, first)


class _PcWithKvm(_Pc):
    """What a Linux host knows of IOMMU groups and drivers counts."""

    hypervisor = Hypervisor.KVM

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.conflicts |= {
            "MMIO": self.share_device,
            "PCI": self.share_function,
            "group split": self.split_group,
            "reserved window": self.ram_in_window,
            "host driver": self.pass_driven,
            "blob over RAM": self.blob_over_ram,
        }

    @property
    def usual(self) -> list:
        return [self.pass_ram, self.pass_device, self.pass_function, self.pass_group]

    def pass_group(self, vm: _Vm) -> None:
        for address in self._pairs.pop().members:
            self.pass_function(vm, self._at(address))

    def _at(self, address: PciAddress) -> PciFunction:
        function = self.board.pci_function(address)
        assert function is not None
        return function

    def split_group(self) -> None:
        vms = self.two()
        members = list(self._pairs.pop().members)
        self.random.shuffle(members)
        for vm, address in zip(vms, members, strict=False):
            line = self.pass_function(vm, self._at(address))
        self.expect("iommu-group-split", vms[1], line, vms[0])

    def ram_in_window(self) -> None:
        vm = self.random.choice(self.vms)
        self.pass_function(vm)
        start = _WINDOW.range.start + _PAGE * self.random.randint(-8, 8)
        self.expect("iova-reserved", vm, vm.add(f"ram {start:#x},0x10000"), vm)

    def pass_driven(self) -> None:
        vm = self.random.choice(self.vms)
        self.expect("host-driver-active", vm, self.pass_function(vm, self._driven.pop()), None)
