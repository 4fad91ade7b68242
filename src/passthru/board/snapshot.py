# SPDX-License-Identifier: Apache-2.0
"""Boards as files: ``*.board.json``, written the same each time and read with suspicion.

The document is the model (``passthru.board.model``) field by field; ``docs/boards.md``
describes it. Addresses and sizes are hexadecimal strings, because people read them so;
PCI functions have their names of sysfs.
"""

from passthru.addresses import AddressRange, PciAddress
from passthru.board.infrastructure import shown_infrastructure
from passthru.board.model import (
    Abilities,
    Bar,
    Board,
    BoardOrigin,
    CpuCluster,
    InterruptLine,
    IommuGroup,
    KernelFeature,
    PciCapabilities,
    PciFunction,
    PlatformDevice,
    UioDevice,
)
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.lean import TYPE_CHECKING, Enum, NamedTuple

if TYPE_CHECKING:
    from typing import Any

__all__ = [
    "FORMAT",
    "VERSION",
    "DamagedBoardError",
    "NewerBoardError",
    "read_snapshot",
    "write_board",
]

FORMAT = "passthru board"
"""What every snapshot says of itself under the key ``format``."""

VERSION = 4
"""The version that is written, and the newest that is read.

Version 1 had no capabilities of PCI functions, version 2 no UIO devices, version 3 no
infrastructure, no origin, no uses of devices, nothing of what a tree says of DMA, and no total of
RAM. What an older file lacks has its default; of the first two, that is what other fields show.
"""

_MOST = 1 << 64
_INTEGER = (1 << 31) - 1
_VECTOR = (1 << 32) - 1
_FEATURE_STATES = ("built-in", "module", "missing", "unknown")


class DamagedBoardError(PassthruError):
    """A file that is no board, or no longer; ``place`` is where in the document, or empty."""

    exit_status = ExitStatus.CONFIGURATION

    def __init__(self, name: str, place: str, problem: str) -> None:
        super().__init__(name, place, problem)
        self.name = name
        self.place = place
        self.problem = problem
        self.fix = "passthru board capture -o FILE writes a new one, on the host that it describes"

    def __str__(self) -> str:
        where = f"`{self.place}` " if self.place else ""
        return f"{self.name} is no board that can be read: {where}{self.problem}"


class NewerBoardError(PassthruError):
    """A board in a version of the format that came after this program."""

    exit_status = ExitStatus.CONFIGURATION
    fix = "use a passthru at least as new as the one that wrote the file"

    def __init__(self, name: str, version: int) -> None:
        super().__init__(name, version)
        self.name = name
        self.version = version

    def __str__(self) -> str:
        return (
            f"{self.name} is a board of version {self.version}; "
            f"this program knows versions up to {VERSION}"
        )


class _Number(NamedTuple):
    """What a number may be, both ends included, and how it is written."""

    lowest: int
    highest: int
    hexadecimal: bool = False


_NUMBERS = {
    (AddressRange, "start"): _Number(0, _MOST - 1, True),
    (AddressRange, "size"): _Number(0, _MOST, True),
    (Bar, "number"): _Number(0, 5),
    (PciFunction, "vendor"): _Number(0, 0xFFFF, True),
    (PciFunction, "device"): _Number(0, 0xFFFF, True),
    (PciFunction, "class_code"): _Number(0, 0xFFFFFF, True),
    (PciFunction, "header_type"): _Number(0, 0xFF, True),
    (PciFunction, "interrupt_pin"): _Number(0, 4),
    (PciFunction, "iommu_group"): _Number(0, _INTEGER),
    (PciCapabilities, "standard"): _Number(0, 0xFF, True),
    (PciCapabilities, "extended"): _Number(0, 0xFFFF, True),
    (PciCapabilities, "msi_vectors"): _Number(0, 32),
    (PciCapabilities, "msix_vectors"): _Number(0, 2048),
    (IommuGroup, "number"): _Number(0, _INTEGER),
    (CpuCluster, "cpus"): _Number(0, _INTEGER),
    (InterruptLine, "vector"): _Number(0, _VECTOR),
    (PlatformDevice, "interrupts"): _Number(0, _VECTOR),
    (PlatformDevice, "iommu_group"): _Number(0, _INTEGER),
    (UioDevice, "vectors"): _Number(0, _VECTOR),
    (Abilities, "locked_memory_limit"): _Number(0, _MOST - 1),
    (Abilities, "address_bits"): _Number(1, 64),
    (Board, "cpu_count"): _Number(1, _INTEGER),
    (Board, "total_ram"): _Number(0, _MOST - 1),
}
"""Every number of the model by the class and the field that it stands in."""


