# SPDX-License-Identifier: Apache-2.0
"""Rules about the host's memory behind a pass."""

from _bisect import bisect_left, bisect_right  # as in lean: the public module loads much more
from itertools import islice

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.board.model import Board, HostRegion
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.lean import TYPE_CHECKING, Iterable, Iterator, Sequence
from passthru.plan.memory_types import is_ram_to_kvm, is_trapped
from passthru.rules.passed_memory import PassedMemory

if TYPE_CHECKING:
    from passthru.rules.hypervisor import Hypervisor

__all__ = [
    "ACCESS_NOT_ENFORCEABLE",
    "HOST_MEMORY_ABSENT",
    "HOST_MEMORY_IN_USE",
    "HOST_MEMORY_NOT_ZEROED",
    "HOST_MEMORY_UNKNOWN",
    "NOT_PAGE_ALIGNED",
    "access_not_enforceable",
    "host_memory_absent",
    "host_memory_in_use",
    "host_memory_not_zeroed",
    "host_memory_unknown",
    "memory_not_on_board",
    "not_page_aligned",
]

_MOST_PLACES = 8

HOST_MEMORY_UNKNOWN = Rule(
    "host-memory-unknown",
    Severity.ERROR,
    "Host memory is passed and the host's memory map cannot be read.",
    "The kernel shows addresses only to a process with CAP_SYS_ADMIN. Without them nobody can "
    "tell a device's registers from memory that the host is using. Only a remark where a "
    "configuration is checked with a board that lacks the map.",
)

HOST_MEMORY_IN_USE = Rule(
    "host-memory-in-use",
    Severity.ERROR,
    "Passed memory is RAM that the host allocates from.",
    "Host and guest would overwrite each other's data. The host has to be booted so that it "
    "leaves the range alone.",
)

HOST_MEMORY_ABSENT = Rule(
    "host-memory-absent",
    Severity.ERROR,
    "Nothing is at the passed host address.",
    "The host's memory map has neither memory nor a device or bus window there. A warning on "
    "boards with a device tree, for a tree may leave devices out.",
)

HOST_MEMORY_NOT_ZEROED = Rule(
    "host-memory-not-zeroed",
    Severity.WARNING,
    "RAM of the host is passed as system memory.",
    "Passed RAM is not zeroed, neither before the guest gets it nor afterwards; it may hold "
    "what another guest left there.",
)

NOT_PAGE_ALIGNED = Rule(
    "not-page-aligned",
    Severity.WARNING,
    "A passed range does not consist of whole pages.",
    "Memory is mapped in pages of 4 KiB, so the guest also reaches the rest of the first and "
    "the last one. An error where guest and host address differ within the page: no mapping "
    "can do that. On KVM what the guest cannot read is not mapped: each access is trapped.",
)

ACCESS_NOT_ENFORCEABLE = Rule(
    "access-not-enforceable",
    Severity.WARNING,
    "Access letters ask for what KVM cannot do.",
    "KVM has no execute permission for a memory slot, and it alone decides what is cached: RAM "
    "is, on arm64 only if the host's kernel has it in its map; anything else is not.",
)


def host_memory_unknown(passed: Sequence[PassedMemory], board: Board) -> Iterator[Finding]:
    """``host-memory-unknown``, once for all passes."""
    if board.memory_known or not passed:
        return
    first, *rest = passed
    yield HOST_MEMORY_UNKNOWN.finding(
        "cannot tell what is at the passed host addresses: /proc/iomem shows no addresses to "
        "this user",
        first.location.span,
        resource=first.resource,
        others=(Place("also passed", each.location.span) for each in rest),
        fix="run as root",
    )


def memory_not_on_board(passed: Sequence[PassedMemory], board: Board) -> Iterator[Finding]:
    """``host-memory-unknown`` as a remark about a board that was captured without the map."""
    if board.memory_known or not passed:
        return
    first, *rest = passed
    yield HOST_MEMORY_UNKNOWN.finding(
        "cannot tell what is at the passed host addresses: the board has no memory map",
        first.location.span,
        resource=first.resource,
        others=(Place("also passed", each.location.span) for each in rest),
        fix="capture the board as root",
        severity=Severity.INFORMATION,
    )


