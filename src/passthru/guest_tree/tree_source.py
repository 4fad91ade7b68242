# SPDX-License-Identifier: Apache-2.0
"""Device tree source (``.dts``) of a tree.

Blobs do not tell what a value is. What reads as text is written as text, references that are
known as labels, other values as 32-bit numbers or bytes; whatever is chosen, ``dtc`` makes the
same bytes of it again.

Source: Devicetree Specification, release 0.4, chapter 6.
"""

from re import compile as compile_pattern

from passthru.board.flattened_tree import FlattenedTree
from passthru.board.tree_nodes import TreeNode, cells_of
from passthru.board.tree_references import References
from passthru.guest_tree.growing_tree import all_nodes
from passthru.guest_tree.problems import UnwritableNameError
from passthru.guest_tree.references import ReferenceKind, kind_of, read_references
from passthru.lean import Iterator

__all__ = ["tree_as_source"]

_NAME = compile_pattern(r"[A-Za-z0-9,._+*#?@-]+")
_NO_LABEL = compile_pattern(r"[^a-z0-9]+")
_TEXTS = compile_pattern(rb"(?:[\x20-\x7e]+\x00)+")
_CELL_SIZE = 4

_INTERRUPT_KINDS = {
    "interrupt-parent": ReferenceKind("the controller", None),
    "interrupts-extended": ReferenceKind("the interrupt", "#interrupt-cells"),
}


def tree_as_source(tree: FlattenedTree) -> str:
    """The source text of a tree; raises UnwritableNameError for names that it cannot have."""
    lines = ["/dts-v1/;", ""]
    kept = [f"/memreserve/ {each.start:#x} {each.size:#x};" for each in tree.reservations]
    lines.extend((*kept, "") if kept else ())
    lines.extend(_SourceWriter(tree.root).lines(tree.root, 0))
    return "\n".join(lines) + "\n"


class _SourceWriter:
    """Writes the nodes of one tree, with labels for those that others can refer to."""

    def __init__(self, root: TreeNode) -> None:
        self._references = References(root)
        self._labels: dict[TreeNode, str] = {}
        taken: set[str] = set()
        for node in all_nodes(root):
            number = node.cell("phandle")
            # The root takes no label; of two with one phandle, references mean the first.
            if number and node is not root and self._references.node(number) is node:
                self._labels[node] = _free_label(node.name, taken)

    def lines(self, node: TreeNode, depth: int) -> Iterator[str]:
        margin = "\t" * depth
        label = f"{self._labels[node]}: " if node in self._labels else ""
        yield f"{margin}{label}{_written_name(node, node.name) if node.parent else '/'} {{"
        for name, value in node.properties.items():
            written = f" = {self._value(node, name, value)}" if value else ""
            yield f"{margin}\t{_written_name(node, name)}{written};"
        for number, child in enumerate(node.children):
            if number or node.properties:
                yield ""
            yield from self.lines(child, depth + 1)
        yield f"{margin}}};"

    def _value(self, node: TreeNode, name: str, value: bytes) -> str:
        kind = _INTERRUPT_KINDS.get(name) or kind_of(node, name)
        if kind is not None:
            referred = self._referred(node, name, kind)
            if referred is not None:
                return referred
        if _TEXTS.fullmatch(value):
            return ", ".join(map(_quoted, value[:-1].decode("ascii").split("\0")))
        if len(value) % _CELL_SIZE == 0:
            return f"<{' '.join(map(hex, cells_of(value)))}>"
        return f"[{value.hex(' ')}]"

    def _referred(self, node: TreeNode, name: str, kind: ReferenceKind) -> str | None:
        """The value as references, each in brackets of its own; None where they are unsound."""
        found = read_references(node, name, kind, self._references)
        if found is None:
            return None
        parts = []
        for each in found:
            label = None if each.provider is None else self._labels.get(each.provider)
            if each.provider is not None and label is None:
                return None
            parts.append(" ".join((f"&{label}" if label else "0x0", *map(hex, each.arguments))))
        return ", ".join(f"<{part}>" for part in parts)


def _free_label(name: str, taken: set[str]) -> str:
    base = _NO_LABEL.sub("_", name.lower())
    if not base[:1].isalpha():
        base = f"node_{base}"
    label, number = base, 1
    while label in taken:
        number += 1
        label = f"{base}_{number}"
    taken.add(label)
    return label


def _written_name(node: TreeNode, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UnwritableNameError(node.path, name)
    return name


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