def write_board(board: Board) -> bytes:
    """The board as a snapshot; the same board gives the same bytes.

    Each element of a list has a line to itself, so that two boards can be compared.
    """
    lines = [f' "format": {_json(FORMAT)}', f' "version": {VERSION}']
    for field, value in board._asdict().items():
        encoded = _encode(value, _NUMBERS.get((Board, field)))
        if isinstance(encoded, list) and encoded:
            elements = ",\n".join(f"  {_json(element)}" for element in encoded)
            lines.append(f' "{field}": [\n{elements}\n ]')
        else:
            lines.append(f' "{field}": {_json(encoded)}')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def read_snapshot(data: bytes, name: str) -> Board:
    """The board that ``data`` is a snapshot of; ``name`` is what people call the file.

    Keys that the version does not have are refused, because a misspelt one would else be
    forgotten without a word; fields that have a default may be left out. Raises
    DamagedBoardError and NewerBoardError.
    """
    document = _parse(data, name)
    if not isinstance(document, dict) or document.pop("format", None) != FORMAT:
        raise DamagedBoardError(name, "", f'it does not say `"format": "{FORMAT}"`')
    version = document.pop("version", None)
    if type(version) is not int or version < 1:
        raise DamagedBoardError(name, "version", f"must be a number from 1 to {VERSION}")
    if version > VERSION:
        raise NewerBoardError(name, version)
    try:
        board: Board = _decode_tuple(Board, document, "")
    except _WrongValueError as wrong:
        raise DamagedBoardError(name, wrong.place, wrong.problem) from None
    if "infrastructure" not in document:
        board = board._replace(infrastructure=shown_infrastructure(board))
    if "origin" not in document:
        board = board._replace(origin=_origin_shown(board))
    return board


def _origin_shown(board: Board) -> BoardOrigin:
    """What an older file was read from, as far as it shows."""
    if board.features:
        return BoardOrigin.LINUX
    if board.asinfo or any("QNX's texts" in sentence for sentence in board.unseen):
        return BoardOrigin.QNX
    if any(device.name.startswith("/") for device in board.devices):
        return BoardOrigin.TREE
    return BoardOrigin.UNKNOWN


class _WrongValueError(Exception):
    """A value that cannot be there; becomes a DamagedBoardError with the file's name."""

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(place, problem)
        self.place = place
        self.problem = problem


def _json(value: object) -> str:
    from json import dumps

    return dumps(value)


def _parse(data: bytes, name: str) -> object:
    from json import loads

    try:
        parsed: object = loads(data.decode(), object_pairs_hook=_object_without_doubles)
    except _WrongValueError as wrong:
        raise DamagedBoardError(name, wrong.place, wrong.problem) from None
    except RecursionError:
        raise DamagedBoardError(name, "", "it is nested too deeply") from None
    except ValueError as error:  # no UTF-8, no JSON, or a number without end
        raise DamagedBoardError(name, "", f"it is damaged ({error})") from None
    return parsed


def _object_without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        double = next(key for key in keys if keys.count(key) > 1)
        raise _WrongValueError(double, "is there twice")
    return found


