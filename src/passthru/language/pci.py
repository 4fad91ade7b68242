# SPDX-License-Identifier: Apache-2.0
"""The arguments of ``loc pci:``: ``bus:device[.function]``, or ``vendor/device[/index]``."""

from passthru.addresses import PciAddress
from passthru.diagnostics.finding import Finding
from passthru.language import mistakes
from passthru.language.model import PciLocation, PciSelector, PciVendorDevice
from passthru.language.numbers import HEXADECIMAL_DIGITS, Notation, read_number
from passthru.language.options import SINCE_7_1, lacks
from passthru.language.words import Word

__all__ = ["place_without_prefix", "read_pci_location"]

_PREFIX = "pci:"

_BUSES, _DEVICES, _FUNCTIONS = 256, 32, 8
_ID_LIMIT = 1 << 16
_ID_DIGITS = 4
_INDEX_LIMIT = 256

_INDEX_VERSIONS = ("7.0", "7.1")
_HOST_PLACE_VERSIONS = SINCE_7_1
"""7.0 has ids behind the ``=``, but no place."""

_LINUX_ADDRESS = r"(?:([0-9a-fA-F]{4}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})(?:\.([0-7]))?"


def read_pci_location(
    word: Word, at: int, version: str, findings: list[Finding]
) -> PciLocation | None:
    """The location at offset ``at`` of ``word``, behind ``pci:``; None, and a finding, if wrong.

    ``version`` is the hypervisor's: what it does not have is read, and told.
    """
    location = _read_location(word, at, findings)
    if location is None:
        return None
    if lacks(version, _INDEX_VERSIONS) and _has_index(location.host):
        form, instead = "pci:vendor/device/index", "the function's place, pci:BUS:DEVICE.FUNCTION"
        findings.append(mistakes.version_only(word.span, form, _INDEX_VERSIONS, version, instead))
    elif lacks(version, _HOST_PLACE_VERSIONS) and _has_host_place(word.value, location.host):
        form, instead = "pci:…=pci:bus:device", "the host's vendor and device ids behind the `=`"
        findings.append(
            mistakes.version_only(word.span, form, _HOST_PLACE_VERSIONS, version, instead)
        )
    return location


def place_without_prefix(text: str) -> str | None:
    """What ``text`` without ``pci:`` says, if it can be the place of a function; else None."""
    if _is_linux_notation(text) or text.count(":") == 2:
        return _from_linux(text)
    parts = text.replace(".", ":").split(":")
    is_place = len(parts) in (2, 3) and all(part.isdecimal() for part in parts)
    return f"{_PREFIX}{text}" if is_place else None


def _has_index(host: PciSelector) -> bool:
    return isinstance(host, PciVendorDevice) and host.instance is not None


def _has_host_place(text: str, host: PciSelector) -> bool:
    return "=" in text and isinstance(host, PciAddress)


def _read_location(word: Word, at: int, findings: list[Finding]) -> PciLocation | None:
    left, equals, right = word.value[at:].partition("=")
    if not equals:
        return _read_same_pci_location(word, at, left, findings)
    if not right.startswith(_PREFIX):
        fix = f"pci:{left}=pci:{right}"
        host_at = at + len(left) + 1
        edits = word.replacing(host_at, host_at, _PREFIX)
        findings.append(
            mistakes.bad_location(word.span, word.value, "has no pci: after the =", fix, edits)
        )
        return None
    guest = _read_address(word, at, left, findings)
    host_at = at + len(left) + len("=" + _PREFIX)
    host = _read_selector(word, host_at, word.value[host_at:], findings)
    if guest is None or host is None:
        return None
    return PciLocation(guest, host, word.span)


def _read_same_pci_location(
    word: Word, at: int, text: str, findings: list[Finding]
) -> PciLocation | None:
    """Without ``=``: one place for guest and host, or ids and the guest's place left open."""
    host = _read_selector(word, at, text, findings)
    if host is None:
        return None
    return PciLocation(host if isinstance(host, PciAddress) else None, host, word.span)


def _read_selector(word: Word, at: int, text: str, findings: list[Finding]) -> PciSelector | None:
    """The function that ``text``, at offset ``at`` of ``word``, names by place or by ids."""
    if "/" in text:
        return _read_vendor_device(word, at, text, findings)
    return _read_address(word, at, text, findings)


