# SPDX-License-Identifier: Apache-2.0
"""Passed memory that a slot alone cannot answer."""

import ctypes

import pytest

from passthru.addresses import AddressRange
from passthru.diagnostics.source import Source, Span
from passthru.host.kernel import Mapping
from passthru.plan.model import GuestRegion, RegionKind
from passthru.vmm.passed_memory import ReadOnlyMemory, UnreadableMemory

REGION = GuestRegion(
    AddressRange(0x100000, 0x1000),
    RegionKind.PASSED,
    "pass mem:0x100000",
    Span(Source("guest.qvmconf", "\npass loc 0x100000,0x1000,rn"), 1, 27),
)


@pytest.mark.shows("access-w", "example-initrd-access")
def test_a_write_to_read_only_memory_is_refused_and_told_once():
    told: list[str] = []
    memory = ReadOnlyMemory(REGION, told.append)
    memory.write(0x10, 4, 1)
    memory.write(0x20, 4, 2)
    assert told == [
        "guest.qvmconf:2: the guest writes to pass mem:0x100000, which has no 'w': refused at "
        "0x100010 (told once)"
    ]


@pytest.mark.shows("access-r")
def test_memory_without_r_takes_writes_to_the_byte_and_gives_nothing():
    backing = ctypes.create_string_buffer(b"\0" * 0x1000, 0x1000)
    memory = UnreadableMemory(Mapping(ctypes.addressof(backing), 0x1000), 0x400)
    memory.write(8, 2, 0x12345)
    assert backing.raw[0x400:0x410] == bytes.fromhex("00000000000000004523000000000000")
    assert memory.read(8, 2) == -1


class _Stores:
    """A mapping that tells its stores."""

    def __init__(self):
        self.stores = []

    def store(self, offset, size, value):
        self.stores.append((offset, size, value & ((1 << 8 * size) - 1)))


@pytest.mark.parametrize(
    ("offset", "size", "stores"),
    [
        (4, 4, [(0x404, 4, 0x44332211)]),
        (8, 8, [(0x408, 8, 0x8877665544332211)]),
        (1, 2, [(0x401, 1, 0x11), (0x402, 1, 0x22)]),
        (4, 8, [(0x404 + n, 1, 0x11 * (n + 1)) for n in range(8)]),
    ],
)
def test_no_store_to_trapped_memory_is_unaligned(offset, size, stores):
    mapping = _Stores()
    UnreadableMemory(mapping, 0x400).write(offset, size, 0x8877665544332211)
    assert mapping.stores == stores


@pytest.mark.shows("access-r", "access-w")
def test_memory_without_r_and_w_takes_nothing():
    memory = UnreadableMemory(None)
    memory.write(0, 4, 1)
    assert memory.read(0, 4) == -1
