# SPDX-License-Identifier: Apache-2.0
"""A place in the words of one source, the arguments that follow it, and which words they may be."""

from passthru.diagnostics.finding import Finding
from passthru.language import mistakes
from passthru.language.numbers import DECIMAL_DIGITS
from passthru.language.options import (
    BLOB_TYPES,
    CONTEXT_OPTIONS,
    SINCE_7_1,
    TOP_OPTIONS,
    Argument,
    ArgumentKind,
    Option,
    lacks,
)
from passthru.language.vdevs import VDEV_TYPES, VENDOR_VDEV_OPTIONS
from passthru.language.words import Word

__all__ = ["OPTION_WORDS", "Cursor", "check_choices"]

OPTION_WORDS = frozenset(BLOB_TYPES).union(
    TOP_OPTIONS,
    VENDOR_VDEV_OPTIONS,
    *CONTEXT_OPTIONS.values(),
    *(vdev.options for vdev in VDEV_TYPES.values()),
)
"""Every word that is an option somewhere."""

_ANY_TEXT = frozenset({ArgumentKind.TEXT, ArgumentKind.FILE})
"""Arguments that an option's name could be, too."""

_VALUES_BEGIN_WITH = ("<", ">", "/", ".", "|")
"""No option's name does."""


class Cursor:
    """The ``words`` of one source and the ``index`` of the next; arguments never leave the source.

    Both are for who takes words by the thousand; the methods are for all others.
    """

    __slots__ = ("_findings", "index", "words")

    def __init__(self, words: list[Word], findings: list[Finding]) -> None:
        self.words = words
        self.index = 0
        self._findings = findings

    def next(self) -> Word | None:
        """The next word, which is taken; None at the end."""
        index = self.index
        if index >= len(self.words):
            return None
        self.index = index + 1
        return self.words[index]

    def peek(self) -> Word | None:
        """The next word, which stays."""
        return self.words[self.index] if self.index < len(self.words) else None

    def has_value(self, distance: int) -> bool:
        """Whether the word so far behind the next one is there, and no option."""
        place = self.index + distance
        return place < len(self.words) and self.words[place].value not in OPTION_WORDS

    def following(self, most: int) -> list[Word]:
        """Up to ``most`` next words, which stay, but no option and nothing behind one."""
        words: list[Word] = []
        for word in self.words[self.index : self.index + most]:
            if word.value in OPTION_WORDS and not word.quoted:
                break
            words.append(word)
        return words

    def skip(self, count: int) -> None:
        """Take the next ``count`` words."""
        self.index += count

    def step_back(self) -> None:
        """Make the word that was taken last the next one again."""
        self.index -= 1

    def put_back(self, words: list[Word]) -> None:
        """Make ``words`` the next ones."""
        self.words[self.index : self.index] = words

    def take_arguments(self, option: Option) -> list[Word] | None:
        """The arguments of ``option``, which has just been taken; None where one is missing."""
        arguments = option.arguments
        words = self.words
        start = index = self.index
        if len(arguments) == 1 and index < len(words):
            # Nearly every option: one argument, which is no option's name.
            word = words[index]
            if word.value not in OPTION_WORDS and arguments[0].kind is not ArgumentKind.FREE:
                self.index = index + 1
                return [word]
        for argument in arguments:
            if argument.kind is ArgumentKind.FREE:
                return self._take_free()
            if index >= len(words) or (
                words[index].value in OPTION_WORDS and self._is_option(argument)
            ):
                self._report_missing(option, words[start:index], index - 1)
                return None
            index += 1
            self.index = index
        return words[start:index]

    def take_vendor_value(self, known: frozenset[str]) -> Word | None:
        """The argument of an option that no table lists, if it seems to have one.

        Line ends have no meaning, but people write an option and its argument on one line:
        what begins a line is an argument only if it looks like a value. ``known`` options
        are none either way.
        """
        word = self.peek()
        if word is None or (not word.quoted and word.value in known):
            return None
        if self._begins_line(self.index) and not (word.quoted or _is_value(word.value)):
            return None
        return self.next()

    def skip_mistake(self) -> Word | None:
        """Skip what belongs to a word that is no option: up to an option or the next line.

        Gives the last word that was skipped.
        """
        last = None
        while (word := self.peek()) is not None:
            if word.value in OPTION_WORDS or self._begins_line(self.index):
                break
            last = word
            self.index += 1
        return last

    def skip_arguments(self, option: Option) -> None:
        """Skip what could be the arguments of ``option``, on one line with it."""
        for argument in option.arguments:
            word = self.peek()
            if word is None or self._begins_line(self.index):
                return
            if word.value in OPTION_WORDS and self._is_option(argument):
                return
            self.index += 1

    def _take_free(self) -> list[Word]:
        taken: list[Word] = []
        while (word := self.peek()) is not None and word.value not in OPTION_WORDS:
            taken.append(word)
            self.index += 1
        return taken

    def _is_option(self, argument: Argument) -> bool:
        """Whether the next word, some option's name, stands there as an option.

        Text can be any word, and `debug` is a filter of `logger`, too: there only the start of a
        line tells.
        """
        word = self.words[self.index]
        if word.quoted:
            return False
        can_be_argument = argument.kind in _ANY_TEXT or word.value in argument.choices
        return not can_be_argument or self._begins_line(self.index)

    def _begins_line(self, index: int) -> bool:
        word = self.words[index]
        before = self.words[index - 1].end if index else 0
        return word.source.text.find("\n", before, word.start) >= 0

    def _report_missing(self, option: Option, taken: list[Word], last: int) -> None:
        """The argument behind those that are ``taken`` is missing; ``last`` is the word before."""
        missing = [argument.name for argument in option.arguments[len(taken) :]]
        form = [option.name, *(word.value for word in taken), *(name.upper() for name in missing)]
        follower = self.peek()
        self._findings.append(
            mistakes.missing_argument(
                self.words[last].span,
                option.name,
                missing[0],
                follower.value if follower else None,
                " ".join(form),
            )
        )


def check_choices(option: Option, words: list[Word], version: str, findings: list[Finding]) -> bool:
    """Whether the arguments of ``option`` are words that it takes; a finding if not.

    One that the hypervisor's ``version`` does not have is taken, and told.
    """
    for argument, word in zip(option.arguments, words, strict=False):
        if not argument.choices or not word.known:
            continue
        several = argument.kind is ArgumentKind.CHOICES
        for text in word.value.split(",") if several else (word.value,):
            if text not in argument.choices:
                allowed = ", ".join(argument.choices)
                findings.append(mistakes.bad_value(word.span, option.name, text, allowed))
                return False
            if text in argument.choices_since_7_1 and lacks(version, SINCE_7_1):
                form = f"{option.name} … {text}"
                findings.append(mistakes.version_only(word.span, form, SINCE_7_1, version))
    return True


def _is_value(text: str) -> bool:
    """Whether ``text`` can hardly be an option."""
    number = text[1:2] if text[:1] in ("-", "+") else text[:1]
    return number in DECIMAL_DIGITS or text.startswith(_VALUES_BEGIN_WITH)
