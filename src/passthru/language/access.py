# SPDX-License-Identifier: Apache-2.0
"""The access letters of a passed location (docs/reference-readings.md, "Access letters")."""

from passthru.lean import NamedTuple

__all__ = [
    "ACCESS_LETTERS",
    "DEFAULT_ACCESS",
    "SYSTEM_MEMORY_IMPLIES",
    "Access",
    "ParsedAccess",
    "parse_access",
]

ACCESS_LETTERS = "rwxcemdnst"
"""Every access letter, in the order in which they are printed."""

SYSTEM_MEMORY_IMPLIES = "rwxcstn"
"""What ``m`` adds by itself; letters after it still apply (``m-x``)."""


class Access(NamedTuple):
    """The letters in force after all ``+`` and ``-``, in the order of ACCESS_LETTERS."""

    letters: str

    @property
    def readable(self) -> bool:
        """The guest may read without an exit."""
        return "r" in self.letters

    @property
    def writable(self) -> bool:
        """The guest may write without an exit."""
        return "w" in self.letters

    @property
    def executable(self) -> bool:
        """The guest may execute from it."""
        return "x" in self.letters

    @property
    def cacheable(self) -> bool:
        """The guest's mapping may be cached."""
        return "c" in self.letters

    @property
    def reports_exceptions(self) -> bool:
        """A refused access is reported to the guest as an exception."""
        return "e" in self.letters

    @property
    def system_memory(self) -> bool:
        """The guest may use it as its RAM."""
        return "m" in self.letters

    @property
    def uses_dma(self) -> bool:
        """The device there does DMA."""
        return "d" in self.letters

    @property
    def without_dma(self) -> bool:
        """The device there is declared to do no DMA."""
        return "n" in self.letters

    @property
    def dma_source(self) -> bool:
        """Devices may read from it by DMA."""
        return "s" in self.letters

    @property
    def dma_target(self) -> bool:
        """Devices may write to it by DMA."""
        return "t" in self.letters

    def __str__(self) -> str:
        return self.letters


DEFAULT_ACCESS = Access("rw")
"""What holds where no letter is given."""


class ParsedAccess(NamedTuple):
    """The access that some letters give, those that mean nothing, and those not there to remove.

    ``meant`` are the letters without the mistake, where that is certain: capitals made small,
    commas between them and what removes nothing left out.
    """

    access: Access
    unknown: str = ""
    removed_nothing: str = ""
    meant: str | None = None


_parsed: dict[str, ParsedAccess] = {}
_MOST_PARSED = 256


def parse_access(text: str) -> ParsedAccess:
    """The letters in force after every ``+`` and ``-`` of ``text``, from left to right.

    They start from none and with ``+``; ``rw`` holds where there is no letter at all. ``m``
    brings SYSTEM_MEMORY_IMPLIES with it; removing ``m`` removes that letter alone.
    """
    # Kept by hand, for the few texts that people write: functools costs start-up.
    parsed = _parsed.get(text)
    if parsed is None:
        parsed = _parse(text)
        if len(_parsed) < _MOST_PARSED:
            _parsed[text] = parsed
    return parsed


def _parse(text: str) -> ParsedAccess:
    if not text.strip("+-"):
        return ParsedAccess(DEFAULT_ACCESS)
    letters: set[str] = set()
    unknown = removed_nothing = ""
    adding = True
    for letter in text:
        if letter in "+-":
            adding = letter == "+"
        elif letter not in ACCESS_LETTERS:
            unknown += letter if letter not in unknown else ""
        elif adding:
            letters.update(SYSTEM_MEMORY_IMPLIES + letter if letter == "m" else letter)
        elif letter in letters:
            letters.remove(letter)
        else:
            removed_nothing += letter
    access = Access("".join(letter for letter in ACCESS_LETTERS if letter in letters))
    parsed = ParsedAccess(access, unknown, removed_nothing)
    return parsed._replace(meant=_meant(text, parsed)) if unknown or removed_nothing else parsed


def _meant(text: str, parsed: ParsedAccess) -> str | None:
    """``text`` without its mistake, if what was meant can be nothing else."""
    if parsed.unknown:
        right = text.lower().replace(",", "")
        return right if right not in ("", text) and _parse(right)[1:3] == ("", "") else None
    without = text
    for letter in parsed.removed_nothing:
        without = without.replace(f"-{letter}", "", 1)
    # In `rw-xn` the n is removed too, which its writer hardly meant.
    if without == text:
        return None
    return without if _parse(without) == ParsedAccess(parsed.access) else None
