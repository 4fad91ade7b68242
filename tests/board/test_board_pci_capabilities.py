# SPDX-License-Identifier: Apache-2.0
"""Capability lists of configuration spaces that are made here, whole and damaged."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import PciAddress
from passthru.board.capture import capture_board
from passthru.board.host_files import HostFiles
from passthru.board.model import PciCapabilities
from passthru.board.pci_capabilities import read_capabilities
from recorded_hosts import X86_64, write_host
from sample_board import NVME

CONFIG = f"sys/bus/pci/devices/{NVME.address.sysfs_name}/config"
HAS_LIST = {0x06: 0x10}


def space(values: dict[int, int], size: int = 4096) -> bytes:
    made = bytearray(size)
    made[:2] = b"\x86\x80"
    for offset, value in values.items():
        made[offset] = value
    return bytes(made)


def standard(*entries: tuple[int, int]) -> dict[int, int]:
    """A list of capabilities: their places and ids."""
    values = HAS_LIST | {0x34: entries[0][0]}
    following = [*(place for place, _ in entries[1:]), 0]
    for (place, capability), after in zip(entries, following, strict=True):
        values |= {place: capability, place + 1: after}
    return values


def extended(*entries: tuple[int, int]) -> dict[int, int]:
    values = {}
    following = [*(place for place, _ in entries[1:]), 0]
    for (place, capability), after in zip(entries, following, strict=True):
        header = capability | 1 << 16 | after << 20
        values |= {place + byte: header >> 8 * byte & 0xFF for byte in range(4)}
    return values


def read(data: bytes, root: Path) -> PciCapabilities | None:
    return read_capabilities(NVME, HostFiles(write_host(root, {CONFIG: data})))


EXPRESS = standard((0x40, 0x01), (0x50, 0x10))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # A function without a list, whatever its pointer says.
        ({0x34: 0x40, 0x40: 0x05}, PciCapabilities((), (), 0, 0)),
        (standard((0x40, 0x01)), PciCapabilities((0x01,), (), 0, 0)),
        # The two lowest bits of a pointer are reserved.
        (standard((0x40, 0x01)) | {0x34: 0x43}, PciCapabilities((0x01,), (), 0, 0)),
        (standard((0x80, 0x09), (0x40, 0x09)), PciCapabilities((0x09, 0x09), (), 0, 0)),
        (standard((0x40, 0x05)) | {0x42: 0x00}, PciCapabilities((0x05,), (), 1, 0)),
        (standard((0x40, 0x05)) | {0x42: 0x87}, PciCapabilities((0x05,), (), 8, 0)),
        # Six and seven are reserved.
        (standard((0x40, 0x05)) | {0x42: 0x0E}, PciCapabilities((0x05,), (), 32, 0)),
        (standard((0x40, 0x11)) | {0x42: 0x00}, PciCapabilities((0x11,), (), 0, 1)),
        # The upper bits are switches.
        (standard((0x40, 0x11)) | {0x42: 0xFF, 0x43: 0xC7}, PciCapabilities((0x11,), (), 0, 2048)),
        (standard((0x40, 0x11)) | {0x42: 0x40, 0x43: 0x80}, PciCapabilities((0x11,), (), 0, 65)),
        (
            EXPRESS | extended((0x100, 0x01), (0x1C0, 0x10), (0x148, 0x0D)),
            PciCapabilities((0x01, 0x10), (0x01, 0x10, 0x0D), 0, 0),
        ),
        (EXPRESS, PciCapabilities((0x01, 0x10), (), 0, 0)),
        (EXPRESS | dict.fromkeys(range(0x100, 0x104), 0xFF), PciCapabilities((1, 16), (), 0, 0)),
        # Only PCI Express has the space for extended ones.
        (standard((0x40, 0x01)) | extended((0x100, 0x10)), PciCapabilities((0x01,), (), 0, 0)),
        # Rings end where they close.
        (standard((0x40, 0x01), (0x50, 0x05)) | {0x51: 0x40}, PciCapabilities((1, 5), (), 1, 0)),
        (EXPRESS | extended((0x100, 1), (0x100, 1)), PciCapabilities((1, 16), (1,), 0, 0)),
        # Into the header points nothing.
        (standard((0x40, 0x01)) | {0x41: 0x3C}, PciCapabilities((0x01,), (), 0, 0)),
    ],
)
def test_capabilities(
    values: dict[int, int], expected: PciCapabilities | None, tmp_path: Path
) -> None:
    assert read(space(values), tmp_path) == expected


@pytest.mark.parametrize(
    "data",
    [
        space(EXPRESS)[:64],  # what others than root can read
        b"\xff" * 4096,  # a device that is switched off
        space(HAS_LIST),
        b"",  # a file that may not be read
    ],
)
def test_a_list_that_cannot_be_seen_is_unknown(data: bytes, tmp_path: Path) -> None:
    assert read(data, tmp_path) is None


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    assert read_capabilities(NVME, HostFiles(str(tmp_path))) is None


@given(st.binary(min_size=64, max_size=512), st.booleans())
def test_any_bytes_give_capabilities_within_their_limits(data: bytes, listed: bool) -> None:
    data = b"\x86" + data[1:6] + bytes([data[6] | 0x10 if listed else data[6]]) + data[7:]
    with TemporaryDirectory() as folder:
        found = read(data, Path(folder))
    assert found is None or (found.msi_vectors in (0, 1, 2, 4, 8, 16, 32))
    assert found is None or (found.msix_vectors is not None and found.msix_vectors <= 2048)


def test_an_unprivileged_capture_says_which_lists_it_did_not_see(tmp_path: Path) -> None:
    folder = "sys/bus/pci/devices/0000:00:{}/config"
    closed = {folder.format(name): space(EXPRESS)[:64] for name in ("05.0", "1f.2")}
    board = capture_board(HostFiles(write_host(tmp_path, X86_64 | closed)))
    assert (
        "capabilities of 0000:00:05.0, 0000:00:1f.2: all but the first 64 bytes of PCI "
        "configuration space are for root only"
    ) in board.unseen
    bridge = board.pci_function(PciAddress(0, 0, 31, 0))
    assert bridge is not None
    assert bridge.capabilities == PciCapabilities((), (), 0, 0)
