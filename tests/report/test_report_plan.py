# SPDX-License-Identifier: Apache-2.0
import pytest

from passthru.board.model import Board
from passthru.plan.description import describe_vm
from passthru.report.plan_text import plan_as_text
from passthru.report.sizes import size_text
from sample_board import BASE, BOARD, check_text


def plan_of(
    text: str, board: Board | None = BOARD, *, base: str = BASE, width: int | None = None
) -> str:
    config = check_text(text, base=base).config
    return plan_as_text(describe_vm(config, board, kvm=True), board, width=width)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (1023, "1,023 bytes"),
        (1024, "1 KiB"),
        (64 << 20, "64 MiB"),
        (3 << 30, "3 GiB"),
        (4096 << 30, "4,096 GiB"),
        ((1 << 20) + 1, "1,048,577 bytes"),
    ],
)
def test_sizes(size: int, expected: str) -> None:
    assert size_text(size) == expected


def test_a_plan_shows_host_addresses_bars_and_verdicts() -> None:
    text = plan_of("pass loc pci:0:3.0 loc 0x40000000,1m,rn=0x20000000")
    assert "0x40000000" in text
    assert "0x20000000" in text
    assert "BAR 0 at 0x80000000 = host 0xfebd4000, 16 KiB, 64-bit memory" in text
    assert "pci:0:3.0 = host pci:0:3.0 [1b36:0010] (0000:00:03.0), INTx on line 16" in text
    assert "advisory" in text
    assert "locked memory" in text


def test_sections_that_would_be_empty_are_not_there() -> None:
    text = plan_of("")
    assert "PCI functions" not in text
    assert "Taken from the host" not in text
    assert "\n\n\n" not in text


def test_a_plan_cannot_write_to_the_terminal() -> None:
    text = plan_of('system "\x1b[2J" cmdline "\x1b]0;\x07" load "\x9bx"', base="ram 1m ")
    assert all(character.isprintable() or character == "\n" for character in text)
