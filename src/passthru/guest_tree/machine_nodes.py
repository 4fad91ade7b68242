# SPDX-License-Identifier: Apache-2.0
"""What every guest has: memory, processors, PSCI, timer, and what its kernel is told.

Sources: Devicetree Specification, release 0.4, chapter 3; bindings/arm/cpus.yaml and psci.yaml,
bindings/timer/arm,arch_timer.yaml; the kernel's Documentation/arch/arm64/booting.rst; for the
processors' numbers arch/arm64/kvm/sys_regs.c, reset_mpidr.
"""

from passthru.addresses import AddressRange, united
from passthru.board.tree_interrupts import PPI
from passthru.board.tree_memory import is_memory
from passthru.board.tree_nodes import TreeNode
from passthru.guest_tree.growing_tree import GrowingTree, all_nodes
from passthru.guest_tree.interrupt_controller import GuestGic
from passthru.guest_tree.values import cells, number_in_cells, strings
from passthru.language.model import VmConfig
from passthru.lean import Iterable
from passthru.plan.memory import option_regions, pass_regions
from passthru.plan.model import RegionKind

__all__ = [
    "LEVEL_HIGH",
    "add_processors",
    "add_psci",
    "add_timer",
    "memory_of",
    "new_root",
    "set_chosen",
    "set_memory",
]

LEVEL_HIGH = 4
"""The last cell of an interrupt that a high level raises."""

_TIMER_LINES = (13, 14, 11, 10)
"""Private interrupts of the secure, non-secure, virtual and hypervisor timers; KVM's own."""

_GICV2_PROCESSORS = 8
_ADDRESS_CELLS = 2
_SIZE_CELLS = 2


def new_root(name: str) -> TreeNode:
    """The root of a tree that is made from nothing; ``name`` is the VM's."""
    root = TreeNode("", None)
    root.properties["#address-cells"] = cells(_ADDRESS_CELLS)
    root.properties["#size-cells"] = cells(_SIZE_CELLS)
    root.properties["compatible"] = strings("linux,dummy-virt")
    root.properties["model"] = strings(name)
    return root


def memory_of(config: VmConfig) -> tuple[AddressRange, ...]:
    """What the guest may use as RAM (GPA), ascending: ``ram``, and what is passed with ``m``."""
    regions = (*option_regions(config.memory), *pass_regions(config, None))
    kinds = (RegionKind.RAM, RegionKind.PASSED_RAM)
    return tuple(united(region.range for region in regions if region.kind in kinds))


def set_memory(tree: GrowingTree, memory: Iterable[AddressRange]) -> None:
    """Make the memory nodes; those that the tree has go."""
    for node in [child for child in tree.root.children if is_memory(child)]:
        tree.remove(node)
    for each in memory:
        node = tree.add(f"memory@{each.start:x}")
        node.properties["device_type"] = strings("memory")
        tree.set_registers(node, [each])


def add_processors(tree: GrowingTree, count: int) -> None:
    """Make ``/cpus``; what the tree has there goes, and new nodes take over the phandles."""
    old = tree.root.child("cpus")
    phandles: list[int | None] = []
    if old is not None:
        phandles = [each.cell("phandle") for each in old.children if _is_processor(each)]
        tree.remove(old)
        if len(phandles) != count:
            tree.remark(
                f"/cpus of the loaded tree has {len(phandles)} processors; the guest has {count}"
            )
    folder = tree.add("cpus")
    folder.properties["#address-cells"] = cells(1)
    folder.properties["#size-cells"] = cells(0)
    for number in range(count):
        affinity = _affinity(number)
        node = tree.add(f"cpu@{affinity:x}", folder)
        node.properties["device_type"] = strings("cpu")
        node.properties["compatible"] = strings("arm,armv8")
        node.properties["reg"] = cells(affinity)
        node.properties["enable-method"] = strings("psci")
        phandle = phandles[number] if number < len(phandles) else None
        if phandle is not None:
            node.properties["phandle"] = cells(phandle)


def _is_processor(node: TreeNode) -> bool:
    return node.strings("device_type")[:1] == ("cpu",)


def _affinity(number: int) -> int:
    """MPIDR of a processor: 16 on the lowest level, then 256, as KVM counts them."""
    return number & 0xF | (number >> 4 & 0xFF) << 8 | (number >> 12 & 0xFF) << 16


def add_psci(tree: GrowingTree) -> None:
    """Make the node of the firmware's power calls; one that the tree has goes."""
    for node in list(all_nodes(tree.root)):
        if any(word.startswith("arm,psci") for word in node.strings("compatible")):
            tree.remove(node)
    node = tree.add("psci")
    node.properties["compatible"] = strings("arm,psci-1.0", "arm,psci-0.2")
    node.properties["method"] = strings("hvc")


def add_timer(tree: GrowingTree, gic: GuestGic, processors: int) -> None:
    """Make the node of the processors' timers, if the tree has none."""
    for node in all_nodes(tree.root):
        if "arm,armv8-timer" in node.strings("compatible"):
            return
    node = tree.add("timer")
    node.properties["compatible"] = strings("arm,armv8-timer")
    flags = LEVEL_HIGH
    if gic.version == 2:
        # There the second byte says to which processors a private interrupt goes.
        flags |= ((1 << min(processors, _GICV2_PROCESSORS)) - 1) << 8
    tree.set_interrupts(node, [(PPI, line, flags) for line in _TIMER_LINES])
    node.properties["always-on"] = b""


def set_chosen(tree: GrowingTree, config: VmConfig, initrd: AddressRange | None) -> None:
    """Say in ``/chosen`` what the configuration says of the command line and the RAM disk."""
    chosen = tree.root.child("chosen") or tree.add("chosen")
    if config.cmdline is not None:
        chosen.properties["bootargs"] = strings(config.cmdline.value)
    for name in ("linux,initrd-start", "linux,initrd-end"):
        chosen.properties.pop(name, None)
    if initrd is not None and initrd.end >= 1 << 64:
        tree.refuse(
            f"the RAM disk at {initrd} ends where no address is",
            config.span,
            "a lower place for the RAM disk",
        )
    elif initrd is not None:
        chosen.properties["linux,initrd-start"] = number_in_cells(initrd.start, 2)
        chosen.properties["linux,initrd-end"] = number_in_cells(initrd.end, 2)
