# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.diagnostics.source import Source
from passthru.language.words import TokenKind, quote, read_words, tokens

HARD_TEXT = st.text(alphabet=st.sampled_from('ab "#\\\r\n\t\ufeffä'), max_size=40)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \t\r\n", []),
        ("cpu", ["cpu"]),
        ("cpu sched 8\tram 32m", ["cpu", "sched", "8", "ram", "32m"]),
        ("cpu # one\r\ncpu", ["cpu", "cpu"]),
        ("load a#b\ncpu", ["load", "a", "cpu"]),
        ("# only a comment, no line end", []),
        ('cmdline "a b"', ["cmdline", "a b"]),
        ('cmdline "a # b"', ["cmdline", "a # b"]),
        ('cmdline ""', ["cmdline", ""]),
        ('a"b c"d', ["ab cd"]),
        ('"a\nb"', ["a\nb"]),
        ('"a\r\nb"', ["a\nb"]),
        ('"a\\\nb"', ["ab"]),
        ('"a\\\r\nb"', ["ab"]),
        (r'"say \"x\" \\ \n"', [r'say "x" \ \n']),
        (r"a\ b", ["a\\", "b"]),
        ("système été", ["système", "été"]),
        ("\ufeffsystem x", ["system", "x"]),
        ("a\u00a0b", ["a\u00a0b"]),
    ],
)
def test_text_is_cut_into_words(text, expected):
    words, findings = read_words(Source("a", text))
    assert [word.value for word in words] == expected
    assert findings == []


def test_a_word_knows_its_place():
    source = Source("a", 'ram 1m\n  load "x y" # c')
    word = read_words(source)[0][3]
    assert word.value == "x y"
    assert word.span.text == '"x y"'
    assert (word.span.line, word.span.column) == (2, 8)


def test_part_of_a_plain_word_is_exact_and_of_a_quoted_one_is_the_whole():
    plain, quoted = read_words(Source("a", 'loc,4q "loc,4q"'))[0]
    assert plain.part(4, 6).text == "4q"
    assert quoted.part(4, 6).text == '"loc,4q"'


def test_unterminated_quote_ends_with_its_line():
    words, (finding,) = read_words(Source("a", 'system x\ncmdline "a b # c \r\nram 1m'))
    assert [word.value for word in words] == ["system", "x", "cmdline", "a b # c", "ram", "1m"]
    assert finding.id == "unterminated-quote"
    assert finding.span.text == '"a b # c'
    assert finding.fix == '"a b # c"'


def test_unterminated_quote_points_at_the_earlier_one_that_ran_away():
    _, (finding,) = read_words(Source("a", 'cmdline "a\nload "b c"\ncpu'))
    assert finding.span.text == 'c"'
    assert finding.others[0].span.text == '"a\nload "b'


@given(HARD_TEXT)
def test_no_character_is_lost(text):
    source = Source("a", text)
    assert "".join(token.span.text for token in tokens(source)) == text


@given(HARD_TEXT)
def test_words_are_the_tokens_that_are_neither_blank_nor_comment(text):
    source = Source("a", text)
    kept = [
        token.span.start
        for token in tokens(source)
        if token.kind not in (TokenKind.BLANK, TokenKind.COMMENT)
    ]
    assert [word.start for word in read_words(source)[0]] == kept


@given(HARD_TEXT.filter(lambda text: "\r\n" not in text))
def test_a_quoted_value_is_read_back(value):
    words, findings = read_words(Source("a", f"x {quote(value)}\ny"))
    assert [word.value for word in words] == ["x", value, "y"]
    assert findings == []


@pytest.mark.parametrize("text", [" " * 300_000, '\\"\n' * 30_000, '"' * 99_999, '"\\' * 50_000])
def test_hostile_text_costs_linear_time(text):
    # A matcher that goes back over the text would need minutes for these.
    assert "".join(token.span.text for token in tokens(Source("a", text))) == text
