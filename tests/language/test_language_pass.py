# SPDX-License-Identifier: Apache-2.0
"""Sentences of the reference about `pass` that no other test of the language is about."""

import pytest

from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.reader import ReadResult


def read_text(text: str) -> ReadResult:
    return read([Source("guest.qvmconf", text)], environment={})


@pytest.mark.shows("pass-context")
@pytest.mark.parametrize("word", ["pass", "vdev acme", "reserve", "cpu cluster a pass"])
def test_what_follows_another_context_is_not_of_the_pass(word: str) -> None:
    text = f"pass loc 0x1000,4K,rn intr gic:40 loc 0x2000,4K,rn {word} loc 0x3000,4K intr gic:41"
    config = read_text(text).config
    first = config.passes[0]
    assert [location.span.text for location in first.locations] == ["0x1000,4K,rn", "0x2000,4K,rn"]
    assert [interrupt.line for interrupt in first.interrupts] == [40]
    (other,) = (*config.passes[1:], *config.vdevs, *config.reserves)
    assert [location.guest.start for location in other.locations] == [0x3000]
    assert [interrupt.line for interrupt in other.interrupts] == [41]


@pytest.mark.shows("loc-length")
def test_a_length_has_64_bits() -> None:
    result = read_text("pass loc 0,0xffffffffffffffff,rn")
    assert result.findings == ()
    assert result.config.passes[0].locations[0].guest.size == (1 << 64) - 1
    (finding,) = read_text("pass loc 0,0x10000000000000001,rn").findings
    assert (finding.id, finding.span.text) == ("bad-number", "0x10000000000000001")
