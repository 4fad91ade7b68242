# SPDX-License-Identifier: Apache-2.0
"""Sets of VMs at random: every conflict once, in whatever order the files are given."""

from itertools import combinations
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from passthru.diagnostics.finding import Finding
from passthru.language.model import PciLocation
from passthru.plan.host_functions import choose_function
from passthru.rules.shared_functions import chosen_functions
from passthru.rules.shared_parties import host_claims
from sample_board import BOARD
from several_vms import findings_together, vms_of

PAGE = 0x1000


class Want(NamedTuple):
    """What one pass wants: a page, a vector, ports or a function, each by its number."""

    kind: str
    number: int

    @property
    def text(self) -> str:
        match self.kind:
            case "memory":
                return f"pass loc mem:{0x10000000 + PAGE * self.number:#x},0x1000,rwn"
            case "interrupt":
                return f"pass intr gic:{32 + self.number}={100 + self.number}"
            case "ports":
                return f"pass loc io:{0x400 + 8 * self.number:#x},8"
            case _:
                return f"pass loc pci:0:{1 + self.number}.0"


IDS = {
    "memory": "host-memory-claimed-twice",
    "interrupt": "host-interrupt-claimed-twice",
    "ports": "host-port-claimed-twice",
    "function": "dma-device-shared",
}
WANTS = st.builds(Want, st.sampled_from(sorted(IDS)), st.integers(0, 9))
SETS = st.lists(st.frozensets(WANTS, max_size=8), min_size=2, max_size=6)


def text_of(number: int, wants: frozenset[Want]) -> str:
    return "\n".join([f"system vm{number}", *(want.text for want in sorted(wants))])


def expected(vms: list[frozenset[Want]]) -> list[tuple[str, str]]:
    """For each VM and thing that a VM before it has: the VM's name and the finding's id."""
    found, seen = [], set()
    for number, wants in enumerate(vms):
        found.extend((f"vm{number}", IDS[want.kind]) for want in wants & seen)
        seen |= wants
    return sorted(found)


def told(findings: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return sorted((finding.vm or "", finding.id) for finding in findings)


@given(SETS)
def test_each_thing_that_is_wanted_again_is_told_once(vms: list[frozenset[Want]]) -> None:
    found = findings_together(*(text_of(number, wants) for number, wants in enumerate(vms)))
    assert told(found) == expected(vms)
    for finding in found:
        assert finding.span is not None
        for place in finding.others:
            assert place.span is not None
            assert place.vm != finding.vm
            assert place.span.file < finding.span.file


@given(st.lists(st.lists(WANTS, max_size=8), min_size=2, max_size=6))
def test_sets_without_a_conflict_have_no_finding(vms: list[list[Want]]) -> None:
    seen: set[Want] = set()
    clean = []
    for wants in vms:
        clean.append(frozenset(wants) - seen)
        seen.update(wants)
    assert findings_together(*(text_of(number, each) for number, each in enumerate(clean))) == ()


@given(SETS, st.randoms())
def test_another_order_of_the_files_finds_the_same_pairs(vms, random) -> None:
    texts = [text_of(number, wants) for number, wants in enumerate(vms)]
    shuffled = list(texts)
    random.shuffle(shuffled)
    # Only of two files the pair is the same; of more the first one is named by all others.
    for one, other in combinations(range(len(texts)), 2):
        forth = findings_together(texts[one], texts[other])
        back = findings_together(texts[other], texts[one])
        assert sorted(each.id for each in forth) == sorted(each.id for each in back)
    count = len(findings_together(*texts))
    assert len(findings_together(*shuffled)) == count


SELECTORS = st.one_of(
    st.builds("pci:{}:{}.{}".format, st.integers(0, 1), st.integers(0, 31), st.integers(0, 2)),
    st.builds(
        "pci:{:#06x}/{:#06x}{}".format,
        st.sampled_from([f.vendor for f in BOARD.pci]),
        st.sampled_from([f.device for f in BOARD.pci]),
        st.sampled_from(["", "/0", "/1", "/2"]),
    ),
)


@given(st.lists(SELECTORS, max_size=6))
def test_functions_are_chosen_as_the_plan_chooses_them(selectors: list[str]) -> None:
    vms = vms_of(" ".join(f"pass loc {each}" for each in selectors))
    claims = host_claims(vms)
    chosen = {each.party.span: each.party.function for each in chosen_functions(vms, claims, BOARD)}
    for _, location in claims.functions:
        assert isinstance(location, PciLocation)
        planned = choose_function(location, BOARD)
        assert chosen.get(location.span) == (None if isinstance(planned, Finding) else planned)