def host_memory_in_use(
    passed: Sequence[PassedMemory], board: Board, hypervisor: "Hypervisor | None" = None
) -> Iterator[Finding]:
    """``host-memory-in-use``; ``hypervisor`` is KVM where none is given."""
    for memory in passed:
        host = memory.location.host
        start, end = host.start, host.end
        used = [each for each in board.allocated if each.start < end and start < each.end]
        if used:
            from passthru.rules.host_steps import booting
            from passthru.rules.hypervisor import Hypervisor
            from passthru.rules.reservation import how_to_reserve

            hypervisor = hypervisor or Hypervisor.KVM
            way = how_to_reserve(host, board, hypervisor)
            yield HOST_MEMORY_IN_USE.finding(
                f"{host} of the host is RAM that its kernel allocates from",
                memory.location.span,
                resource=memory.resource,
                others=(
                    *(Place(f"System RAM of the host at {each}") for each in used[:_MOST_PLACES]),
                    *_also_refused(board),
                ),
                fix=way,
                steps=(booting(way),) if hypervisor is Hypervisor.KVM else (),
            )


def _also_refused(board: Board) -> Iterator[Place]:
    """Source: drivers/char/mem.c, ``range_is_allowed``."""
    if any(each == ("CONFIG_STRICT_DEVMEM", "built-in") for each in board.features):
        yield Place("its kernel would not let it be mapped, either (CONFIG_STRICT_DEVMEM)")


def host_memory_absent(
    passed: Sequence[PassedMemory], board: Board, *, has_tree: bool = False
) -> Iterator[Finding]:
    """``host-memory-absent``; ``has_tree``: a tree tells of devices, and may leave some out.

    Linux's memory map has a device only once a driver has it, so those of a tree count, too.
    """
    if not board.memory_known:
        return
    pages = _memory_pages(board)
    # Most of what is passed is in the map, and then the devices are not looked at.
    holes = [each for each in passed if pages.first_hole(each.location.host) is not None]
    if holes and has_tree:
        pages = _device_pages(board)
    for memory in holes:
        missing = pages.first_hole(memory.location.host)
        if missing is not None:
            is_certain = not (has_tree and memory.is_device)
            yield HOST_MEMORY_ABSENT.finding(
                f"nothing is at {missing} of the host",
                memory.location.span,
                resource=memory.resource,
                others=(Place(text) for text in _neighbours(missing, board)),
                severity=Severity.ERROR if is_certain else Severity.WARNING,
            )


