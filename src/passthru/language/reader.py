# SPDX-License-Identifier: Apache-2.0
"""Reads configuration texts into one typed configuration, and tells every mistake once.

The input is a stream of words: option, arguments, option, … A context stays open until the
next word that opens one; any other option of the VM may stand inside it for itself.
"""

from passthru.addresses import AddressRange
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source, Span
from passthru.language import mistakes
from passthru.language.assembly import Assembly
from passthru.language.context_options import (
    PLAIN_OPTIONS,
    take_context_option,
    tell_version,
)
from passthru.language.contexts import OpenContext, open_vdev, option_here
from passthru.language.cursor import Cursor, check_choices
from passthru.language.memory import UnplacedMemory, read_file_to_load, read_guest_memory
from passthru.language.model import (
    BlobType,
    Load,
    MemoryKind,
    MemoryOption,
    Setting,
    Text,
    Variable,
    VmConfig,
)
from passthru.language.options import (
    ALL_VERSIONS,
    BLOB_CARRIERS,
    BLOB_TYPES,
    DOCUMENTED_TOP_OPTIONS,
    TOP_OPTIONS,
    Context,
    Option,
)
from passthru.language.vdevs import plain_type
from passthru.language.words import Word, has_blank_beside_equals, is_text, read_words
from passthru.lean import TYPE_CHECKING, Callable, Mapping, NamedTuple, Sequence

if TYPE_CHECKING:
    from passthru.language.substitution import Substitution

__all__ = ["ReadResult", "read"]

_OFTEN_FOREIGN = frozenset({"load", "ram", "rom", "set", "system", "vdev"})
"""Options whose arguments people write as ``name=value``."""

_OFTEN_SPLIT = frozenset({"load", "ram", "rom"})
"""Options whose one argument people write as two."""

_BARE_CONTEXTS = {kind.value: kind for kind in (Context.CPU, Context.PASS, Context.RESERVE)}
"""The contexts that one word opens; a `pass` behind a blob type is not among them."""

_UNKNOWN_VALUES = frozenset({"unknown-variable", "unexpanded-marker"})
"""Findings after which a part of the configuration is missing from the model."""


