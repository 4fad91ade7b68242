# SPDX-License-Identifier: Apache-2.0
"""Rules about the host's side of passed PCI functions: drivers, VFIO and IOMMU groups."""

from passthru.board.binding import binding_commands
from passthru.board.model import Board, IommuGroup, PciFunction
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.lean import Iterator, Protocol, Sequence
from passthru.plan.claims import dma_regions
from passthru.plan.host_functions import describe_function
from passthru.plan.model import GuestFunction, GuestRegion
from passthru.rules.passed_memory import PassedMemory, and_more, functions_behind

__all__ = [
    "HOST_DRIVER_ACTIVE",
    "IOMMU_GROUP_SPLIT",
    "IOVA_RESERVED",
    "MEMORY_LOCK_LIMIT",
    "PCI_SUPPORT_MISSING",
    "VFIO_DRIVER_MISSING",
    "PassedFunctions",
    "function_driver_active",
    "iommu_group_split",
    "iova_reserved",
    "keeps_group",
    "memory_driver_active",
    "memory_lock_limit",
    "pci_support_missing",
    "vfio_driver_missing",
]

_VFIO = "vfio-pci"
_MOST_OTHERS = 8
_MOST_MEMBERS = 32

# Drivers that leave DMA to whoever else owns the group (``driver_managed_dma`` in Linux,
# since commit 512881eacfa7, v5.19; before that a list in drivers/vfio/vfio.c).
_HARMLESS_DRIVERS = (None, _VFIO, "pci-stub", "pcieport")

_LEAVES_REGISTERS = (None, _VFIO, "pci-stub", "uio_pci_generic")
"""Drivers that do nothing with a function's registers themselves."""

PCI_SUPPORT_MISSING = Rule(
    "pci-support-missing",
    Severity.ERROR,
    "The host cannot pass PCI functions.",
    "Linux passes them with the driver vfio-pci (CONFIG_VFIO_PCI), which is not loaded here.",
)

HOST_DRIVER_ACTIVE = Rule(
    "host-driver-active",
    Severity.ERROR,
    "A driver of the host is using what is passed.",
    "A device has one owner: the host's driver has to let go before the guest's driver starts.",
)

VFIO_DRIVER_MISSING = Rule(
    "vfio-driver-missing",
    Severity.ERROR,
    "A passed PCI function is not bound to vfio-pci.",
    "Only a function that vfio-pci is bound to can be opened for a guest.",
)

IOMMU_GROUP_SPLIT = Rule(
    "iommu-group-split",
    Severity.ERROR,
    "Other members of a passed function's IOMMU group are in use on the host, or another VM's.",
    "The IOMMU cannot tell the members of a group apart, so whoever gets one reaches the memory "
    "of all. The kernel gives a group to a guest only when no host driver has any of it.",
)

IOVA_RESERVED = Rule(
    "iova-reserved",
    Severity.ERROR,
    "Guest memory lies where the IOMMU keeps addresses back.",
    "In such a window the IOMMU translates nothing (or something else), so a device could not "
    "reach guest memory there.",
)

MEMORY_LOCK_LIMIT = Rule(
    "memory-lock-limit",
    Severity.ERROR,
    "This process may not lock as much memory as the passed functions need.",
    "A device may write to guest memory at any time, so VFIO keeps all of it in place and counts "
    "it against RLIMIT_MEMLOCK.",
)


class PassedFunctions(Protocol):
    """What these rules look at of a plan: the functions, and the memory that they may reach."""

    @property
    def functions(self) -> tuple[GuestFunction, ...]:
        """The passed functions."""

    @property
    def regions(self) -> tuple[GuestRegion, ...]:
        """The guest's address map."""

    @property
    def locked_memory(self) -> int:
        """Bytes that VFIO keeps in place."""


def pci_support_missing(plan: PassedFunctions, board: Board) -> Iterator[Finding]:
    """``pci-support-missing``."""
    if plan.functions and not board.abilities.vfio_pci:
        # Only for what is wrong, here and below: starting fast is a feature.
        from passthru.rules.host_steps import booting, loading

        first, *rest = plan.functions
        is_built = all((each.name, each.state) != (_VFIO, "missing") for each in board.features)
        yield PCI_SUPPORT_MISSING.finding(
            "the host's kernel has no driver vfio-pci loaded"
            if is_built
            else "the host's kernel was built without the driver vfio-pci",
            first.span,
            resource=str(first.host.address),
            others=(Place(f"{each.host} needs it too", each.span) for each in rest),
            steps=(
                loading(_VFIO)
                if is_built
                else booting("give the host a kernel with CONFIG_VFIO_PCI"),
            ),
        )


def function_driver_active(plan: PassedFunctions, board: Board) -> Iterator[Finding]:
    """``host-driver-active`` for PCI functions."""
    for function in plan.functions:
        driver = function.host.driver
        if driver not in (None, _VFIO):
            from passthru.rules.host_steps import freeing_functions, function_and_use

            way = freeing_functions([function.host], _binding, board)
            yield HOST_DRIVER_ACTIVE.finding(
                f"the host's driver {driver} has {function_and_use(function.host, board)}",
                function.span,
                resource=str(function.host.address),
                fix=way.fix,
                steps=way.steps,
            )


def _binding(function: PciFunction) -> list[str]:
    return binding_commands(function.address, function.driver)


