# SPDX-License-Identifier: Apache-2.0
"""Checking a set of VMs on one board: time, growth, and a comparison of all with all.

Generated are VMs of 100 passes each: registers with an interrupt, and PCI functions, of which
hardly any is wanted twice. To reach: 1.5 s for 1,000 VMs, and at most 2.3 times that for twice
as many on a board with twice the devices; the best of some runs counts. The pairwise check, which
compares every two passes of different VMs, runs on a few VMs, must find as many conflicts there,
and is extrapolated.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from itertools import combinations
from typing import TypeVar

from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import (
    Abilities,
    Bar,
    BarKind,
    Board,
    HostRegion,
    IommuGroup,
    PciFunction,
    PlatformDevice,
)
from passthru.diagnostics.source import Source
from passthru.language.model import Location, MemoryLocation, Pass, PciLocation
from passthru.language.reader import read
from passthru.rules.system import CheckedVm, check_system

_Result = TypeVar("_Result")
_System = tuple[list[CheckedVm], Board]

PASSES_OF_A_VM = 100
FUNCTIONS_OF_A_VM = 2
VMS_BETWEEN_CONFLICTS = 50

_DEVICES = 0x100_0000_0000
_FIRST_OF_GUEST = 0x1000_0000
_STEP = 0x2000
_FUNCTION_REGISTERS = 0x80_0000_0000


def configuration(number: int) -> str:
    """The VM of that number; every now and then it wants what the one before it has."""
    lines = [f"system guest-{number}", "cpu", "ram 0x80000000,64M", f"load /images/{number}.bin"]
    lines.append("vdev gic name pic")
    registers = PASSES_OF_A_VM - FUNCTIONS_OF_A_VM
    first = number * registers
    for device in range(first, first + registers):
        is_twice = device == first and number % VMS_BETWEEN_CONFLICTS == 1
        start = _DEVICES + _STEP * (device - is_twice)
        lines.append(
            f"pass loc mem:{0x10000000 + _STEP * (device - first):#x},0x1000,rwn={start:#x}"
        )
        lines.append(f"    intr pic:{32 + device - first}={32 + device}")
    for function in range(FUNCTIONS_OF_A_VM):
        place = _function_place(number * FUNCTIONS_OF_A_VM + function)
        lines.append(f"pass loc pci:0:{function + 1}.0={place}")
    return "\n".join(lines) + "\n"


def _function_place(number: int) -> PciAddress:
    return PciAddress(0, number // 32, number % 32, 0)


def vms_of(count: int) -> list[CheckedVm]:
    vms = []
    for number in range(count):
        result = read([Source(f"{number}.qvmconf", configuration(number))], environment={})
        if result.findings:
            raise SystemExit(f"{number}.qvmconf: {result.findings[0].message}")
        vms.append(CheckedVm(result.config, result.complete))
    return vms


def board_for(count: int) -> Board:
    """A host with all that ``count`` VMs pass: memory, devices, and a group for each function."""
    registers = count * (PASSES_OF_A_VM - FUNCTIONS_OF_A_VM)
    devices = tuple(_device(number) for number in range(registers))
    functions = tuple(_function(number) for number in range(count * FUNCTIONS_OF_A_VM))
    ram = AddressRange(0, count << 28)
    return Board(
        name="benchmark",
        architecture="aarch64",
        cpu_count=64,
        memory=(HostRegion(ram, "System RAM"),),
        allocated=(ram,),
        reserved=(),
        pci=functions,
        iommu_groups=tuple(
            IommuGroup(number, (function.address,), ()) for number, function in enumerate(functions)
        ),
        abilities=Abilities(True, True, True, None),
        devices=devices,
    )


def _device(number: int) -> PlatformDevice:
    registers = AddressRange(_DEVICES + _STEP * number, 0x1000)
    name = f"/soc/device@{registers.start:x}"
    return PlatformDevice(name, (), (registers,), (32 + number,), (), (), (), (), None, None)


def _function(number: int) -> PciFunction:
    registers = AddressRange(_FUNCTION_REGISTERS + 0x10000 * number, 0x4000)
    bar = Bar(0, BarKind.MEMORY64, False, registers)
    return PciFunction(
        _function_place(number), 0x1B36, number, 0x010802, 0, 1, (bar,), "vfio-pci", number, ()
    )


def pairwise(vms: list[CheckedVm]) -> int:
    """How many conflicts a comparison of every two passes finds."""
    passes = [(number, each) for number, vm in enumerate(vms) for each in vm.config.passes]
    return sum(
        _conflict(one, other)
        for (number, one), (its_number, other) in combinations(passes, 2)
        if number != its_number
    )


def _conflict(one: Pass, other: Pass) -> bool:
    for location in one.locations:
        for its_location in other.locations:
            if _overlap(location, its_location):
                return True
    vectors = {interrupt.vector for interrupt in one.interrupts}
    return any(interrupt.vector in vectors for interrupt in other.interrupts)


def _overlap(one: Location, other: Location) -> bool:
    if isinstance(one, MemoryLocation) and isinstance(other, MemoryLocation):
        return one.host.overlaps(other.host)
    if isinstance(one, PciLocation) and isinstance(other, PciLocation):
        return one.host == other.host
    return False


def best_seconds(systems: list[_System], runs: int) -> list[float]:
    """Seconds of check_system for each, in turn, the best of some runs.

    Other processes only make it slower, and not all runs alike.
    """
    measured = [[_timed(partial(check_system, *each))[0] for each in systems] for _ in range(runs)]
    return [min(each) for each in zip(*measured, strict=True)]


def _timed(work: Callable[[], _Result]) -> tuple[float, _Result]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def report_speed(count: int, runs: int) -> None:
    vms = vms_of(2 * count)
    systems = [(vms[:count], board_for(count)), (vms, board_for(2 * count))]
    once, twice = best_seconds(systems, runs)
    found = len(check_system(*systems[0]))
    print(f"{count:,} VMs of {PASSES_OF_A_VM} passes on one board (to reach: 1.5 s, growth 2.3)")
    print(f"check_system      {once:.3f} s   {found} conflicts")
    print(f"twice as many     {twice:.3f} s   growth {twice / once:.2f}")


def report_comparison(count: int, few: int, runs: int) -> None:
    """Both ways on a ``few`` VMs, and what that means for ``count``."""
    vms, board = vms_of(few), board_for(few)
    (fast,) = best_seconds([(vms, board)], runs)
    slow, compared = _timed(lambda: pairwise(vms))
    swept = len(check_system(vms, board))
    if swept != compared:
        raise SystemExit(f"{few} VMs: check_system finds {swept} conflicts, pairwise {compared}")
    print(f"pairwise          {slow:.3f} s for {few} VMs, check_system {fast:.3f} s")
    hours = slow * (count / few) ** 2 / 3600
    print(f"                  that is {hours:.1f} h for {count:,} VMs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vms", type=int, default=1000)
    parser.add_argument("--pairwise-vms", type=int, default=12)
    parser.add_argument("--runs", type=int, default=10)
    arguments = parser.parse_args()
    report_speed(arguments.vms, arguments.runs)
    report_comparison(arguments.vms, arguments.pairwise_vms, arguments.runs)


if __name__ == "__main__":
    main()
