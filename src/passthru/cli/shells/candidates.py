# SPDX-License-Identifier: Apache-2.0
"""The words that can stand in a place of the command line."""

from passthru.cli.command_line import Command, Flag, Takes
from passthru.language.options import CONTEXT_OPTIONS
from passthru.language.query import QUERIES
from passthru.language.variables import SET_VARIABLES
from passthru.language.vdevs import VDEV_TYPES
from passthru.report.language_entries import all_entries
from passthru.rules.registry import RULES

__all__ = ["HELP", "flags_of", "takes_words", "words_for"]

HELP = Flag("--help", "how the command is used")

_NO_WORDS = frozenset({Takes.NOTHING, Takes.TEXT, Takes.FILE, Takes.DIRECTORY, Takes.AT_FILE})

_NOT_COMPLETED = frozenset({"access", "numbers"})
"""Entries of `options` that are to be asked for as a whole."""


def flags_of(command: Command) -> tuple[Flag, ...]:
    """The flags of a command and the one that all have."""
    return (*command.flags, HELP)


def takes_words(takes: Takes) -> bool:
    """Whether the words for such a place can be listed; if not, it may take files or anything."""
    return takes not in _NO_WORDS


def words_for(takes: Takes, choices: tuple[str, ...]) -> tuple[str, ...]:
    """What can stand in a place of which takes_words is true; ``choices`` as its owner has them."""
    if takes is Takes.CHOICE:
        return choices
    if takes is Takes.RULE:
        return tuple(rule.id for rule in RULES)
    if takes is Takes.OPTION:
        return _option_words()
    if takes is Takes.QUERY:
        return tuple(QUERIES)
    return _query_parts()


def _option_words() -> tuple[str, ...]:
    words = dict.fromkeys(
        word
        for entry in all_entries()
        for word in (entry.words[:1] if entry.words[0] in _NOT_COMPLETED else entry.words)
    )
    return tuple(words)


def _query_parts() -> tuple[str, ...]:
    options = (name for options in CONTEXT_OPTIONS.values() for name in options)
    devices = (name for vdev in VDEV_TYPES.values() for name in (vdev.name, *vdev.options))
    return tuple(dict.fromkeys(("total", *options, *devices, *SET_VARIABLES)))