def _read_address(word: Word, at: int, text: str, findings: list[Finding]) -> PciAddress | None:
    """The function at the place ``text``; no function number means function 0."""
    bus_text, _, place = text.partition(":")
    device_text, dot, function_text = place.partition(".")
    parts = (bus_text, device_text, function_text) if dot else (bus_text, device_text)
    is_address = all(part and "." not in part and ":" not in part for part in parts)
    if not is_address or _is_linux_notation(text) or _ids_with_colon(text):
        _report_no_address(word, at, text, findings)
        return None
    bus = read_number(word, at, bus_text, Notation.PLAIN, findings, _BUSES)
    at += len(bus_text) + 1
    device = read_number(word, at, device_text, Notation.PLAIN, findings, _DEVICES)
    function: int | None = 0
    if dot:
        at += len(device_text) + 1
        function = read_number(word, at, function_text, Notation.PLAIN, findings, _FUNCTIONS)
    if bus is None or device is None or function is None:
        return None
    return PciAddress(0, bus, device, function)


def _is_linux_notation(text: str) -> bool:
    """Whether ``text`` can only be Linux's hexadecimal notation (``00:1f.3``)."""
    digits = text.replace(":", "").replace(".", "")
    return not digits.isdigit() and _linux_address(text) is not None


def _linux_address(text: str) -> tuple[str | None, ...] | None:
    """Segment, bus, device and function in Linux's notation, as far as they are there."""
    import re  # costs start-up, and hardly anybody writes this

    match = re.fullmatch(_LINUX_ADDRESS, text)
    return match.groups() if match else None


def _report_no_address(word: Word, at: int, text: str, findings: list[Finding]) -> None:
    end = at + len(text)
    problem, fix = "is no bus:device[.function]", None
    if place := _from_linux(text):
        problem = "is Linux's notation; here it is bus:device.function, all decimal"
        fix = place.removeprefix(_PREFIX)
    elif ids := _ids_with_colon(text):
        problem, fix = "is no bus:device; ids have a slash between them", ids
    edits = word.replacing(at, end, fix) if fix else ()
    findings.append(mistakes.bad_location(word.part(at, end), text, problem, fix, edits))


def _from_linux(text: str) -> str | None:
    """The location for a place in Linux's notation; None for anything else."""
    segment, bus, device, function = _linux_address(text) or (None, None, None, None)
    if bus is None or device is None or int(segment or "0", 16):
        return None
    return f"{_PREFIX}{int(bus, 16)}:{int(device, 16)}" + (f".{function}" if function else "")


def _ids_with_colon(text: str) -> str | None:
    """``8086:1234``, as `lspci -n` prints ids, in the notation that they have here."""
    vendor, _, device = text.partition(":")
    if not (len(vendor) == len(device) == _ID_DIGITS):
        return None
    return f"0x{vendor}/0x{device}" if HEXADECIMAL_DIGITS.issuperset(vendor + device) else None


def _read_vendor_device(
    word: Word, at: int, text: str, findings: list[Finding]
) -> PciVendorDevice | None:
    vendor_text, device_text, *rest = text.split("/")
    if len(rest) > 1:
        span = word.part(at, at + len(text))
        findings.append(mistakes.bad_location(span, text, "is no vendor/device[/index]"))
        return None
    vendor = _read_id(word, at, vendor_text, findings)
    device_at = at + len(vendor_text) + 1
    device = _read_id(word, device_at, device_text, findings)
    index: int | None = None
    if rest:
        index_at = device_at + len(device_text) + 1
        index = read_number(word, index_at, rest[0], Notation.PLAIN, findings, _INDEX_LIMIT)
        if index is None:
            return None
    if vendor is None or device is None:
        return None
    return PciVendorDevice(vendor, device, index)


def _read_id(word: Word, at: int, text: str, findings: list[Finding]) -> int | None:
    """A vendor or device id; a bare one is decimal by the rules, which hardly anybody means."""
    value = read_number(word, at, text, Notation.PLAIN, findings, _ID_LIMIT)
    if value is not None and value > 9 and text.isdigit():
        span = word.part(at, at + len(text))
        taken, meant = f"0d{text}", f"0x{text}"
        findings.append(mistakes.ambiguous_number(span, text, taken, meant, fix=meant))
    return value