def vfio_driver_missing(plan: PassedFunctions, board: Board) -> Iterator[Finding]:
    """``vfio-driver-missing``."""
    for function in plan.functions:
        if function.host.driver is None:
            from passthru.rules.host_steps import handing_over

            yield VFIO_DRIVER_MISSING.finding(
                f"{function.host} has no driver; it must be vfio-pci",
                function.span,
                resource=str(function.host.address),
                steps=handing_over(_binding(function.host)),
            )


def memory_driver_active(passed: Sequence[PassedMemory], board: Board) -> Iterator[Finding]:
    """``host-driver-active`` for registers that are passed as bare memory, once for each pass."""
    for memory, functions in functions_behind(passed, board):
        used = [each for each in functions if each.driver not in _LEAVES_REGISTERS]
        if used:
            from passthru.rules.host_steps import freeing_functions, function_and_use

            way = freeing_functions(used[:_MOST_OTHERS], _unbinding, board)
            names = [function_and_use(each, board) for each in used]
            yield HOST_DRIVER_ACTIVE.finding(
                f"the host's driver {used[0].driver} uses these registers of {and_more(names)}",
                memory.location.span,
                resource=memory.resource,
                others=(
                    Place(f"{each.driver} has {name}")
                    for each, name in zip(used[1:_MOST_OTHERS], names[1:], strict=False)
                ),
                fix=way.fix,
                steps=way.steps,
            )


def _unbinding(function: PciFunction) -> list[str]:
    name = function.address.sysfs_name
    return [f"echo {name} > /sys/bus/pci/devices/{name}/driver/unbind"]


def iommu_group_split(plan: PassedFunctions, board: Board) -> Iterator[Finding]:
    """``iommu-group-split``, once for each group."""
    for group, passed in _groups(plan, board):
        mine = {function.host.address for function in passed}
        members = [board.pci_function(address) for address in group.members]
        kept = [member for member in members if member and member.address not in mine]
        busy = [member for member in kept if keeps_group(member)]
        if not busy:
            continue
        from passthru.rules.host_steps import freeing_functions

        way = freeing_functions(busy[:_MOST_MEMBERS], _binding, board)
        names = ", ".join(f"{member} ({member.driver})" for member in busy[:_MOST_MEMBERS])
        yield IOMMU_GROUP_SPLIT.finding(
            f"{passed[0].host} shares IOMMU group {group.number} with functions that the host "
            f"uses: {names}",
            passed[0].span,
            resource=str(passed[0].host.address),
            others=(
                *(
                    Place(f"group {group.number}: {_described(member, board)}")
                    for member in kept[:_MOST_MEMBERS]
                ),
                *(
                    Place(f"group {group.number}: {each.host}", each.span)
                    for each in passed[1:_MOST_MEMBERS]
                ),
            ),
            fix=way.fix,
            steps=way.steps,
        )


def _described(member: PciFunction, board: Board) -> str:
    uses = [f", {use}" for use in board.uses if use.device == member.address.sysfs_name]
    return f"{describe_function(member)}{''.join(uses)}"


def keeps_group(member: PciFunction) -> bool:
    """Whether a driver has it that does not leave DMA to whoever else owns the group."""
    return not member.is_bridge and member.driver not in _HARMLESS_DRIVERS


def _groups(
    plan: PassedFunctions, board: Board
) -> Iterator[tuple[IommuGroup, list[GuestFunction]]]:
    """The IOMMU groups that the VM takes, each with the functions it passes."""
    passed: dict[int, list[GuestFunction]] = {}
    for function in plan.functions:
        if function.host.iommu_group is not None:
            passed.setdefault(function.host.iommu_group, []).append(function)
    for number, functions in passed.items():
        group = board.iommu_group(number)
        if group is not None:
            yield group, functions


def iova_reserved(plan: PassedFunctions, board: Board) -> Iterator[Finding]:
    """``iova-reserved``, once for each piece of guest memory and window."""
    told = set()
    for group, passed in _groups(plan, board):
        for window in group.reserved:
            # The kernel lets a user map over these (drivers/vfio/vfio_iommu_type1.c).
            if window.name == "direct-relaxable":
                continue
            for region in dma_regions(plan.regions):
                shared = region.range.intersection(window.range)
                if shared is None or (region.range, window.range) in told:
                    continue
                told.add((region.range, window.range))
                yield IOVA_RESERVED.finding(
                    f"{region.name} ({region.range}) covers {shared}, which the host's IOMMU keeps "
                    f"back ({window.name})",
                    region.span,
                    others=(Place(f"{passed[0].host} is behind it", passed[0].span),),
                    fix=f"end this memory at {window.range.start:#x} or begin it at "
                    f"{window.range.end:#x}",
                )


def memory_lock_limit(plan: PassedFunctions, board: Board) -> Iterator[Finding]:
    """``memory-lock-limit``."""
    limit = board.abilities.locked_memory_limit
    if limit is None or plan.locked_memory <= limit or not plan.functions:
        return
    from passthru.rules.host_steps import raising_limit

    yield MEMORY_LOCK_LIMIT.finding(
        f"VFIO has to lock {plan.locked_memory:,} bytes and this process may lock {limit:,}",
        plan.functions[0].span,
        others=(
            Place(f"{each.name} ({each.range})", each.span) for each in dma_regions(plan.regions)
        ),
        steps=(raising_limit(f"sudo prlimit --pid $$ --memlock={plan.locked_memory}"),),
    )
