# SPDX-License-Identifier: Apache-2.0
import re

import pytest

from map_pictures import broken_system, picture_of_texts, text_of, two_vms
from passthru.report.map_terminal import NARROWEST, picture_as_lines
from passthru.report.map_text import width_of
from sample_board import BOARD

PICTURES = {
    "two VMs": two_vms,
    "conflicts": broken_system,
    "x86": lambda: picture_of_texts(text_of("desk"), board=BOARD, kvm=True),
    "three VMs": lambda: picture_of_texts(text_of("linux"), text_of("control"), text_of("broken")),
}


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
@pytest.mark.parametrize("width", [NARROWEST, 80, 133, 300])
def test_the_picture_fits_the_terminal(make, width):
    lines = list(picture_as_lines(make(), width))
    assert max(map(width_of, lines)) <= width
    assert not any("\x1b" in line for line in lines)
    assert all(line == line.rstrip() for line in lines)


def test_a_narrow_terminal_gets_the_narrowest_picture():
    assert list(picture_as_lines(two_vms(), 20)) == list(picture_as_lines(two_vms(), NARROWEST))


def test_one_guest_and_what_it_is_given():
    text = (
        "system small\nram 0x80000000,2m\nvdev pl011 loc 0x1c090000 intr gic:37\n"
        "pass loc 0xa0000000,0x1000,rn=0x50000000 intr gic:40=50\n"
        "pass loc 0xb0000000,0x1000,rn=0x40000000\n"
    )
    assert list(picture_as_lines(picture_of_texts(text), 74)) == [
        "small, on no board in particular",
        "",
        "Addresses of small                          host",
        "vm0.qvmconf                                 no board was given",
        "│ 0x1c090000 vdev pl0… 4 KiB │",
        "┊       ~1.6 GiB empty       ┊",
        "│ 0x80000000 ram       2 MiB │",
        "┊       510 MiB empty        ┊",
        "│ 0xa0000000 pass rn   4 KiB │ ─╮",
        "┊       ~256 MiB empty       ┊  │",
        "│ 0xb0000000 pass rn   4 KiB │ ─┼─────────▶ │ 0x40000000           4 KiB │",
        "                                │           ┊       ~256 MiB empty       ┊",
        "                                ╰─────────▶ │ 0x50000000           4 KiB │",
        "",
        "Interrupts of small                         host",
        "vm0.qvmconf                                 no board was given",
        "│ gic:37 vdev pl011          │",
        "│ gic:40 pass mem:0xa0000000 │ ───────────▶ │ 50                         │",
    ]


def test_a_thing_goes_on_behind_the_lines_that_are_the_others():
    text = (
        "system small\nram 0x80000000,1m\n"
        "pass loc 0x80001000,0x1000,rn=0x50000000\npass loc 0x80003000,0x1000,rn=0x50800000\n"
    )
    assert list(picture_as_lines(picture_of_texts(text), 74))[4:8] == [
        "│ !1 !2 0x80000000 ram 1 MiB │",
        "│   !1 0x80001000 pas… 4 KiB │ ───────────▶ │ 0x50000000           4 KiB │",
        "│                            │              ┊        ~8 MiB empty        ┊",
        "│   !2 0x80003000 pas… 4 KiB │ ───────────▶ │ 0x50800000           4 KiB │",
    ]


def test_colours_change_nothing_but_colours():
    for picture in (two_vms(), broken_system()):
        plain = list(picture_as_lines(picture, 80))
        coloured = [*picture_as_lines(picture, 80, colours=True)]
        assert [re.sub("\x1b\\[[0-9;]*m", "", line).rstrip() for line in coloured] == plain
        assert any("\x1b[" in line for line in coloured)


def test_conflicts_are_red_marked_and_told():
    lines = list(picture_as_lines(broken_system(), 80, colours=True))
    marked = [line for line in lines if "!1 0xfe201000 pass" in line]
    assert marked
    assert all("\x1b[1;31m" in line for line in marked)
    plain = "\n".join(picture_as_lines(broken_system(), 80))
    assert "!1   0xfe201000..0xfe202000 of the host is passed to this guest a second" in plain
    assert "[host-memory-claimed-twice]" in plain


def test_nothing_that_a_terminal_obeys_comes_out():
    text = 'system "a\x1b[2Jb\u202e\ud800"\nram 0x80000000,2m\nload 0x80000000,"x\x07\x9by"\n'
    out = "\n".join(picture_as_lines(picture_of_texts(text, name="\x1b]0;{}"), 80))
    assert out.replace("\n", "").isprintable()
    assert "a\ufffd[2Jb" in out


def test_wide_characters_keep_the_columns():
    text = 'system guest\nram 0x80000000,2m\nload 0x80000000,"内核内核内核内核内核内核内核"\n'
    lines = list(picture_as_lines(picture_of_texts(text), 80))
    loaded = next(line for line in lines if "内核" in line)
    ram = next(line for line in lines if "ram" in line)
    assert width_of(loaded) == width_of(ram)
