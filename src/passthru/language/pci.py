# SPDX-License-Identifier: Apache-2.0
"""PCI functions: decimal ``bus:device[.function]``, or ``vendor/device[/index]``."""

import re

from passthru.addresses import PciAddress
from passthru.diagnostics.finding import Finding
from passthru.language.mistakes import ambiguous_number, bad_location
from passthru.language.model import PciSelector, PciVendorDevice
from passthru.language.numbers import Notation, read_number
from passthru.language.words import Word

__all__ = ["read_pci_address", "read_pci_selector"]

_BUSES, _DEVICES, _FUNCTIONS = 256, 32, 8
_ID_LIMIT = 1 << 16
_INDEX_LIMIT = 256

_ADDRESS = r"([^:.]+):([^:.]+)(?:\.([^:.]+))?"
_LINUX_ADDRESS = r"(?:([0-9a-fA-F]{4}):)?([0-9a-fA-F]{2}):([0-9a-fA-F]{2})(?:\.([0-7]))?"


def read_pci_selector(
    word: Word, at: int, text: str, findings: list[Finding]
) -> PciSelector | None:
    """The function that ``text``, at offset ``at`` of ``word``, names by place or by ids."""
    if "/" in text:
        return _read_vendor_device(word, at, text, findings)
    return read_pci_address(word, at, text, findings)


def read_pci_address(word: Word, at: int, text: str, findings: list[Finding]) -> PciAddress | None:
    """The function at the place ``text``; no function number means function 0."""
    match = re.fullmatch(_ADDRESS, text)
    if match is None or _is_linux_notation(text):
        _report_no_address(word, at, text, findings)
        return None
    bus = read_number(word, at, match[1], Notation.PLAIN, findings, _BUSES)
    device = read_number(word, at + match.start(2), match[2], Notation.PLAIN, findings, _DEVICES)
    function: int | None = 0
    if match[3]:
        function = read_number(
            word, at + match.start(3), match[3], Notation.PLAIN, findings, _FUNCTIONS
        )
    if bus is None or device is None or function is None:
        return None
    return PciAddress(0, bus, device, function)


def _is_linux_notation(text: str) -> bool:
    """Whether ``text`` can only be Linux's hexadecimal notation (``00:1f.3``)."""
    digits = text.replace(":", "").replace(".", "")
    return not digits.isdigit() and re.fullmatch(_LINUX_ADDRESS, text) is not None


def _report_no_address(word: Word, at: int, text: str, findings: list[Finding]) -> None:
    span = word.part(at, at + len(text))
    linux = re.fullmatch(_LINUX_ADDRESS, text)
    if linux is None or int(linux[1] or "0", 16):
        findings.append(bad_location(span, text, "is no bus:device[.function]"))
        return
    bus, device, function = int(linux[2], 16), int(linux[3], 16), linux[4]
    fix = f"{bus}:{device}" + (f".{function}" if function else "")
    findings.append(bad_location(span, text, "is hexadecimal; PCI numbers are decimal here", fix))


def _read_vendor_device(
    word: Word, at: int, text: str, findings: list[Finding]
) -> PciVendorDevice | None:
    vendor_text, device_text, *rest = text.split("/")
    if len(rest) > 1:
        span = word.part(at, at + len(text))
        findings.append(bad_location(span, text, "is no vendor/device[/index]"))
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
        findings.append(ambiguous_number(span, text, f"0d{text}", f"0x{text}"))
    return value
