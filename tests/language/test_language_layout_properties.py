# SPDX-License-Identifier: Apache-2.0
"""Whatever the text: words, comments, configuration and findings survive the formatter."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source, Span
from passthru.language import open_source, read
from passthru.language.layout import format_text
from passthru.language.layout_statements import Role, known_words, statements
from passthru.language.options import (
    BLOB_TYPES,
    CONTEXT_OPTIONS,
    TOP_OPTIONS,
    Argument,
    ArgumentKind,
    Context,
    Option,
)
from passthru.language.suppression import allowed_here, without_allowed
from passthru.language.vdevs import VDEV_TYPES
from passthru.language.words import TokenKind, quote, tokens

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*.qvmconf"))

ENVIRONMENT = {"OPTION": "name", "DEVICE": "/dev/ser1", "NUMBER": "4", "TWO": "a b"}


def pieces(text: str) -> list[str]:
    """Everything but blanks, and the blanks that end a damaged line or a comment."""
    return [
        token.span.text.rstrip(" \t\r\f\v")
        for token in tokens(Source("a", text))
        if token.kind is not TokenKind.BLANK
    ]


def without_places(value: object) -> object:
    if isinstance(value, Span):
        return None
    if isinstance(value, tuple):
        return (type(value).__name__, *map(without_places, value))
    return value


def told(finding: Finding) -> tuple[object, ...]:
    """What is said, without the blanks of what it repeats of the text."""

    def words(text: Span | str | None) -> str:
        text = text.text if isinstance(text, Span) else text or ""
        # A message shows the start of a long text only.
        return "".join(text.partition("…")[0].replace("\\n", " ").split())[:30]

    others = tuple((words(place.message), words(place.span)) for place in finding.others)
    texts = (finding.span, finding.message, finding.fix)
    return finding.id, finding.severity, *map(words, texts), others


def assert_survives(text: str) -> None:
    formatted = format_text(Source("a", text))
    assert pieces(formatted) == pieces(text)
    assert format_text(Source("a", formatted)) == formatted
    for environment in ({}, ENVIRONMENT):
        before = read([Source("a", text)], environment=environment)
        after = read([Source("a", formatted)], environment=environment)
        assert without_places(after.config) == without_places(before.config)
        assert [told(each) for each in after.findings] == [told(each) for each in before.findings]


def assert_is_tidy(formatted: str) -> None:
    """The lines that can be seen as such: where nothing is quoted over several lines."""
    assert not formatted.startswith(("\n", "\r"))
    if formatted:
        assert formatted.endswith("\n")
        assert not formatted.endswith("\n\n")
    assert "\n\n\n" not in formatted.replace("\r\n", "\n")
    assert not any(line.rstrip("\r") != line.rstrip() for line in formatted.split("\n"))


# Valid configurations

NAMES = st.sampled_from(("a", "gic", "loc", "vdev", "x-y", "$env{DEVICE}", "a b", 'q"q', "é"))
VALUES = {
    ArgumentKind.TEXT: NAMES.map(quote),
    ArgumentKind.NUMBER: st.sampled_from(("0", "7", "0x10")),
    ArgumentKind.PROCESSORS: st.sampled_from(("0", "1,2")),
    ArgumentKind.SCHEDULING: st.sampled_from(("10", "20f", "30,8,10,100000000,20000000s")),
    ArgumentKind.MEMORY: st.sampled_from(("1m", "0x80000000,512m", "1m,0x1000")),
    ArgumentKind.FILE: st.sampled_from(("./Image", "0x1000,./a", '"a b"')),
    ArgumentKind.LOCATION: st.sampled_from(("0x1000,0x1000,rwn", "pci:0:3.0", "mem:0x2000,0x1000")),
    ArgumentKind.INTERRUPT: st.sampled_from(("gic:37", "gic:44=150", "apic")),
}


def argument(kind: Argument) -> st.SearchStrategy[list[str]]:
    if kind.kind is ArgumentKind.FREE:
        return st.lists(st.sampled_from(("some", "words", "5")), max_size=3)
    if kind.choices:
        return st.sampled_from(kind.choices).map(lambda choice: [choice])
    return VALUES[kind.kind].map(lambda value: [value])


def use(option: Option) -> st.SearchStrategy[list[str]]:
    parts = st.tuples(*map(argument, option.arguments))
    return parts.map(lambda parts: [option.name, *(word for part in parts for word in part)])


def uses(options: dict[str, Option]) -> st.SearchStrategy[list[str]]:
    return st.sampled_from(sorted(options)).flatmap(lambda name: use(options[name]))


def in_context(opening: list[str], options: dict[str, Option]) -> st.SearchStrategy[list[str]]:
    # Options of the VM may stand among those of a context.
    inside = st.lists(st.one_of(uses(options), uses(options), VM_OPTIONS), max_size=4)
    return inside.map(lambda some: [*opening, *(word for each in some for word in each)])


def vdev(name: str) -> st.SearchStrategy[list[str]]:
    known = VDEV_TYPES.get(name)
    vendors = st.sampled_from((["foo", "bar"], ["scanout-width", "1024"], ["legacy"]))
    options = known.options if known else CONTEXT_OPTIONS[Context.VDEV]
    plain = in_context(["vdev", name], options)
    if known is not None and known.complete:
        return plain
    return st.tuples(plain, vendors).map(lambda parts: parts[0] + parts[1])


VM_OPTIONS = uses(
    {name: option for name, option in TOP_OPTIONS.items() if name not in ("vdev", "pass", "cpu")}
)
BLOBS = st.tuples(st.sampled_from(sorted(BLOB_TYPES)), use(TOP_OPTIONS["load"]))
CONTEXTS = st.one_of(
    in_context(["cpu"], CONTEXT_OPTIONS[Context.CPU]),
    in_context(["pass"], CONTEXT_OPTIONS[Context.PASS]),
    in_context(["initrd", "pass"], CONTEXT_OPTIONS[Context.PASS]),
    in_context(["reserve"], CONTEXT_OPTIONS[Context.RESERVE]),
    st.sampled_from((*sorted(VDEV_TYPES), "vdev-vendor.so")).flatmap(vdev),
)
STATEMENTS = st.one_of(VM_OPTIONS, BLOBS.map(lambda parts: [parts[0], *parts[1]]), CONTEXTS)

BETWEEN = st.sampled_from(
    (
        " ", " ", " ", "\n", "\n    ", "\t", "\r\n", "\n\n\n", " # comment\n",
        "\n# on its own\n", "\n\n  # further in\n\n", " # passthru: allow missing-length\n",
        "\n# passthru: allow dma-status-missing\n",
    )
)  # fmt: skip


@st.composite
def configurations(draw: st.DrawFn) -> str:
    words = [word for some in draw(st.lists(STATEMENTS, max_size=8)) for word in some]
    parts = [part for word in words for part in (draw(BETWEEN), word)]
    return "".join((*parts, draw(st.sampled_from(("", "\n", " # end", "\n# end\n\n")))))


@given(configurations())
@settings(max_examples=150)
def test_a_configuration_survives(text: str) -> None:
    assert_survives(text)
    if "\r" not in text:
        assert_is_tidy(format_text(Source("a", text)))


@given(configurations())
@settings(max_examples=150)
def test_an_option_of_the_vm_begins_its_line(text: str) -> None:
    formatted = Source("a", format_text(Source("a", text)))
    is_kept = any(each.role is Role.UNKNOWN for each in statements(known_words(formatted)))
    if is_kept or allowed_here(formatted):
        return
    config = read([formatted], environment={}).config
    for option in (*config.memory, *config.loads, *config.vdevs, *config.passes, *config.cpus):
        assert option.span.column == 1


@given(configurations())
@settings(max_examples=150)
def test_what_a_comment_allows_stays_allowed(text: str) -> None:
    def allowed(text: str) -> list[str]:
        source = Source("a", text)
        findings = read([source], environment={}).findings
        return [finding.id for finding in without_allowed(findings, [source])[1]]

    assert allowed(format_text(Source("a", text))) == allowed(text)


# Any text

PIECES = st.sampled_from(
    (
        " ", " ", " ", "\n", "\n", "\n  ", "\r\n", "\t", "\f", '"', '"', "\\", "#", "# c\n", "\r",
        "ram", "1m", "vdev", "pl011", "vendor", "loc", "0x1000,4,rwn", "intr", "gic:4", "name",
        "pass", "initrd", "load", "cpu", "sched", "foo", "/dev/x", "hostdv", "set", "debug", "on",
        "user", "fdt", "io", "pci:0:3.0", "len", "$env{OPTION}", "$env{DEVICE}", "$env{NUMBER}",
        "$env{TWO}", "@MARK@", "\ufeff", "\u00a0", "é", "\udc80", "guestloc", "addr=1", "=", "5",
        "# passthru: allow missing-length\n", "logger", "8259", "reserve", "system", "threads",
    )
)  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join))
@settings(max_examples=300)
@example("\n\ufeffcpu")
@example("set = foo =   1m")
@example('"a \u00a0\n"b"')
@example('"set\n""')
@example("# a\r")
@example("@MARK@ foo\n/dev/x a b")
@example("vdev vendor foo\n/dev/x loc 1")
@example("vdev pl011\n hostdv /dev/x foo bar")
def test_any_text_survives(text: str) -> None:
    assert_survives(text)


@given(st.lists(PIECES, max_size=40).map(" ".join))
@settings(max_examples=200)
def test_any_words_survive(text: str) -> None:
    assert_survives(text)


@given(st.sampled_from(("vdev pl011", "pass", "vdev vendor", "cpu", "ram")), st.data())
@settings(max_examples=150)
def test_what_goes_on_from_an_earlier_source_survives(earlier: str, data: st.DataObject) -> None:
    text = data.draw(st.lists(PIECES, max_size=20).map(" ".join) | configurations())
    formatted = format_text(Source("b", text))
    configs = [
        read([Source("a", earlier), Source("b", each)], environment={}).config
        for each in (text, formatted)
    ]
    assert without_places(configs[0]) == without_places(configs[1])


@pytest.mark.parametrize(
    "text",
    ["cpu " * 10_000, "pass loc 1 " * 4_000, "# a\n" * 10_000, "foo " * 10_000, '"\n' * 8_000],
)
def test_long_texts_take_no_square_of_time(text: str) -> None:
    assert pieces(format_text(Source("a", text))) == pieces(text)


@pytest.mark.skipif(not FILES, reason="the corpus of real configurations is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_configuration_survives(path: Path) -> None:
    text = open_source(str(path)).text
    assert_survives(text)
    formatted = format_text(Source("a", text))
    assert_is_tidy(formatted)
    assert [line.strip() for line in text.split("\n") if line.split("#")[0].strip()] == [
        line.strip() for line in formatted.replace("  #", "        #").split("\n")
        if line.split("#")[0].strip()
    ]  # fmt: skip
