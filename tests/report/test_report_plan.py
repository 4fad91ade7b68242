# SPDX-License-Identifier: Apache-2.0
import pytest

from passthru.board.model import Board, InterruptLine, Trigger
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.plan.description import describe_vm
from passthru.report.plan_text import plan_as_text
from passthru.report.sizes import size_text
from sample_board import BASE, BOARD, check_text


def plan_of(
    text: str,
    board: Board | None = BOARD,
    *,
    base: str = BASE,
    width: int | None = None,
    kvm: bool = True,
) -> str:
    config = check_text(text, base=base).config
    return plan_as_text(describe_vm(config, board, kvm=kvm), board, width=width)


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


def test_interrupts_are_sorted_and_have_their_vectors_and_owners() -> None:
    lines = (InterruptLine("gic", 79, Trigger.LEVEL, "io-sock"),)
    board = BOARD._replace(architecture="aarch64", interrupts=lines)
    users = "pass loc 0x1000,4k,rn intr gic:41,u=79 intr gic:40 vdev pl011 intr gic:37"
    text = plan_of(users, board, base="")
    rows = text[text.index("Interrupts") :].splitlines()[2:5]
    assert [" ".join(row.split()) for row in rows] == [
        "gic:37 vdev pl011 1",
        "gic:40 pass mem:0x1000 40 1",
        "gic:41 pass mem:0x1000 79 io-sock has it unmasked at once 1",
    ]


def test_several_files_are_named_beside_the_lines() -> None:
    sources = [Source("a.qvmconf", "ram 1m load x"), Source("b.qvmconf", "\nram 2m,1m")]
    config = read(sources, environment={}).config
    text = plan_as_text(describe_vm(config, None, kvm=True), None)
    assert "ram              a.qvmconf:1" in text
    assert "ram              b.qvmconf:2" in text


@pytest.mark.parametrize(
    ("board", "said"),
    [
        (BOARD, "pci:0:9.0, which the board does not have"),
        (BOARD._replace(pci=()), "pci:0:9.0; the board tells of no functions"),
        (None, "Their BARs and interrupt lines are decided on a board."),
    ],
)
def test_a_function_that_nothing_is_known_of(board: Board | None, said: str) -> None:
    assert said in plan_of("pass loc pci:0:9.0", board)


def test_memory_without_a_certain_place_is_told_apart() -> None:
    text = "ram 0x80000000,1m pass loc 0x90000000,1m,m ram 3m load 0x80000000,a vdev pl011"
    assert "3 MiB of ram more (line 1): where it goes is not documented" in plan_of(
        text, None, base="", kvm=False
    )


def test_the_limit_of_locked_memory_is_told() -> None:
    limited = BOARD._replace(abilities=BOARD.abilities._replace(locked_memory_limit=8 << 20))
    assert "; the board's limit is 8 MiB" in plan_of("pass loc pci:0:3.0", limited)
    assert "limit is" not in plan_of("pass loc pci:0:3.0")
