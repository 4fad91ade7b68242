# SPDX-License-Identifier: Apache-2.0
"""PCI functions as QNX's ``pci-tool -v`` prints them.

No description of the output is public. This rests on outputs that people published: a line
``B000:D02:F00 @ idx 1`` for each function (decimal numbers; ``B000:F16`` for one of an ARI
device), below it ``vid/did: 8086/46d1`` and ``class/subclass/reg: 03/00/00`` (hexadecimal), each
followed by a line that says the same in words, and with more ``v`` ``hdrType: 0``, the standard
capabilities (``Capabilities list (2):`` and below it ``05 (MSI) --> 10 (PCIe)``) and an
address space list, ``[0] MEM, addr=f7800000, size=400000, align: …, attr: 64bit ENABLED``,
whose numbers are taken for those of the BARs.
"""

from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import Bar, BarKind, PciCapabilities, PciFunction
from passthru.board.pci_capabilities import MSI, MSIX
from passthru.lean import TYPE_CHECKING, Iterable

if TYPE_CHECKING:
    from re import Match

__all__ = ["read_functions"]

_FUNCTION = r"B(?P<bus>\d{1,3})(?::D(?P<device>\d{1,2}))?:F(?P<function>\d{1,3})(?:\s.*)?"
_IDS = r"vid/did:\s*(?P<vendor>[0-9a-f]{1,4})/(?P<product>[0-9a-f]{1,4})"
_CLASS = (
    r"class/subclass/reg:\s*(?P<base>[0-9a-f]{1,2})/(?P<sub>[0-9a-f]{1,2})/(?P<reg>[0-9a-f]{1,2})"
)
_HEADER_TYPE = r"hdrType:\s*(?P<header>[0-9a-f]{1,2})"
_BAR = (
    r"\[(?P<number>[0-5])\]\s+(?P<space>MEM|I/O),\s*addr=(?P<start>[0-9a-f]{1,16}),"
    r"\s*size=(?P<size>[0-9a-f]{1,16})\b(?P<rest>.*)"
)
_CAPABILITIES = r"Capabilities list \((?P<capabilities>\d{1,3})\):(?P<first>.*)"
_LINE = f"(?:{_FUNCTION}|{_IDS}|{_CLASS}|{_HEADER_TYPE}|{_CAPABILITIES}|{_BAR})"
_CAPABILITY = r"(?:-->)?\s*([0-9a-f]{2})\s*\([^()]*\)\s*(?:-->)?"
_TITLES = (
    *("Partition:", "Managing Server ID:", "Address Space list", "Interrupt list", "revid:"),
    *("cmd/status registers:", "ssvid:", "ssid:", "Device Dependent Registers"),
)


class _Found:
    """What is known of a function so far."""

    def __init__(self, address: PciAddress) -> None:
        self.address = address
        self.ids: tuple[int, int] | None = None
        self.class_code = 0
        self.header_type = 0
        self.bars: dict[int, Bar] = {}
        self.capabilities: list[int] | None = None


def read_functions(lines: Iterable[str]) -> tuple[tuple[PciFunction, ...], list[str]]:
    """The functions among the lines, sorted, and the lines that are something else.

    A function whose ids are not told is left out.
    """
    import re

    known, listed = re.compile(_LINE), re.compile(f"(?:{_CAPABILITY})+").fullmatch
    functions: dict[PciAddress, _Found] = {}
    current: _Found | None = None
    words_follow = False
    rest = []
    for line in lines:
        match = known.fullmatch(line.strip())
        if match is not None and match["bus"] is not None:
            address = _address(match)
            current = functions.setdefault(address, _Found(address)) if address else None
        elif match is not None and current is not None:
            _learn(current, match)
        elif current is not None and current.capabilities is not None and listed(line.strip()):
            current.capabilities.extend(_ids(line))
        elif not (words_follow and line[:1].isspace()) and not line.strip().startswith(_TITLES):
            rest.append(line)
        words_follow = match is not None and (match["vendor"] or match["base"]) is not None
    found = (_function(each) for each in functions.values())
    return tuple(sorted(each for each in found if each is not None)), rest


def _address(match: "Match[str]") -> PciAddress | None:
    bus, function = int(match["bus"]), int(match["function"])
    if match["device"] is None:  # ARI has no device numbers; its functions are 0 to 255
        device, function = function >> 3, function & 7
    else:
        device = int(match["device"])
    possible = bus <= 255 and device <= 31 and function <= 7
    return PciAddress(0, bus, device, function) if possible else None


def _learn(found: _Found, match: "Match[str]") -> None:
    if match["vendor"] is not None:
        found.ids = int(match["vendor"], 16), int(match["product"], 16)
    elif match["base"] is not None:
        base, sub, reg = (int(match[name], 16) for name in ("base", "sub", "reg"))
        found.class_code = base << 16 | sub << 8 | reg
    elif match["header"] is not None:
        found.header_type = int(match["header"], 16)
    elif match["capabilities"] is not None:
        found.capabilities = _ids(match["first"])
    else:
        bar = _bar(match)
        if bar is not None:
            found.bars[bar.number] = bar


def _ids(text: str) -> list[int]:
    import re

    return [int(number, 16) for number in re.findall(_CAPABILITY, text)]


def _capabilities(ids: list[int]) -> PciCapabilities:
    """Those of the list; it tells of no extended ones, and not how many vectors there are."""
    return PciCapabilities(
        standard=tuple(ids),
        extended=None,
        msi_vectors=None if MSI in ids else 0,
        msix_vectors=None if MSIX in ids else 0,
    )


def _bar(match: "Match[str]") -> Bar | None:
    number, start, size = int(match["number"]), int(match["start"], 16), int(match["size"], 16)
    if not size or size & (size - 1) or start + size > 1 << 64:
        return None
    attributes = match["rest"]
    if match["space"] == "I/O":
        kind = BarKind.PORTS
    else:
        kind = BarKind.MEMORY64 if "64bit" in attributes else BarKind.MEMORY32
    return Bar(number, kind, "PREFETCH" in attributes.upper(), AddressRange(start, size))


def _function(found: _Found) -> PciFunction | None:
    if found.ids is None:
        return None
    return PciFunction(
        address=found.address,
        vendor=found.ids[0],
        device=found.ids[1],
        class_code=found.class_code,
        header_type=found.header_type,
        interrupt_pin=0,
        bars=tuple(found.bars[number] for number in sorted(found.bars)),
        driver=None,
        iommu_group=None,
        reset_methods=(),
        capabilities=None if found.capabilities is None else _capabilities(found.capabilities),
    )
