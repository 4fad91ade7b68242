# SPDX-License-Identifier: Apache-2.0
"""What a configuration needs of a virtual host before it boots, and after.

All addresses are those of the virtual host (HPA).
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence

from passthru.addresses import PAGE_SIZE, AddressRange, PciAddress
from passthru.bench.boards import BenchBoard, PlacedFile
from passthru.bench.errors import PlacementError
from passthru.diagnostics.source import Source
from passthru.language.model import (
    Location,
    MemoryLocation,
    PciLocation,
    PciSelector,
    VmConfig,
)

__all__ = ["environment_of", "functions_to_bind", "memory_to_reserve", "parse_placed_file"]

_ENVIRONMENT = re.compile(r"\$env\{([^{}]*)\}")


def environment_of(sources: Iterable[Source], environment: Mapping[str, str]) -> list[str]:
    """``NAME=VALUE`` for each ``$env{NAME}`` that the texts use and that is set."""
    names = {name for source in sources for name in _ENVIRONMENT.findall(source.text)}
    return [f"{name}={environment[name]}" for name in sorted(names) if name in environment]


def functions_to_bind(config: VmConfig, board: BenchBoard) -> list[PciAddress]:
    """The board's functions that the configuration passes.

    What the board does not have is left out: the run itself refuses it, and says why.
    """
    found: dict[PciAddress, None] = {}
    for location in _locations(config):
        if isinstance(location, PciLocation):
            found.update(dict.fromkeys(_matching(location.host, board)))
    return list(found)


def memory_to_reserve(
    config: VmConfig | None, board: BenchBoard, placed: Sequence[PlacedFile]
) -> list[AddressRange]:
    """RAM to keep from the virtual host's allocator: passed ranges and placed files.

    Whole pages, merged, without what the board reserves anyway. Raises PlacementError
    where the virtual host cannot do without, and for a file that is not in RAM.
    """
    wanted = [_place_of(file, board) for file in placed]
    if config is not None:
        for location in _locations(config):
            if isinstance(location, MemoryLocation):
                passed = board.ram.intersection(location.host.page_aligned())
                lowest = board.architecture.own_area.start
                wanted += [passed] if passed and passed.start >= lowest else []
    needed = [r for r in wanted if not any(own.range.contains(r) for own in board.reserved)]
    for place in needed:
        _refuse_own_memory(place, board)
    return _merged(needed)


def parse_placed_file(text: str) -> PlacedFile:
    """Read ``FILE@ADDRESS`` (``0x`` for hexadecimal). Raises PlacementError."""
    path, separator, number = text.rpartition("@")
    if not separator or not path:
        raise PlacementError(f"--place {text}", "is not FILE@ADDRESS", "--place FILE@0x20000000")
    try:
        address = int(number, 0)
    except ValueError:
        raise PlacementError(f"--place {text}", f"{number} is no address") from None
    if not os.path.isfile(path):  # noqa: PTH113 (a plain name, kept as the user wrote it)
        raise PlacementError(f"--place {text}", "no such file")
    return PlacedFile(path, address)


def _locations(config: VmConfig) -> Iterable[Location]:
    return (location for passed in config.passes for location in passed.locations)


def _matching(selector: PciSelector, board: BenchBoard) -> list[PciAddress]:
    if isinstance(selector, PciAddress):
        return [f.address for f in board.functions if f.address == selector]
    ids = (selector.vendor, selector.device)
    same = sorted(f.address for f in board.functions if (f.vendor, f.device) == ids)
    if selector.instance is None:
        return same
    return same[selector.instance : selector.instance + 1]


def _place_of(file: PlacedFile, board: BenchBoard) -> AddressRange:
    try:
        size = os.stat(file.path).st_size  # noqa: PTH116
    except OSError as error:
        raise PlacementError(file.path, error.strerror or "cannot be read") from error
    place = AddressRange(file.address, max(size, 1)).page_aligned()
    if file.address % PAGE_SIZE:
        raise PlacementError(file.path, f"{file.address:#x} is not the start of a 4 KiB page")
    if not board.ram.contains(place):
        raise PlacementError(file.path, f"{place} is not in the board's RAM, {board.ram}")
    return place


def _refuse_own_memory(place: AddressRange, board: BenchBoard) -> None:
    own = board.architecture
    free = AddressRange.between(own.own_area.end, board.ram.end - own.own_top)
    if not free.contains(place):
        raise PlacementError(
            f"host memory {place}",
            "the virtual host itself needs memory there",
            f"pass host memory between {free.start:#x} and {free.end:#x}",
        )


def _merged(ranges: Iterable[AddressRange]) -> list[AddressRange]:
    merged: list[AddressRange] = []
    for place in sorted(ranges):
        if merged and place.start <= merged[-1].end:
            end = max(place.end, merged[-1].end)
            merged[-1] = AddressRange.between(merged[-1].start, end)
        else:
            merged.append(place)
    return merged
