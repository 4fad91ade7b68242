# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.vmm.kvm import CpuidEntry
from passthru.vmm.x86_64.cpuid import guest_cpuid

U32 = 0xFFFFFFFF
INTEL = (0x756E6547, 0x6C65746E, 0x49656E69)
AMD = (0x68747541, 0x444D4163, 0x69746E65)


def offer(vendor=INTEL, *, max_leaf=0x1F):
    """Every bit set in the leaves that matter, as a KVM that offers all of it would."""
    leaves = [CpuidEntry(0, 0, 0, max_leaf, *vendor)]
    plain = (1, 5, 6, 0xA, 0x80000001, 0x80000007, 0x80000008, 0x8000000A, 0x8000001E)
    leaves += [CpuidEntry(leaf, 0, 0, U32, U32, U32, U32) for leaf in plain]
    leaves += [CpuidEntry(leaf, 0, 1, U32, U32, U32, U32) for leaf in (7, 0xB, 0x1F, 0x14)]
    for leaf in (4, 0x8000001D):
        # L1 data, L1 code, L2, L3, and the end
        levels = (0x21, 0x22, 0x43, 0x63, 0)
        leaves += [
            CpuidEntry(leaf, n, 1, eax | (0xFFFFC000 if eax else 0), 1, 2, 3)
            for n, eax in enumerate(levels)
        ]
    leaves.append(CpuidEntry(0x40000000, 0, 0, 0x40000001, 0x4B4D564B, 0x564B4D56, 0x4D))
    leaves.append(CpuidEntry(0x40000001, 0, 0, 0x1007EFB, 0, 0, 0))
    return leaves


def leaf(entries, function, subleaf=0):
    found = [e for e in entries if (e.function, e.subleaf) == (function, subleaf)]
    assert len(found) == 1
    return found[0]


def bit(value, number):
    return value >> number & 1


def test_processor_knows_its_id():
    entries = guest_cpuid(offer(), 5, 6)
    assert leaf(entries, 1).ebx >> 24 == 5
    assert leaf(entries, 1).ebx >> 16 & 0xFF == 8
    assert [leaf(entries, 0xB, n).edx for n in (0, 1)] == [5, 5]


def test_topology_is_one_package_of_cores():
    entries = guest_cpuid(offer(), 0, 6)
    thread, core, end = (leaf(entries, 0xB, n) for n in range(3))
    assert (thread.eax, thread.ebx, thread.ecx) == (0, 1, 0x100)
    assert (core.eax, core.ebx, core.ecx) == (3, 6, 0x201)
    assert (end.eax, end.ebx, end.ecx >> 8) == (0, 0, 0)


@pytest.mark.parametrize("function", [4, 0x8000001D])
def test_last_cache_is_shared_by_all(function):
    entries = guest_cpuid(offer(AMD), 1, 6)
    sharing = [leaf(entries, function, n).eax >> 14 & 0xFFF for n in range(5)]
    assert sharing == [0, 0, 0, 7, 0]


def test_cores_in_leaf_4():
    assert leaf(guest_cpuid(offer(), 0, 6), 4).eax >> 26 == 7
    assert leaf(guest_cpuid(offer(), 0, 200), 4).eax >> 26 == 63


def test_amd_core_count():
    entries = guest_cpuid(offer(AMD), 5, 6)
    assert leaf(entries, 0x80000008).ecx == 3 << 12 | 5
    assert leaf(entries, 0x8000001E)[3:] == (5, 5, 0, 0)
    assert leaf(entries, 1).ebx >> 16 & 0xFF == 6
    assert bit(leaf(entries, 0x80000001).ecx, 1)


def test_intel_has_no_amd_fields():
    entries = guest_cpuid(offer(INTEL), 5, 6)
    assert leaf(entries, 0x80000008).ecx == 0
    assert not bit(leaf(entries, 0x80000001).ecx, 1)


@pytest.mark.parametrize(("count", "expected"), [(1, 0), (2, 1)])
def test_htt_says_whether_there_are_several(count, expected):
    assert bit(leaf(guest_cpuid(offer(), 0, count), 1).edx, 28) == expected


@pytest.mark.parametrize(("name", "number"), [("x2apic", 21), ("deadline", 24), ("hypervisor", 31)])
def test_set_even_if_not_offered(name, number):
    entries = guest_cpuid([CpuidEntry(1, 0, 0, 0, 0, 0, 0)], 0, 1)
    assert bit(leaf(entries, 1).ecx, number), name


HIDDEN = [
    ("MONITOR", 1, "ecx", 3),
    ("VMX", 1, "ecx", 5),
    ("PDCM", 1, "ecx", 15),
    ("OSXSAVE", 1, "ecx", 27),
    ("DS", 1, "edx", 21),
    ("APERF", 6, "ecx", 0),
    ("SGX", 7, "ebx", 2),
    ("PT", 7, "ebx", 25),
    ("SVM", 0x80000001, "ecx", 2),
    ("PERFCTR", 0x80000001, "ecx", 23),
    ("MONITORX", 0x80000001, "ecx", 29),
]


@pytest.mark.parametrize(("name", "function", "register", "number"), HIDDEN)
def test_hidden(name, function, register, number):
    entries = guest_cpuid(offer(), 0, 2)
    assert not bit(getattr(leaf(entries, function), register), number), name


@pytest.mark.parametrize("function", [5, 0xA, 0x14, 0x1F, 0x8000000A])
def test_dropped_leaves(function):
    assert function not in {entry.function for entry in guest_cpuid(offer(), 0, 2)}


def test_the_rest_stays():
    entries = guest_cpuid(offer(), 0, 2)
    assert leaf(entries, 6).eax == 4
    assert leaf(entries, 0x80000007).edx == 1 << 8
    assert bit(leaf(entries, 7).ebx, 5), "AVX2"
    for function in (0, 0x40000000, 0x40000001):
        assert leaf(entries, function) == leaf(offer(), function)


def test_no_topology_leaf_beyond_the_last():
    entries = guest_cpuid(offer(AMD, max_leaf=0x7), 0, 2)
    assert 0xB not in {entry.function for entry in entries}


def test_no_such_vcpu():
    with pytest.raises(ValueError, match="vCPU 2"):
        guest_cpuid(offer(), 2, 2)


REGISTER = st.integers(0, U32)
FUNCTIONS = st.one_of(
    st.integers(0, 0x24), st.integers(0x80000000, 0x80000027), st.integers(0x40000000, 0x40000001)
)
OFFERS = st.lists(
    st.builds(
        CpuidEntry,
        FUNCTIONS,
        st.integers(0, 4),
        st.just(1),
        REGISTER,
        REGISTER,
        REGISTER,
        REGISTER,
    ),
    unique_by=lambda entry: entry[:2],
    max_size=30,
)


@given(OFFERS, st.integers(1, 400), st.data())
def test_any_offer(supported, count, data):
    vcpu = data.draw(st.integers(0, count - 1))
    entries = guest_cpuid(supported, vcpu, count)
    assert len({entry[:2] for entry in entries}) == len(entries)
    assert all(0 <= value <= U32 for entry in entries for value in entry)
    # Doing it again changes nothing, so nothing depends on what the host's own ids were.
    again = guest_cpuid(entries, vcpu, count)
    assert sorted(again) == sorted(entries)
