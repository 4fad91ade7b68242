# SPDX-License-Identifier: Apache-2.0
"""What the CPUID instruction tells a vCPU: KVM's offer, made true for this machine.

The machine is one package of single-threaded cores, APIC id = vCPU number. Leaves and bits
are those of the Intel SDM (volume 2, CPUID) and the AMD APM (volume 3, appendix E).
"""

from passthru.lean import Iterable, NamedTuple
from passthru.vmm.kvm import CpuidEntry

__all__ = ["guest_cpuid"]

_SIGNIFICANT_INDEX = 1  # KVM_CPUID_FLAG_SIGNIFCANT_INDEX
_U32 = 0xFFFFFFFF

# Nothing here can honour them, or we say it ourselves; an absent leaf reads as zeros.
_DROPPED_LEAVES = {
    0x5: "MONITOR and MWAIT would have to exit; HLT is the way to wait",
    0xA: "performance counters belong to the host",
    0xB: "topology: made anew for this machine",
    0xF: "cache monitoring: resources of the host",
    0x10: "cache allocation: resources of the host",
    0x12: "SGX needs memory that only a driver of its own can give",
    0x14: "processor trace: not virtualized",
    0x1B: "PCONFIG: keys of the host",
    0x1F: "topology: leaf 0xb says it",
    0x23: "performance counters belong to the host",
    0x8000000A: "SVM is not for guests",
    0x8000001B: "instruction sampling belongs to the host",
    0x8000001C: "lightweight profiling: not virtualized",
    0x8000001F: "memory encryption: keys of the host",
    0x80000020: "bandwidth enforcement: resources of the host",
    0x80000022: "performance counters belong to the host",
    0x80000026: "topology: leaf 0xb says it",
}


# By leaf and subleaf: a register, the bits of it that are taken away, and those that are set.
_MASKS = {
    (0x1, 0): (
        ("ecx", 0, 1 << 21),  # x2APIC, which KVM's local APIC has
        ("ecx", 1 << 3, 0),  # MONITOR: see leaf 5
        ("ecx", 1 << 2 | 1 << 4 | 1 << 15, 0),  # debug store, its filter, counters: the host's
        ("ecx", 1 << 5 | 1 << 6, 0),  # VMX and SMX: no guests in guests
        # power, thermal, debug: the host's
        ("ecx", 1 << 7 | 1 << 8 | 1 << 10 | 1 << 11 | 1 << 14 | 1 << 18, 0),
        ("ecx", 0, 1 << 24),  # TSC deadline timer; KVM leaves this bit to us
        ("ecx", 1 << 27, 0),  # OSXSAVE mirrors CR4, and KVM keeps it
        ("ecx", 0, 1 << 31),  # a hypervisor is present
        # serial number, DS, thermal: the host's
        ("edx", 1 << 18 | 1 << 21 | 1 << 22 | 1 << 29 | 1 << 30 | 1 << 31, 0),
    ),
    (0x6, 0): (
        ("eax", _U32 & ~(1 << 2), 0),  # power: only ARAT, the timer that never stops
        ("ebx", _U32, 0),  # power: no thresholds
        ("ecx", _U32, 0),  # power: no APERF and MPERF, no bias
        ("edx", _U32, 0),  # power: no hardware feedback
    ),
    (0x7, 0): (
        # SGX, cache monitoring and allocation, trace
        ("ebx", 1 << 2 | 1 << 12 | 1 << 15 | 1 << 25, 0),
        ("ecx", 1 << 13 | 1 << 30, 0),  # memory encryption, SGX launch control
        ("edx", 1 << 18 | 1 << 19, 0),  # PCONFIG, branch records
    ),
    (0x80000001, 0): (
        ("ecx", 1 << 2 | 1 << 3 | 1 << 12, 0),  # SVM, extended APIC space, SKINIT
        ("ecx", 1 << 10 | 1 << 13 | 1 << 15 | 1 << 19, 0),  # IBS, watchdog, profiling, node id
        # performance counters: the host's
        ("ecx", 1 << 23 | 1 << 24 | 1 << 27 | 1 << 28, 0),
        ("ecx", 1 << 29, 0),  # MONITORX: see leaf 5
    ),
    (0x80000007, 0): (
        ("eax", _U32, 0),  # power: none
        ("ebx", _U32, 0),  # machine check recovery: the host's
        ("ecx", _U32, 0),  # power: none
        ("edx", _U32 & ~(1 << 8), 0),  # power: only the invariant TSC
    ),
}

_AMD_VENDORS = (b"AuthenticAMD", b"HygonGenuine")
_LEVEL_THREAD, _LEVEL_CORE = 1, 2
_LAST_PRIVATE_CACHE = 2


class _Topology(NamedTuple):
    """One vCPU among ``cores``; APIC ids of the package take ``id_bits`` bits."""

    vcpu: int
    cores: int
    amd: bool

    @property
    def id_bits(self) -> int:
        return (self.cores - 1).bit_length()


