# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.diagnostics.edits import apply_edits, repair
from passthru.diagnostics.finding import Edit, Finding, Severity
from passthru.diagnostics.source import Source, Span


def edit(source: Source, start: int, end: int, text: str) -> Edit:
    return Edit(Span(source, start, end), text)


def finding(*edits: Edit) -> Finding:
    return Finding("some-rule", Severity.WARNING, "something", edits=edits)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([], "pass pci:0:14.0"),
        ([(5, 5, "loc ")], "pass loc pci:0:14.0"),
        ([(0, 4, "reserve")], "reserve pci:0:14.0"),
        ([(0, 4, ""), (4, 5, "")], "pci:0:14.0"),
        ([(9, 15, "0:2.0"), (0, 4, "initrd pass")], "initrd pass pci:0:2.0"),
        ([(15, 15, " intr gic:1")], "pass pci:0:14.0 intr gic:1"),
        ([(0, 0, "# a\n")], "# a\npass pci:0:14.0"),
    ],
)
def test_edits_are_made_in_any_order(changes, expected):
    source = Source("a", "pass pci:0:14.0")
    edits = [edit(source, *change) for change in changes]
    assert apply_edits(source.text, edits) == expected
    assert apply_edits(source.text, reversed(edits)) == expected


@pytest.mark.parametrize(
    "changes",
    [[(-1, 2)], [(0, 16)], [(16, 16)], [(3, 2)], [(0, 4), (3, 5)], [(0, 4), (0, 1)], [(4, 4)] * 2],
)
def test_edits_that_cannot_be_made_are_refused(changes):
    source = Source("a", "pass pci:0:14.0")
    with pytest.raises(ValueError, match=r"an edit of|two edits of one place"):
        apply_edits(source.text, [edit(source, *change, "x") for change in changes])


def test_a_finding_is_carried_out_whole_or_not_at_all():
    source = Source("a", "abcdefgh")
    first = finding(edit(source, 0, 2, "AB"), edit(source, 6, 7, "G"))
    second = finding(edit(source, 1, 3, "xx"), edit(source, 4, 5, "E"))
    third = finding(edit(source, 4, 5, "e!"))
    without = finding()
    done = repair([third, second, without, first])
    assert done.carried_out == (first, third)
    assert done.texts == {source: "ABcde!fGh"}


def test_each_source_gets_its_own_text():
    one, other, untouched = Source("a", "abc"), Source("a", "abc"), Source("b", "abc")
    both = finding(edit(one, 0, 1, "1"), edit(other, 2, 3, "2"))
    done = repair([both, finding(edit(other, 0, 3, "all"))])
    assert done.carried_out == (both,)
    assert done.texts == {one: "1bc", other: "ab2"}
    assert untouched not in done.texts


def test_nothing_to_repair():
    done = repair([finding()])
    assert done.texts == {}
    assert done.carried_out == ()


SPANS = st.tuples(st.integers(0, 12), st.integers(0, 4)).map(lambda s: (s[0], s[0] + s[1]))


@given(st.lists(st.lists(SPANS, min_size=1, max_size=1), max_size=12))
def test_repairing_again_ends_with_all_of_them(changes):
    # Each replacement is a letter for each one replaced, so the spans stay true.
    source = Source("a", "." * 16)
    left = [
        finding(*(edit(source, start, end, "x" * (end - start)) for start, end in some))
        for some in changes
    ]
    expected = {at for some in changes for start, end in some for at in range(start, end)}
    text = source.text
    while left:
        done = repair(left)
        assert done.carried_out, "no progress"
        changed = done.texts[source]
        text = "".join("x" if "x" in pair else "." for pair in zip(text, changed, strict=True))
        left = [each for each in left if all(each is not other for other in done.carried_out)]
    assert text == "".join("x" if at in expected else "." for at in range(16))


def test_many_repairs_take_no_square_of_time():
    source = Source("a", "ab" * 40_000)
    done = repair([finding(edit(source, at, at + 1, "x")) for at in range(0, 80_000, 2)])
    assert done.texts[source] == "xb" * 40_000
