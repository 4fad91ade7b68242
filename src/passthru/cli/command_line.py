# SPDX-License-Identifier: Apache-2.0
"""What a command takes, as data, and the parser of it.

Of our own, because importing ``argparse`` takes as long as reading a hundred configurations,
and because the completions of three shells are made from the same data.
"""

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.lean import Enum, NamedTuple, Sequence

__all__ = ["Command", "CommandLine", "Flag", "Takes", "UsageError", "check_choice", "parse"]


class Takes(Enum):
    """What stands in a place of the command line."""

    NOTHING = "nothing"
    TEXT = "a value"
    CHOICE = "one of some words"
    FILE = "a file"
    DIRECTORY = "a directory"
    AT_FILE = "a file with @ before it"
    RULE = "the id of a finding"
    OPTION = "the name of an option of the language"
    QUERY = "the first word of a query"
    QUERY_PART = "a further word of a query"


class Flag(NamedTuple):
    """An option of a command, such as ``--format``; ``choices`` where it takes one of them."""

    name: str
    help: str
    takes: Takes = Takes.NOTHING
    choices: tuple[str, ...] = ()


class Command(NamedTuple):
    """A command, its options, and what its operands are; the last one may be there repeatedly.

    ``choices`` are the words of an operand that is one of some words.
    """

    name: str
    help: str
    flags: tuple[Flag, ...] = ()
    operands: tuple[Takes, ...] = ()
    choices: tuple[str, ...] = ()


class CommandLine(NamedTuple):
    """A command line that was understood: the arguments of each flag in order, and the rest."""

    flags: dict[str, tuple[str, ...]]
    operands: tuple[str, ...]

    def has(self, name: str) -> bool:
        """Whether the flag was given."""
        return name in self.flags

    def last(self, name: str, default: str) -> str:
        """The argument of a flag, the last one if there are several."""
        return self.flags[name][-1] if name in self.flags else default

    def all(self, name: str) -> tuple[str, ...]:
        """The arguments of a flag that may be given repeatedly."""
        return self.flags.get(name, ())


class UsageError(PassthruError):
    """A command line that the command does not take."""

    exit_status = ExitStatus.USAGE

    def __init__(self, command: str, problem: str, fix: str | None = None) -> None:
        super().__init__(command, problem, fix)
        self.command = command
        self.problem = problem
        self.fix = fix or f"passthru {command} --help"

    def __str__(self) -> str:
        return f"{self.command}: {self.problem}"


def parse(command: Command, words: Sequence[str]) -> CommandLine:
    """The flags and operands that ``words`` are; raises UsageError.

    ``--name value`` and ``--name=value`` are the same; after ``--`` all are operands. ``--help``
    and ``-h`` are flags of every command and end the reading.
    """
    flags: dict[str, tuple[str, ...]] = {}
    operands: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            operands.extend(rest)
        elif not word.startswith("-") or word == "-":
            operands.append(word)
        elif word in ("--help", "-h"):
            return CommandLine({"--help": ()}, ())
        else:
            name, equals, value = word.partition("=")
            flag = _flag(command, name)
            if flag.takes is Takes.NOTHING:
                if equals:
                    raise UsageError(command.name, f"`{name}` takes no argument")
                flags[name] = ()
                continue
            argument = value if equals else next(rest, None)
            if argument is None:
                raise UsageError(command.name, f"`{name}` needs {flag.takes.value} behind it")
            if flag.choices:
                check_choice(command.name, name, argument, flag.choices)
            flags[name] = (*flags.get(name, ()), argument)
    return CommandLine(flags, tuple(operands))


def check_choice(
    command: str, what: str, word: str, known: Sequence[str], otherwise: str | None = None
) -> None:
    """Nothing if ``word`` is one of the ``known``; else raises UsageError with the nearest.

    ``otherwise`` is said where none is near; without it, all are listed.
    """
    if word in known:
        return
    from passthru.language.spelling import nearest

    guess = nearest(word, known)
    meant = f"the nearest is `{guess}`" if guess else otherwise or f"it takes {', '.join(known)}"
    raise UsageError(command, f"{what}: `{_shown(word)}` is unknown; {meant}")


def _flag(command: Command, name: str) -> Flag:
    for flag in command.flags:
        if flag.name == name:
            return flag
    from passthru.language.spelling import nearest

    guess = nearest(name, [flag.name for flag in command.flags])
    meant = f"; the nearest is `{guess}`" if guess else ""
    raise UsageError(command.name, f"unknown option `{_shown(name)}`{meant}")


def _shown(word: str) -> str:
    from passthru.report.text import printable

    return printable(word)
