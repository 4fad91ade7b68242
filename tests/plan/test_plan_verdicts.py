# SPDX-License-Identifier: Apache-2.0
import pytest

from passthru.language.access import ACCESS_LETTERS, parse_access
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
def test_dma_is_not_refused_when_managed_elsewhere() -> None:
    found = access_verdicts(parse_access("rwd").access, host_is_ram=None, externally_managed=True)
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
