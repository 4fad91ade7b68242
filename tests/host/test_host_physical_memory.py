# SPDX-License-Identifier: Apache-2.0
"""Reading and writing memory of the host that its kernel may not know as RAM."""

import ctypes

import pytest

from fake_kernel import FakeKernel
from passthru.addresses import AddressRange
from passthru.host.errors import HostInfrastructureRefused, PhysicalMemoryRefused
from passthru.host.kernel import Mapping
from passthru.host.physical_memory import map_physical_memory, read_physical_memory
from sample_board import BOARD

START = 0x70000000
CONTENT = bytes(number * 7 % 251 for number in range((1 << 21) + 8192))


class HostMemory(FakeKernel):
    def map(self, file: int, size: int, offset: int, *, writable: bool) -> Mapping:
        mapping = super().map(file, size, offset, writable=writable)
        assert (offset % 4096, size % 4096, writable) == (0, 0, False)
        at = offset - START
        ctypes.memmove(mapping.address, CONTENT[at : at + size].ljust(size, b"\0"), size)
        return mapping


@pytest.mark.parametrize("start", [0, 1, 7, 8, 4095, 4096])
@pytest.mark.parametrize("size", [1, 8, 15, 4096, 4097, 1 << 20, (1 << 20) + 1, 1 << 21])
def test_a_copy_is_true_wherever_it_begins_and_ends(start: int, size: int) -> None:
    kernel = HostMemory()
    found = read_physical_memory(kernel, BOARD, AddressRange(START + start, size))
    assert found == CONTENT[start : start + size]
    assert (kernel.files, kernel.mappings) == ({}, {})


@pytest.mark.parametrize("step", [0, 1])
def test_a_refusal_leaves_nothing_behind(step: int) -> None:
    kernel = FakeKernel(fail_at=step)
    with pytest.raises(PhysicalMemoryRefused):
        read_physical_memory(kernel, BOARD, AddressRange(START, 1))
    assert (kernel.files, kernel.mappings) == ({}, {})


@pytest.mark.parametrize("place", [(0xFEC00000, 0x1000), (0xFEDFF000, 0x2000), (0xFEC00FF0, 1)])
@pytest.mark.parametrize("writable", [False, True])
def test_what_the_host_needs_is_not_even_opened(place: tuple[int, int], writable: bool) -> None:
    kernel = FakeKernel()
    with pytest.raises(HostInfrastructureRefused, match="never passed") as refused:
        map_physical_memory(kernel, BOARD, AddressRange(*place), writable=writable)
    assert refused.value.exit_status == 65
    assert kernel.steps == []


def test_the_page_beside_it_is() -> None:
    kernel = FakeKernel()
    map_physical_memory(kernel, BOARD, AddressRange(0xFEC01000, 0x1000), writable=True)
    assert kernel.steps[0] == "open /dev/mem"


class Words(Mapping):
    """A mapping that tells its single stores; the words between them go past it."""

    __slots__ = ("memory", "stores")

    def __init__(self, size: int) -> None:
        self.memory = ctypes.create_string_buffer(size)
        self.stores: list[tuple[int, int]] = []
        super().__init__(ctypes.addressof(self.memory), size)

    def store(self, offset: int, size: int, value: int) -> None:
        self.stores.append((offset, size))
        super().store(offset, size, value)


@pytest.mark.parametrize("start", range(9))
@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 15, 16, 17, 4096 - 9])
def test_words_are_stored_wherever_the_data_begin_and_end(start: int, size: int) -> None:
    mapping = Words(4096)
    for data in (CONTENT[:size], memoryview(CONTENT)[3 : 3 + size]):
        mapping.stores.clear()
        mapping.store_words(start, data)
        assert mapping.memory.raw == (bytes(start) + bytes(data)).ljust(4096, b"\0")
        in_words = [n for n in range(0, 4096, 8) if start <= n and n + 8 <= start + size]
        alone = [n for n in range(start, start + size) if n // 8 * 8 not in in_words]
        assert mapping.stores == [(n, 1) for n in alone]


def test_words_outside_the_mapping_are_refused() -> None:
    with pytest.raises(IndexError):
        Words(4096).store_words(4090, bytes(7))
