# SPDX-License-Identifier: Apache-2.0
"""The words of a configuration as statements: each option with its arguments, and its role.

This follows the reader without making anything of the values. It is careful where the reader
has to guess, because some guesses look at the line ends: from a word that may not be what it
seems, each word is a statement of no known role, until a line begins with an option's name.
"""

from passthru.diagnostics.source import Source
from passthru.language.contexts import (
    OpenContext,
    documented_here,
    open_vdev,
    option_here,
)
from passthru.language.cursor import OPTION_WORDS, Cursor
from passthru.language.locations import LOCATION_PREFIXES
from passthru.language.options import (
    BLOB_CARRIERS,
    BLOB_TYPES,
    CONTEXTS,
    TOP_OPTIONS,
    Context,
    Option,
)
from passthru.language.vdevs import plain_type
from passthru.language.words import Word, read_words
from passthru.lean import Enum, NamedTuple

__all__ = ["Role", "Statement", "begins_line", "known_words", "statements"]


class Role(Enum):
    """What a statement does."""

    OPENS_CONTEXT = "opens a context"
    VM = "is for the VM"
    CONTEXT = "belongs to the open context"
    UNKNOWN = "is not understood"


class Statement(NamedTuple):
    """The words ``[start, end)`` of a text that belong together."""

    start: int
    end: int
    role: Role


def known_words(source: Source) -> list[Word]:
    """The words of a text; those whose value only the target knows are not ``known``."""
    words, _ = read_words(source)
    if "$" not in source.text and "@" not in source.text:
        return words
    from passthru.language.substitution import Substitution

    substitution = Substitution({}, None, [])
    return [substitution.expand(word) for word in words]


def begins_line(words: list[Word], place: int) -> bool:
    """Whether the word at ``place`` is the first of its line."""
    if place == 0:
        return True
    word = words[place]
    return word.source.text.find("\n", words[place - 1].end, word.start) >= 0


def statements(words: list[Word]) -> list[Statement]:
    """The statements that ``words`` are; every word is in one of them."""
    return _Statements(words).all()


class _Statements:
    """Where the division of the words has come to, and the context that is open there.

    ``_is_option_due`` is False where the next word may belong to something before it.
    ``_is_context_known`` is False where the reader may have opened another context.
    """

    def __init__(self, words: list[Word]) -> None:
        self._words = words
        self._cursor = Cursor(words, [])
        self._place = 0
        self._context: OpenContext | None = None
        self._is_option_due = True
        self._is_context_known = True

    def all(self) -> list[Statement]:
        """The statements, to the end of the words."""
        found = []
        while (word := self._cursor.next()) is not None:
            start = self._place
            role = self._take(word)
            self._place = self._cursor_place()
            found.append(Statement(start, self._place, role))
        return found

    def _cursor_place(self) -> int:
        following = self._cursor.peek()
        place = self._place + 1
        while place < len(self._words) and self._words[place] is not following:
            place += 1
        return place

    def _taken(self) -> list[Word]:
        """The words of the statement so far."""
        return self._words[self._place : self._cursor_place()]

    def _take(self, word: Word) -> Role:
        """Take what belongs to the statement that ``word`` begins."""
        if _is_option(word) and begins_line(self._words, self._place):
            self._is_option_due = True
        role = self._take_option(word) if self._is_option_due else Role.UNKNOWN
        if role is Role.UNKNOWN:
            self._is_option_due = False
            if not word.known or word.value.startswith(tuple(CONTEXTS)):
                self._is_context_known = False
        return role

    def _take_option(self, word: Word) -> Role:
        context = self._context if self._is_context_known else None
        option = option_here(word.value, context)
        if option is not None:
            return self._take_listed(option)
        if word.value in BLOB_TYPES:
            carrier = self._cursor.peek()
            if carrier is None or carrier.value not in BLOB_CARRIERS:
                return Role.UNKNOWN
            self._cursor.next()
            return self._take_top_option(TOP_OPTIONS[carrier.value])
        if context is None or not word.known:
            return Role.UNKNOWN
        if context.kind in (Context.PASS, Context.RESERVE):
            is_location = word.value.startswith(LOCATION_PREFIXES)
            return Role.CONTEXT if is_location else Role.UNKNOWN
        # With a device that the table has it could be a misspelt option as well.
        is_vendors = context.takes_any_option and context.vdev is None
        return self._take_vendor_option(word, context) if is_vendors else Role.UNKNOWN

    def _take_listed(self, option: Option) -> Role:
        if option.undocumented:
            return Role.UNKNOWN
        if option.context is Context.VM:
            return self._take_top_option(option)
        return self._take_arguments(option, Role.CONTEXT)

    def _take_arguments(self, option: Option, role: Role) -> Role:
        self._cursor.take_arguments(option)
        return Role.UNKNOWN if any(map(_may_be_other, self._taken())) else role

    def _take_top_option(self, option: Option) -> Role:
        first = self._cursor.peek()
        if option.name in ("set", "vdev") and first is not None and "=" in first.value:
            return self._unknown_opening(option)
        role = self._take_arguments(option, Role.VM)
        if role is Role.UNKNOWN:
            return self._unknown_opening(option)
        taken = self._taken()
        if option.name in CONTEXTS:
            return self._open(CONTEXTS[option.name], taken)
        if option.name == "set" and len(taken) > 1 and self._is_for_vdev(taken[1].value):
            return Role.CONTEXT
        return role

    def _unknown_opening(self, option: Option) -> Role:
        if option.name in CONTEXTS:
            self._is_context_known = False
        return Role.UNKNOWN

    def _open(self, kind: Context, taken: list[Word]) -> Role:
        """Open a context of which ``taken`` is the beginning."""
        span = taken[0].span
        if kind is not Context.VDEV:
            self._context = OpenContext(kind, span, 0)
        elif len(taken) < 2:
            return Role.VM
        else:
            self._context = open_vdev(plain_type(taken[-1].value), span, 0)
        self._is_context_known = True
        return Role.OPENS_CONTEXT

    def _is_for_vdev(self, variable: str) -> bool:
        if self._context is None or self._context.kind is not Context.VDEV:
            return False
        from passthru.language.variables import SET_VARIABLES

        return variable in SET_VARIABLES and SET_VARIABLES[variable].per_vdev

    def _take_vendor_option(self, word: Word, context: OpenContext) -> Role:
        if not word.value[:1].isalpha() or "=" in word.value or "," in word.value:
            return Role.UNKNOWN
        self._cursor.take_vendor_value(frozenset(documented_here(context)))
        return Role.UNKNOWN if any(map(_may_be_other, self._taken())) else Role.CONTEXT


def _is_option(word: Word) -> bool:
    """Whether it is taken for an option wherever it begins a line."""
    return word.value in OPTION_WORDS and not word.quoted


def _may_be_other(word: Word) -> bool:
    """Whether the reader may take it for something else, or for a part of something.

    That is a variable, whose value may be an option's name, and what is cut at a ``=`` or
    ends with the backslash that continues a line elsewhere.
    """
    if word.quoted:
        return False
    if not word.known and word.value.startswith("$"):
        return True
    return word.value.startswith("=") or word.value.endswith(("=", "\\"))
