# SPDX-License-Identifier: Apache-2.0
"""Interrupts of the host's nodes under the numbers that the guest has for them.

Source: bindings/interrupt-controller/arm,gic-v3.yaml.
"""

from passthru.board.gic import SHARED
from passthru.board.tree_interrupts import (
    PPI,
    SPI,
    gic_line,
    interrupt_specifiers,
    is_gic,
)
from passthru.board.tree_nodes import TreeNode
from passthru.board.tree_references import Reference
from passthru.diagnostics.source import Span
from passthru.guest_tree.growing_tree import GrowingTree
from passthru.guest_tree.host_tree import HostTree
from passthru.guest_tree.interrupt_controller import GuestGic
from passthru.guest_tree.values import cells, strings
from passthru.language.model import Interrupt, VmConfig
from passthru.lean import Callable, Sequence
from passthru.plan.host_vectors import first_vectors, host_vector

__all__ = ["PassedLines"]

_PRIVATE_LINES = range(16, 32)
_TRIGGER = 0xF

Specifier = tuple[int, ...]
"""The controller's phandle and the cells that it takes."""


class PassedLines:
    """The interrupts that a configuration passes, and who has been given them."""

    def __init__(self, config: VmConfig, gic: GuestGic, tree: GrowingTree) -> None:
        self._tree = tree
        self._by_vector: dict[int, Interrupt] = {}
        self._used: set[int] = set()
        first = first_vectors(config)
        for interrupt in (each for passed in config.passes for each in passed.interrupts):
            vector = host_vector(interrupt, first)
            if interrupt.controller == gic.name and vector is not None:
                self._by_vector.setdefault(vector, interrupt)

    def tell_unused(self) -> None:
        """Remark on every interrupt that no node has."""
        for vector, interrupt in self._by_vector.items():
            if vector not in self._used:
                self._tree.remark(
                    f"[{interrupt.span}] `intr {interrupt.span.text}` is the host's interrupt "
                    f"{vector}, which no node of the guest has"
                )

    def write(
        self,
        node: TreeNode,
        guest_node: TreeNode,
        host: HostTree,
        span: Span,
        phandle_of: Callable[[TreeNode], int | None],
    ) -> None:
        """Give ``guest_node`` the interrupts of the host's ``node`` that are passed.

        ``phandle_of`` gives that of a node which the guest has, too, and None for all others.
        """
        found = list(interrupt_specifiers(node, host.references))
        if not _is_all_of(node, found):
            self._tree.refuse(
                f"{node.path} has interrupts at a controller that is not in the tree",
                span,
                "a tree of the host in which the interrupts of the device are sound",
            )
            return
        if not found:
            return
        guests = [self._specifier(node, each, span, phandle_of) for each in found]
        kept = [each for each in guests if each is not None]
        if not kept:
            self._tree.remark(f"no interrupt of {node.path} is passed; the guest's node has none")
            return
        names = node.strings("interrupt-names")
        if len(names) == len(guests):
            names = tuple(n for n, each in zip(names, guests, strict=True) if each is not None)
            guest_node.properties["interrupt-names"] = strings(*names)
        elif None in guests[: len(kept)]:
            self._refuse_gap(node, found, guests, span)
            return
        left_out = len(guests) - len(kept)
        if left_out:
            self._tree.remark(
                f"of the {len(guests)} interrupts of {node.path} {left_out} "
                f"{'is' if left_out == 1 else 'are'} not passed and left out"
            )
        self._write(guest_node, kept)

    def _specifier(
        self,
        node: TreeNode,
        found: Reference,
        span: Span,
        phandle_of: Callable[[TreeNode], int | None],
    ) -> Specifier | None:
        if not is_gic(found.provider):
            phandle = phandle_of(found.provider)
            if phandle is None:
                self._tree.remark(
                    f"an interrupt of {node.path} comes from {found.provider.path}, which stays "
                    "with the host"
                )
                return None
            return (phandle, *found.arguments)
        line = gic_line(found.arguments)
        interrupt = None if line is None else self._by_vector.get(line.vector)
        if line is None or interrupt is None:
            return None
        self._used.add(line.vector)
        guest_line, trigger = interrupt.line, found.arguments[2] & _TRIGGER
        if guest_line is not None and guest_line in SHARED:
            return (self._tree.controller, SPI, guest_line - SHARED[0], trigger)
        is_private = line.vector in _PRIVATE_LINES
        if guest_line is not None and guest_line in _PRIVATE_LINES and is_private:
            return (self._tree.controller, PPI, guest_line - _PRIVATE_LINES[0], trigger)
        self._tree.refuse(
            f"`intr {interrupt.span.text}`: line {guest_line} of the guest is no line for "
            f"{node.path}; those are {SHARED[0]} to {SHARED[-1]}",
            interrupt.span,
            f"intr {interrupt.controller}:{max(line.vector, SHARED[0])}={line.vector}",
        )
        return None

    def _refuse_gap(
        self,
        node: TreeNode,
        found: Sequence[Reference],
        guests: Sequence[Specifier | None],
        span: Span,
    ) -> None:
        gap = guests.index(None)
        controller = found[gap].provider
        line = gic_line(found[gap].arguments) if is_gic(controller) else None
        what = f"an interrupt of {controller.path}" if line is None else f"the host's {line.vector}"
        self._tree.refuse(
            f"interrupt {gap + 1} of {node.path}, {what}, is not passed, and a later one is; "
            "drivers count them",
            span,
            f"pass {controller.path}, too" if line is None else f"intr gic:{line.vector}",
        )

    def _write(self, guest_node: TreeNode, kept: Sequence[Specifier]) -> None:
        if all(phandle == self._tree.controller for phandle, *_ in kept):
            self._tree.set_interrupts(guest_node, [tuple(rest) for _, *rest in kept])
        else:
            value = cells(*(cell for each in kept for cell in each))
            guest_node.properties["interrupts-extended"] = value


def _is_all_of(node: TreeNode, found: Sequence[Reference]) -> bool:
    """Whether nothing of what the node says of its interrupts has been left over."""
    if "interrupts-extended" in node.properties:
        value, phandles = node.properties["interrupts-extended"], len(found)
    else:
        value, phandles = node.properties.get("interrupts", b""), 0
    return len(value) == 4 * (phandles + sum(len(each.arguments) for each in found))