def _encode(value: object, number: _Number | None) -> object:
    if isinstance(value, PciAddress):
        return value.sysfs_name
    if isinstance(value, Enum):
        return value.value
    if type(value) is int and number is not None and number.hexadecimal:
        return f"{value:#x}"
    if not isinstance(value, tuple):
        return value
    fields: tuple[str, ...] | None = getattr(value, "_fields", None)
    if fields is None:
        return [_encode(element, number) for element in value]
    kind = type(value)
    return {
        field: _encode(element, _NUMBERS.get((kind, field)))
        for field, element in zip(fields, value, strict=True)
    }


def _decode_tuple(kind: "type[Any]", value: object, place: str) -> "Any":
    """One of the model's tuples from the object at ``place``."""
    if not isinstance(value, dict):
        raise _WrongValueError(place, "must be an object")
    unknown = sorted(set(value) - set(kind._fields))
    if unknown:
        raise _WrongValueError(_inside(place, unknown[0]), "is no field of a board")
    decoded = {}
    for field, hint in kind.__annotations__.items():
        where = _inside(place, field)
        if field in value:
            decoded[field] = _decode(hint, value[field], where, _NUMBERS.get((kind, field)))
        elif field not in kind._field_defaults:
            raise _WrongValueError(where, "is missing")
    made = kind(**decoded)
    _check(made, place)
    return made


def _decode(hint: "Any", value: object, place: str, number: _Number | None) -> object:
    from typing import get_args, get_origin

    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise _WrongValueError(place, "must be a list")
        element = get_args(hint)[0]
        return tuple(
            _decode(element, each, f"{place}[{position}]", number)
            for position, each in enumerate(value)
        )
    if type(None) in get_args(hint):
        return None if value is None else _decode(get_args(hint)[0], value, place, number)
    if hint is PciAddress:
        return _decode_function(value, place)
    if hint is int:
        return _decode_number(value, place, number or _Number(0, _INTEGER))
    if hint is bool or hint is str:
        if not isinstance(value, hint):
            raise _WrongValueError(place, f"must be {_JSON_TYPES[hint]}")
        return value
    if issubclass(hint, tuple):
        return _decode_tuple(hint, value, place)
    known = [member.value for member in hint]
    if value not in known:
        raise _WrongValueError(place, f"must be one of {', '.join(known)}")
    return hint(value)


_JSON_TYPES = {bool: "true or false", str: "a string"}


def _decode_number(value: object, place: str, number: _Number) -> int:
    if number.hexadecimal:
        read = _hexadecimal(value)
        between = f"from {number.lowest:#x} to {number.highest:#x}, as a string with 0x"
    else:
        read = value if type(value) is int else None
        between = f"from {number.lowest} to {number.highest}"
    if read is None or not number.lowest <= read <= number.highest:
        raise _WrongValueError(place, f"must be a number {between}")
    return read


def _hexadecimal(value: object) -> int | None:
    from re import fullmatch

    if isinstance(value, str) and fullmatch("0x[0-9a-fA-F]{1,17}", value):
        return int(value, 16)
    return None


def _decode_function(value: object, place: str) -> PciAddress:
    from re import fullmatch

    form = "[0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[01][0-9a-fA-F][.][0-7]"
    if not isinstance(value, str) or not fullmatch(form, value):
        raise _WrongValueError(place, "must be a PCI function such as 0000:00:1f.2")
    return PciAddress.from_sysfs(value)


def _check(made: object, place: str) -> None:
    """What one field alone does not tell; raises _WrongValueError."""
    if isinstance(made, AddressRange) and made.end > _MOST:
        raise _WrongValueError(place, "ends after the last 64-bit address")
    if isinstance(made, Bar) and made.range.size.bit_count() != 1:
        raise _WrongValueError(_inside(place, "range"), "must have a power of two as its size")
    if isinstance(made, KernelFeature) and made.state not in _FEATURE_STATES:
        words = ", ".join(_FEATURE_STATES)
        raise _WrongValueError(_inside(place, "state"), f"must be one of {words}")


def _inside(place: str, field: str) -> str:
    return f"{place}.{field}" if place else field
