# SPDX-License-Identifier: Apache-2.0
"""The output of a command is told from the mark after it, however the data arrive."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from passthru.bench.command_output import CommandOutput

END = b"\036secret 7\n"


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.binary(max_size=60), st.lists(st.integers(0, 200), max_size=12), st.binary(max_size=9))
def test_any_division_of_the_data_gives_the_same_output(
    content: bytes, cuts: list[int], later: bytes
) -> None:
    shown: list[bytes] = []
    output = CommandOutput("secret", 7, shown.append)

    for piece in pieces(content + END + later, cuts):
        output.feed(piece)

    assert output.ended
    assert output.content == content
    assert b"".join(shown) == content


def test_what_only_looks_like_the_mark_is_output() -> None:
    output = CommandOutput("secret", 7, None)
    for piece in (b"a\036sec", b"ret 6\n", b"\036", b"\036secret 7", b"7\n"):
        output.feed(piece)

    assert not output.ended
    assert output.content == b"a\036secret 6\n\036\036secret 77\n"


def test_output_is_shown_as_it_comes() -> None:
    shown: list[bytes] = []
    output = CommandOutput("secret", 7, shown.append)

    output.feed(b"login: ")

    assert shown == [b"login: "]
    assert not output.ended
