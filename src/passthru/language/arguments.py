# SPDX-License-Identifier: Apache-2.0
"""qvm's command line: ``@FILE`` any number of times, and configuration words between them."""

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Source
from passthru.language.words import quote
from passthru.lean import Sequence

__all__ = ["UnreadableConfigurationError", "open_source", "sources_from_arguments"]

_STDIN = "-"

_LONGEST_TEXT = 16 << 20
"""Most bytes that are read of one file; more is no configuration (a disk image, a device)."""


class UnreadableConfigurationError(PassthruError):
    """A configuration file that cannot be read; ``problem`` is the system's word for it."""

    exit_status = ExitStatus.FATAL_BEFORE_START

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot read the configuration `{self.path}`: {self.problem}"


def sources_from_arguments(argv: Sequence[str]) -> list[Source]:
    """The texts that a command line stands for, in its order.

    ``@FILE`` is a file and ``@-`` the standard input. The words between two files are one
    text named ``<command line>``; each element is one word of it, whatever is in it.

    Raises UnreadableConfigurationError.
    """
    sources: list[Source] = []
    words: list[str] = []
    for element in argv:
        if element.startswith("@"):
            _end_words(words, sources)
            sources.append(open_source(element[1:]))
        else:
            words.append(quote(element))
    _end_words(words, sources)
    return sources


def open_source(path: str) -> Source:
    """The text of the file ``path``; ``-`` is the standard input.

    Bytes that are no UTF-8 become lone surrogates, so every file can be read and none of it
    is lost. Raises UnreadableConfigurationError.
    """
    name = "<stdin>" if path == _STDIN else path
    try:
        data = _read_bytes(path)
    except OSError as error:
        raise UnreadableConfigurationError(name, error.strerror or str(error)) from error
    except ValueError as error:
        raise UnreadableConfigurationError(name, str(error)) from error
    if len(data) > _LONGEST_TEXT:
        raise UnreadableConfigurationError(name, f"it is longer than {_LONGEST_TEXT >> 20} MiB")
    return Source(name, data.decode("utf-8", "surrogateescape"))


def _read_bytes(path: str) -> bytes:
    # The standard input is opened by its number, so that it stays open for the guest's console.
    with open(0 if path == _STDIN else path, "rb", closefd=path != _STDIN) as file:
        return file.read(_LONGEST_TEXT + 1)


def _end_words(words: list[str], sources: list[Source]) -> None:
    if words:
        sources.append(Source("<command line>", " ".join(words)))
        words.clear()