class _UsedPages:
    """The pages of a board with anything in them.

    Less than a page cannot be passed, so one with anything in it is not empty.
    """

    def __init__(self, places: Iterable[AddressRange]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, size in sorted(places):
            page = start & -PAGE_SIZE
            end = (start + size + PAGE_SIZE - 1) & -PAGE_SIZE
            if self._ends and page <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(page)
                self._ends.append(end)

    def first_hole(self, wanted: AddressRange) -> AddressRange | None:
        """The first bytes of ``wanted`` in empty pages."""
        start, end = wanted.start, wanted.end
        above = bisect_right(self._starts, start)
        if above > 0:
            start = max(start, self._ends[above - 1])
        if start >= end:
            return None
        return AddressRange.between(start, min([end, *self._starts[above : above + 1]]))


def _memory_pages(board: Board) -> _UsedPages:
    return _UsedPages(region.range for region in board.memory)


def _device_pages(board: Board) -> _UsedPages:
    """Those of the memory map and of the devices of the tree."""
    registers = [place for device in board.devices for place in device.registers]
    return _UsedPages([*registers, *(region.range for region in board.memory)])


def _neighbours(hole: AddressRange, board: Board) -> Iterator[str]:
    above = bisect_left(board.memory, hole.start, key=_start_of)
    for region in board.memory[max(above - 1, 0) : above + 1]:
        yield f"the host has {region.name} at {region.range}"


def _start_of(region: HostRegion) -> int:
    return region.range.start


def host_memory_not_zeroed(passed: Sequence[PassedMemory], board: Board) -> Iterator[Finding]:
    """``host-memory-not-zeroed``."""
    system_memory = [each for each in passed if each.location.access.system_memory]
    pages = _memory_pages(board) if system_memory and board.memory_known else None
    for memory in system_memory:
        if pages is None or pages.first_hole(memory.location.host) is None:
            yield HOST_MEMORY_NOT_ZEROED.finding(
                "this RAM is given to the guest with whatever it holds now",
                memory.location.span,
                resource=memory.resource,
            )


def not_page_aligned(
    passed: Sequence[PassedMemory], board: Board | None, hypervisor: "Hypervisor | None" = None
) -> Iterator[Finding]:
    """``not-page-aligned``; with a ``board`` it names what lies in the exposed bytes.

    ``hypervisor`` is KVM where none is given.
    """
    neighbours = None
    for memory in passed:
        guest, host = memory.location.guest, memory.location.host
        if not (guest.start | host.start | host.size) % PAGE_SIZE:
            continue
        if _is_trapped(memory, hypervisor):
            continue
        system_memory = memory.location.access.system_memory
        if system_memory and guest != guest.page_aligned():
            continue  # memory-granularity has it
        if (guest.start - host.start) % PAGE_SIZE:
            yield NOT_PAGE_ALIGNED.finding(
                f"guest address {guest.start:#x} and host address {host.start:#x} lie at "
                "different places of their pages; no mapping can do that",
                memory.location.span,
                resource=memory.resource,
                severity=Severity.ERROR,
                fix=f"let the guest's address end in {host.start % PAGE_SIZE:03x}, as the host's",
            )
        elif host != host.page_aligned():
            exposed = tuple(_exposed(host))
            pieces = " and ".join(str(piece) for piece in exposed)
            if board is not None:
                neighbours = neighbours or _Neighbours(board)
            lies_there = neighbours.at(exposed) if neighbours else ()
            yield NOT_PAGE_ALIGNED.finding(
                f"the guest also reaches {pieces} of the host, the rest of the page",
                memory.location.span,
                resource=memory.resource,
                others=(Place(text) for text in islice(lies_there, _MOST_PLACES)),
                fix="where nothing there can do harm, say so: `# passthru: allow not-page-aligned`",
            )


def _is_trapped(memory: PassedMemory, hypervisor: "Hypervisor | None") -> bool:
    from passthru.rules.hypervisor import Hypervisor

    is_kvm = hypervisor in (None, Hypervisor.KVM)
    return is_kvm and is_trapped(memory.location.access)


def _exposed(host: AddressRange) -> Iterator[AddressRange]:
    whole = host.page_aligned()
    for piece in (
        AddressRange.between(whole.start, host.start),
        AddressRange.between(host.end, whole.end),
    ):
        if piece.size:
            yield piece


class _Neighbours:
    """What of a board lies in the bytes that come along with a pass."""

    def __init__(self, board: Board) -> None:
        from passthru.rules.places import Places

        registers = [
            *((place, device.name) for device in board.devices for place in device.registers),
            *((bar.range, str(each)) for each in board.pci for bar in each.bars),
        ]
        devices = {device.name for device in board.devices}
        regions = [(each.range, each.name) for each in board.memory if each.name not in devices]
        found = [(place, f"is in {name} of the host") for place, name in regions]
        found += [(place, f"has registers of {name}") for place, name in registers]
        self._texts = [text for _, text in found]
        self._places = Places(
            (place.start, place.end, number) for number, (place, _) in enumerate(found)
        )

    def at(self, pieces: tuple[AddressRange, ...]) -> Iterable[str]:
        """A sentence for each piece and neighbour, each once."""
        return dict.fromkeys(
            f"{piece} {self._texts[number]}"
            for piece in pieces
            for number in self._places.at(piece)
        )


def access_not_enforceable(
    passed: Sequence[PassedMemory], board: Board | None
) -> Iterator[Finding]:
    """``access-not-enforceable``: what was plainly asked for and will not be so.

    What KVM makes of `c` depends on the host, so without a ``board`` nothing is said of it. RAM
    that is given without `c` and cached all the same does no harm, and a verdict of the plan has
    it; only with `m`, which brings `c`, was it taken away on purpose.
    """
    is_arm = board is not None and board.architecture == "aarch64"
    for memory in passed:
        access, host = memory.location.access, memory.location.host
        is_ram = None if board is None else is_ram_to_kvm(host, board)
        is_device_memory = is_arm and is_ram is False
        if access.system_memory and not access.executable and not is_device_memory:
            yield ACCESS_NOT_ENFORCEABLE.finding(
                "`-x` is advisory: the guest can execute from this memory all the same",
                memory.location.span,
                resource=memory.resource,
                fix="remove `-x`, and let nobody rely on it",
            )
        if board is None or is_ram is None:
            continue
        if any(allocated.overlaps(host) for allocated in board.allocated):
            continue  # host-memory-in-use has it
        if access.cacheable and is_device_memory:
            yield ACCESS_NOT_ENFORCEABLE.finding(
                "`c` is advisory: the host's kernel does not have this in its map of RAM, and KVM "
                "gives it to the guest as device memory",
                memory.location.span,
                resource=memory.resource,
                fix="remove `c`",
            )
        elif access.cacheable and not is_ram and not memory.blob:
            yield ACCESS_NOT_ENFORCEABLE.finding(
                "`c` is advisory: this is no RAM of the host, and KVM maps it uncached",
                memory.location.span,
                resource=memory.resource,
                fix="remove `c`",
            )
        elif access.system_memory and not access.cacheable and is_ram:
            yield ACCESS_NOT_ENFORCEABLE.finding(
                "`-c` is advisory: this is RAM of the host, and KVM maps it cached all the same",
                memory.location.span,
                resource=memory.resource,
                fix="remove `-c`, and do not share this memory with a device that does not see "
                "the caches",
            )