class ReadResult(NamedTuple):
    """A configuration and what there is to say about its text, in the order of the text."""

    config: VmConfig
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether the model has everything that the text says.

        It has not where there are errors, and where a value is not known.
        """
        has_errors = any(finding.severity is Severity.ERROR for finding in self.findings)
        return not has_errors and not self.unknown_values

    @property
    def unknown_values(self) -> tuple[Finding, ...]:
        """The findings, errors or not, about values that are known on the target only."""
        return tuple(finding for finding in self.findings if finding.id in _UNKNOWN_VALUES)


def read(
    sources: Sequence[Source],
    *,
    environment: Mapping[str, str],
    asinfo: Mapping[str, AddressRange] | None = None,
    version: str = "8.0",
) -> ReadResult:
    """Read ``sources``, in this order, as the configuration of one VM.

    Any text can be read: mistakes become findings, and reading goes on behind them. What is
    wrong, or not known, is left out of the model. ``environment`` gives the values of
    ``$env{…}``; ``asinfo`` the host's named memory ranges (HPA), None where no host is known.
    ``version`` of the hypervisor, one of ``options.ALL_VERSIONS``, is what the text is for:
    what it does not have is read all the same, and told. With ``options.EVERY_VERSION`` nothing
    is missing.
    """
    reader = _Reader(environment, asinfo, version)
    for source in sources:
        reader.read(source)
    return reader.result(sources)


class _Reader:
    """The state of one reading: the parts so far, the findings, the words of one source."""

    def __init__(
        self,
        environment: Mapping[str, str],
        asinfo: Mapping[str, AddressRange] | None,
        version: str,
    ) -> None:
        self._findings: list[Finding] = []
        self._environment = environment
        self._asinfo = asinfo
        self._substitution: Substitution | None = None
        self._vm = Assembly(self._findings, version)
        self._cursor = Cursor([], self._findings)
        self._first_word: Word | None = None

    def read(self, source: Source) -> None:
        """Read one source to its end; a context stays open into the next one."""
        if not is_text(source.text):
            self._findings.append(mistakes.not_text(source))
            return
        words, findings = read_words(source)
        self._findings += findings
        if "\\" in source.text:
            from passthru.language.stray import without_backslashes

            words = without_backslashes(words, self._findings)
        if has_blank_beside_equals(source.text):
            from passthru.language.stray import without_spaced_equals

            words = without_spaced_equals(words, self._findings)
        if "$" in source.text or "@" in source.text:
            words = self._substituted(words)
        if words and self._first_word is None:
            self._first_word = words[0]
        self._cursor = Cursor(words, self._findings)
        self._take_all(self._cursor, self._vm)

    def _substituted(self, words: list[Word]) -> list[Word]:
        # Imported where there may be something to replace: it needs regular expressions.
        from passthru.language.substitution import Substitution

        if self._substitution is None:
            self._substitution = Substitution(self._environment, self._asinfo, self._findings)
        return [self._substitution.expand(word) for word in words]

    def result(self, sources: Sequence[Source]) -> ReadResult:
        """Everything that was read."""
        if self._first_word is not None:
            span = self._first_word.span
        else:
            span = Span(sources[0] if sources else Source("", ""), 0, 0)
        config = self._vm.config(span)
        self._findings += self._vm.order.findings()
        if not self._findings:
            return ReadResult(config, ())
        places = {id(source): place for place, source in enumerate(sources)}

        def in_text(finding: Finding) -> tuple[int, int]:
            span = finding.span
            return (places[id(span.source)], span.start) if span else (0, 0)

        return ReadResult(config, tuple(sorted(self._findings, key=in_text)))

    def _take_all(self, cursor: Cursor, vm: Assembly) -> None:
        """Read every option, with its arguments."""
        # Every option comes by here, so what is usual is told from the rest on the spot.
        findings, words = self._findings, cursor.words
        while (index := cursor.index) < len(words):
            word = words[index]
            cursor.index = index + 1
            context = vm.context
            option = None if context is None else context.options.get(word.value)
            if option is not None and context is not None:
                take_plain = PLAIN_OPTIONS.get(word.value)
                following = index + 1
                if (
                    take_plain is not None
                    and following < len(words)
                    and take_plain(word, words[following], context, vm.order)
                ):
                    cursor.index = following + 1
                else:
                    take_context_option(option, word, context, cursor, vm, findings)
                continue
            kind = _BARE_CONTEXTS.get(word.value)
            if kind is not None:
                self._open_context(kind, word)
                continue
            option = DOCUMENTED_TOP_OPTIONS.get(word.value)
            if option is not None:
                self._take_top_option(option, word, None)
            else:
                self._take_other(word)

    def _open_context(self, kind: Context, word: Word) -> None:
        span, vm = word.span, self._vm
        if vm.first_option is None:
            vm.first_option = span
        vm.open(OpenContext(kind, span, vm.next_place))

    def _take_other(self, word: Word) -> None:
        """Read a blob type, with what it stands before, or a word that may be no option here."""
        option = option_here(word.value, self._vm.context)
        if option is not None:
            self._take_top_option(option, word, None)
        elif word.value in BLOB_TYPES:
            self._take_blob(word)
        elif word.known:
            self._take_unlisted(word)

    def _take_top_option(self, option: Option, word: Word, blob: Word | None) -> None:
        first = word if blob is None else blob
        if self._vm.first_option is None:
            self._vm.first_option = first.span
        name = option.name
        if name in _OFTEN_FOREIGN and not self._is_argument_right(option):
            return
        arguments = self._cursor.take_arguments(option)
        if arguments is None:
            return
        if option.versions is not ALL_VERSIONS:
            tell_version(option, word, arguments, self._vm, self._findings)
        last = arguments[-1] if arguments else word
        span = Span._make((last.source, first.start, last.end))
        blob_type = None if blob is None else BLOB_TYPES[blob.value]
        take = _TOP_OPTIONS.get(name, _Reader._take_setting)
        take(self, _Use._make((option, word, arguments, blob_type, span)))

    def _is_argument_right(self, option: Option) -> bool:
        """Whether the next words can be read as the arguments of ``option``."""
        word = self._cursor.peek()
        if word is None:
            return True
        is_plain = "=" not in word.value and not word.value.endswith(",")
        if is_plain and not (option.name in _OFTEN_SPLIT and self._cursor.has_value(1)):
            return True
        from passthru.language.unlisted import put_argument_right

        return put_argument_right(option, self._vm, self._cursor, self._findings)

    def _take_unlisted(self, word: Word) -> None:
        from passthru.language.unlisted import take_unlisted

        take_unlisted(word, self._vm, self._cursor, self._findings)

    def _take_blob(self, word: Word) -> None:
        carrier = self._cursor.peek()
        if carrier is not None and carrier.value in BLOB_CARRIERS:
            self._cursor.next()
            self._take_top_option(TOP_OPTIONS[carrier.value], carrier, word)
        elif self._vm.context is not None and self._vm.context.takes_any_option:
            self._take_unlisted(word)
        else:
            follower = carrier.value if carrier else None
            needed, form = "`load` or `pass`", f"{word.value} load FILE"
            self._findings.append(
                mistakes.missing_argument(word.span, word.value, needed, follower, form)
            )
            self._cursor.skip_mistake()

    def _take_system(self, use: "_Use") -> None:
        name = use.arguments[0]
        first = self._vm.first_option
        if first is not None and first != use.word.span:
            self._findings.append(mistakes.system_not_first(use.span, name.value, first))
        self._vm.system = Text(name.value, name.span)

    def _take_memory(self, use: "_Use") -> None:
        self._vm.order.memory(use.span)
        memory = read_guest_memory(use.arguments[0], self._findings)
        if memory is None:
            return
        kind = MemoryKind(use.option.name)
        start = None if isinstance(memory, UnplacedMemory) else memory.start
        self._vm.memory.append(MemoryOption(kind, start, memory.size, use.span))

    def _take_load(self, use: "_Use") -> None:
        self._vm.order.load(use.span)
        file = read_file_to_load(use.arguments[0], self._findings)
        if file is not None:
            self._vm.loads.append(Load(use.blob_type, file.address, file.path, use.span))

    def _take_cmdline(self, use: "_Use") -> None:
        self._vm.once("cmdline", use.word.span)
        self._vm.cmdline = Text(use.arguments[0].value, use.arguments[0].span)

    def _take_pass(self, use: "_Use") -> None:
        context = OpenContext(Context.PASS, use.span, self._vm.next_place)
        context.blob = use.blob_type
        self._vm.open(context)

    def _take_vdev(self, use: "_Use") -> None:
        name = plain_type(use.arguments[0].value)
        self._vm.open(open_vdev(name, use.span, self._vm.next_place))

    def _take_set(self, use: "_Use") -> None:
        from passthru.language.values import check_variable
        from passthru.language.variables import SET_VARIABLES

        name, value = use.arguments
        if check_variable(name, value, self._vm.version, self._findings):
            known = SET_VARIABLES.get(name.value)
            variable = Variable(name.value, value.value, use.span)
            self._vm.set_variable(variable, per_vdev=known is not None and known.per_vdev)

    def _take_dryrun(self, use: "_Use") -> None:
        self._vm.dryrun = True

    def _take_setting(self, use: "_Use") -> None:
        """An option of the VM that has no part of its own in the model."""
        option = use.option
        if not check_choices(option, use.arguments, self._vm.version, self._findings):
            return
        values = tuple(argument.value for argument in use.arguments)
        repeats_as = option.name
        if option.name == "unsupported":
            repeats_as = f"unsupported {values[0]}"
        self._vm.add_setting(
            Setting(option.name, values, use.blob_type, use.span),
            None if option.accumulates or option.undocumented else repeats_as,
        )


class _Use(NamedTuple):
    """An option of the VM as it stands in the text, with its arguments.

    ``span`` is from the blob type, or the option, to the last argument.
    """

    option: Option
    word: Word
    arguments: list[Word]
    blob_type: BlobType | None
    span: Span


_TOP_OPTIONS: dict[str, Callable[[_Reader, _Use], None]] = {
    "system": _Reader._take_system,
    "ram": _Reader._take_memory,
    "rom": _Reader._take_memory,
    "load": _Reader._take_load,
    "cmdline": _Reader._take_cmdline,
    "pass": _Reader._take_pass,
    "vdev": _Reader._take_vdev,
    "set": _Reader._take_set,
    "dryrun": _Reader._take_dryrun,
}
"""What reads an option; those that are not here are kept as settings."""
