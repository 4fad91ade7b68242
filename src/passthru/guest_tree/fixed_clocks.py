# SPDX-License-Identifier: Apache-2.0
"""Clocks that nobody can switch, and nodes that only describe something.

Sources: bindings/clock/fixed-clock.yaml, fixed-factor-clock.yaml, bindings/regulator/
fixed-regulator.yaml, bindings/usb/usb-nop-xceiv.yaml, bindings/opp/opp-v2.yaml.
"""

from passthru.board.tree_nodes import TreeNode

__all__ = ["fixed_frequency", "is_descriptive", "is_fixed_clock"]

_DESCRIPTIVE = frozenset(
    (
        "fixed-clock",
        "fixed-factor-clock",
        "operating-points-v2",
        "regulator-fixed",
        "usb-nop-xceiv",
    )
)
_ALLOWED = frozenset(
    (
        "#clock-cells",
        "clock-accuracy",
        "clock-frequency",
        "clock-output-names",
        "compatible",
        "linux,phandle",
        "phandle",
        "status",
    )
)


def is_descriptive(node: TreeNode) -> bool:
    """Whether the node is no hardware that somebody works, so that it can be copied.

    What it refers to in turn has to be looked at.
    """
    return not _DESCRIPTIVE.isdisjoint(node.strings("compatible"))


def fixed_frequency(node: TreeNode) -> int | None:
    """The frequency in Hz of a clock that is not called fixed and is; None for all others.

    Its frequency is all that the tree says of it: nothing by which it could be switched.
    """
    is_alone = node.parent is not None and (
        node.parent.parent is None or "compatible" not in node.parent.properties
    )
    if not is_alone or node.cell("#clock-cells") != 0 or not _ALLOWED.issuperset(node.properties):
        return None
    return node.cell("clock-frequency")


def is_fixed_clock(node: TreeNode) -> bool:
    """Whether it is a clock that runs by itself, whatever it is called."""
    return "fixed-clock" in node.strings("compatible") or fixed_frequency(node) is not None
