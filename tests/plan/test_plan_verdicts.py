# SPDX-License-Identifier: Apache-2.0
import pytest

from arm_board import LINUX as ARM
from arm_board import TREE
from passthru.addresses import AddressRange, without
from passthru.board.model import Board, HostRegion
from passthru.language.access import ACCESS_LETTERS, parse_access
from passthru.plan.memory_types import is_ram_to_kvm
from passthru.plan.model import Enforcement
from passthru.plan.verdicts import access_verdicts

ENFORCED, TRAPPED = Enforcement.ENFORCED, Enforcement.TRAPPED
ADVISORY, REFUSED = Enforcement.ADVISORY, Enforcement.REFUSED


@pytest.mark.shows("access-r", "access-w", "access-x", "access-c", "access-e")
@pytest.mark.shows("access-m", "access-d", "access-n", "access-s", "access-t")
@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("rw", {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY}),
        ("rx", {"r": ENFORCED, "w": ENFORCED, "x": ENFORCED, "c": ADVISORY}),
        ("w", {"r": TRAPPED, "w": TRAPPED, "x": TRAPPED}),
        ("n", {"r": TRAPPED, "w": TRAPPED, "x": TRAPPED, "n": ADVISORY}),
        ("rwe", {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY, "e": REFUSED}),
        ("rwd", {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY, "d": REFUSED}),
        (
            "rwt",
            {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY, "s": ADVISORY}
            | {"t": ENFORCED},
        ),
        (
            "m",
            dict.fromkeys("rwxmst", ENFORCED) | {"c": ADVISORY, "n": ADVISORY},
        ),
    ],
)
def test_verdicts(letters: str, expected: dict[str, Enforcement]) -> None:
    access = parse_access(letters).access
    found = access_verdicts(access, host_is_ram=True, externally_managed=False)
    assert {v.letter: v.enforcement for v in found} == expected
    assert all(v.explanation for v in found)


@pytest.mark.shows("access-d-unmanaged", "dma-external-trust")
@pytest.mark.parametrize("architecture", ["x86_64", "aarch64"])
def test_dma_is_not_refused_when_managed_elsewhere(architecture: str) -> None:
    found = access_verdicts(
        parse_access("rwd").access,
        host_is_ram=None,
        externally_managed=True,
        architecture=architecture,
    )
    assert {v.letter: v.enforcement for v in found}["d"] is ADVISORY


@pytest.mark.parametrize("letter", ACCESS_LETTERS)
def test_every_letter_that_is_given_has_a_verdict(letter: str) -> None:
    access = parse_access("r" + letter).access
    found = access_verdicts(access, host_is_ram=False, externally_managed=False)
    assert letter in {v.letter for v in found}


@pytest.mark.shows("access-c")
@pytest.mark.parametrize(
    ("host_is_ram", "explanation"),
    [
        (True, "withheld: KVM maps host RAM cached"),
        (False, "withheld: KVM maps what is not RAM uncached"),
        (None, "withheld: KVM decides by the host's memory map"),
    ],
)
def test_caching_follows_the_kind_of_host_memory(
    host_is_ram: bool | None, explanation: str
) -> None:
    found = access_verdicts(
        parse_access("rw").access, host_is_ram=host_is_ram, externally_managed=False
    )
    assert [v.explanation for v in found if v.letter == "c"] == [explanation]


@pytest.mark.shows("access-x", "access-c", "access-d", "access-n")
@pytest.mark.parametrize(
    ("letters", "host_is_ram", "expected"),
    [
        ("rw", True, {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY}),
        ("rw", None, {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY}),
        ("rw", False, {"r": ENFORCED, "w": ENFORCED, "x": ENFORCED, "c": ADVISORY}),
        ("rx", True, {"r": ENFORCED, "w": ENFORCED, "x": ENFORCED, "c": ADVISORY}),
        ("rx", False, {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY}),
        ("w", False, {"r": TRAPPED, "w": TRAPPED, "x": TRAPPED}),
        ("n", False, {"r": TRAPPED, "w": TRAPPED, "x": TRAPPED, "n": ADVISORY}),
        ("we", False, {"r": TRAPPED, "w": TRAPPED, "x": TRAPPED, "e": ENFORCED}),
        ("rd", True, {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY, "d": REFUSED}),
        (
            "rwt",
            True,
            {"r": ENFORCED, "w": ENFORCED, "x": ADVISORY, "c": ADVISORY, "s": ADVISORY}
            | {"t": ENFORCED},
        ),
        ("m", True, dict.fromkeys("rwxmst", ENFORCED) | {"c": ADVISORY, "n": ADVISORY}),
    ],
)
def test_verdicts_on_arm64(
    letters: str, host_is_ram: bool | None, expected: dict[str, Enforcement]
) -> None:
    found = access_verdicts(
        parse_access(letters).access,
        host_is_ram=host_is_ram,
        externally_managed=False,
        architecture="aarch64",
    )
    assert {v.letter: v.enforcement for v in found} == expected
    assert all(v.explanation for v in found)


def test_what_is_no_ram_of_an_arm64_host_s_kernel_is_device_memory() -> None:
    def cache(host_is_ram: bool | None) -> str:
        found = access_verdicts(
            parse_access("rwc").access,
            host_is_ram=host_is_ram,
            externally_managed=False,
            architecture="aarch64",
        )
        return next(v.explanation for v in found if v.letter == "c")

    assert "normal memory, cached" in cache(True)
    assert "Device-nGnRE" in cache(False)
    assert "the host's memory map" in cache(None)


NO_MAP = AddressRange(0x70000000, 0x100000)
IN_RAM = AddressRange(0x48000000, 0x100000)
RAM = AddressRange(0x40000000, 0x30000000)
LINUX = ARM._replace(
    memory=(HostRegion(RAM, "System RAM"), HostRegion(NO_MAP, "reserved")),
    allocated=tuple(without(RAM, [IN_RAM])),
    reserved=(HostRegion(IN_RAM, "log@48000000"), HostRegion(NO_MAP, "guest@70000000")),
)
"""A host whose device tree reserves one area with ``no-map`` and one without."""


@pytest.mark.shows("access-c")
@pytest.mark.parametrize(
    ("place", "board", "expected"),
    [
        (0x50000000, LINUX, True),
        (0x48000000, LINUX, True),
        (0x70000000, LINUX, False),
        (0x70100000, LINUX, False),
        (0x9010000, LINUX, False),
        (0x9010000, LINUX._replace(memory=()), None),
        # KVM on x86-64 goes by what the firmware called RAM.
        (0x70000000, LINUX._replace(architecture="x86_64"), True),
        (0x9010000, LINUX._replace(architecture="x86_64"), False),
        # A device tree's own map does not tell which areas have `no-map`.
        (0x70000000, TREE, None),
        (0x50000000, TREE, True),
        (0x9010000, TREE, False),
    ],
)
def test_what_kvm_takes_host_memory_for(place: int, board: Board, expected: bool | None) -> None:
    assert is_ram_to_kvm(AddressRange(place, 0x1000), board) is expected
