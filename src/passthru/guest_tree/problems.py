# SPDX-License-Identifier: Apache-2.0
"""Why there is no device tree for a guest."""

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Span
from passthru.lean import NamedTuple

__all__ = [
    "GuestTreeRefusedError",
    "GuestTreeTooLargeError",
    "TreeProblem",
    "UnwritableNameError",
]


class TreeProblem(NamedTuple):
    """One thing that a tree cannot honestly say, the configuration that asks for it, the way out.

    ``text`` names the node and the other party.
    """

    text: str
    span: Span | None
    fix: str

    def __str__(self) -> str:
        place = f"[{self.span}] " if self.span else ""
        return f"{place}{self.text}"


class GuestTreeRefusedError(PassthruError):
    """A guest for which no device tree would be true."""

    exit_status = ExitStatus.CONFIGURATION

    def __init__(self, problems: tuple[TreeProblem, ...]) -> None:
        super().__init__(problems)
        self.problems = problems
        self.fix = problems[-1].fix

    def __str__(self) -> str:
        *others, last = self.problems
        told = (f"{each}\n  fix: {each.fix}" for each in others)
        return "\n".join((*told, str(last)))


class GuestTreeTooLargeError(PassthruError):
    """A blob that is larger than the place it shall have; sizes in bytes."""

    exit_status = ExitStatus.CONFIGURATION
    fix = "load a smaller tree, or give it a place with more room behind it"

    def __init__(self, size: int, space: int) -> None:
        super().__init__(size, space)
        self.size = size
        self.space = space

    def __str__(self) -> str:
        return f"the guest's device tree has {self.size} bytes, and its place has {self.space}"


class UnwritableNameError(PassthruError):
    """A name in a tree that device tree source has no way to write."""

    exit_status = ExitStatus.CONFIGURATION
    fix = "write a blob instead: -o FILE.dtb"

    def __init__(self, path: str, name: str) -> None:
        super().__init__(path, name)
        self.path = path
        self.name = name

    def __str__(self) -> str:
        return f"{self.path}: device tree source cannot have the name {self.name!r}"