def guest_cpuid(supported: Iterable[CpuidEntry], vcpu: int, count: int) -> tuple[CpuidEntry, ...]:
    """The entries for KVM_SET_CPUID2 of vCPU number ``vcpu`` of ``count``.

    ``supported`` is what KVM_GET_SUPPORTED_CPUID gave. KVM's own leaves (0x40000000 on)
    stay. Raises ValueError unless 0 <= vcpu < count.
    """
    if not 0 <= vcpu < count:
        raise ValueError(f"there is no vCPU {vcpu} among {count}")
    offered = [entry for entry in supported if entry.function not in _DROPPED_LEAVES]
    basic = next((entry for entry in offered if entry.function == 0), None)
    topology = _Topology(vcpu, count, basic is not None and _vendor(basic) in _AMD_VENDORS)
    entries = [_with_topology(_masked(entry), topology) for entry in offered]
    if basic is not None and basic.eax >= 0xB:
        entries += _topology_leaf(topology)
    return tuple(entries)


def _vendor(basic: CpuidEntry) -> bytes:
    return b"".join(part.to_bytes(4, "little") for part in (basic.ebx, basic.edx, basic.ecx))


def _masked(entry: CpuidEntry) -> CpuidEntry:
    for register, clear, set_ in _MASKS.get((entry.function, entry.subleaf), ()):
        value: int = getattr(entry, register)
        entry = entry._replace(**{register: value & ~clear | set_})
    return entry


def _field(value: int, low: int, width: int, field: int) -> int:
    """``value`` with the bits from ``low`` on replaced; a field that is too large saturates."""
    limit = (1 << width) - 1
    return value & ~(limit << low) & _U32 | min(field, limit) << low


def _with_topology(entry: CpuidEntry, topology: _Topology) -> CpuidEntry:
    change = _TOPOLOGY_LEAVES.get(entry.function)
    return entry if change is None else change(entry, topology)


def _features(entry: CpuidEntry, topology: _Topology) -> CpuidEntry:
    """Leaf 1: initial APIC id, logical processors, and whether there is more than one.

    Intel counts the ids that the package keeps for them, AMD those that are there.
    """
    ebx = _field(entry.ebx, 24, 8, topology.vcpu & 0xFF)
    ebx = _field(ebx, 16, 8, topology.cores if topology.amd else 1 << topology.id_bits)
    return entry._replace(ebx=ebx, edx=_field(entry.edx, 28, 1, topology.cores > 1))


def _caches(entry: CpuidEntry, topology: _Topology) -> CpuidEntry:
    """Leaves 4 and 0x8000001d: who shares a cache. The last levels belong to the package."""
    if entry.eax & 0x1F == 0:
        return entry
    private = entry.eax >> 5 & 7 <= _LAST_PRIVATE_CACHE
    ids = (1 << topology.id_bits) - 1
    eax = _field(entry.eax, 14, 12, 0 if private else ids)
    if entry.function == 4:
        eax = _field(eax, 26, 6, ids)
    return entry._replace(eax=eax)


def _extended_features(entry: CpuidEntry, topology: _Topology) -> CpuidEntry:
    """Leaf 0x80000001: CmpLegacy, that the package's ids count cores."""
    return entry._replace(ecx=_field(entry.ecx, 1, 1, topology.amd and topology.cores > 1))


def _core_count(entry: CpuidEntry, topology: _Topology) -> CpuidEntry:
    """Leaf 0x80000008: AMD's number of cores and bits of their ids; reserved on Intel."""
    if not topology.amd:
        return entry._replace(ecx=0)
    return entry._replace(ecx=_field(topology.id_bits << 12, 0, 8, topology.cores - 1))


def _amd_ids(entry: CpuidEntry, topology: _Topology) -> CpuidEntry:
    """Leaf 0x8000001e: extended APIC id, core id with one thread each, one node."""
    if not topology.amd:
        return entry
    return entry._replace(eax=topology.vcpu, ebx=topology.vcpu & 0xFF, ecx=0, edx=0)


_TOPOLOGY_LEAVES = {
    0x1: _features,
    0x4: _caches,
    0x80000001: _extended_features,
    0x80000008: _core_count,
    0x8000001D: _caches,
    0x8000001E: _amd_ids,
}


def _topology_leaf(topology: _Topology) -> list[CpuidEntry]:
    """Leaf 0xb: one thread per core, all cores in the package; EDX is the x2APIC id."""
    levels = (
        (0, 1, _LEVEL_THREAD),
        (topology.id_bits, topology.cores, _LEVEL_CORE),
        (0, 0, 0),
    )
    return [
        CpuidEntry(0xB, index, _SIGNIFICANT_INDEX, shift, number, kind << 8 | index, topology.vcpu)
        for index, (shift, number, kind) in enumerate(levels)
    ]
