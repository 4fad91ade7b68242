# SPDX-License-Identifier: Apache-2.0
"""The pictures as a browser draws them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser import Browser
from map_pictures import broken_system, picture_of_texts, text_of, two_vms
from passthru.report.map_html import picture_as_html
from passthru.report.map_model import Picture
from passthru.report.map_svg import picture_as_svg
from sample_board import BOARD

BOXES = """
[...document.querySelectorAll("SELECTOR")].map((each) => {
  const box = each.getBoundingClientRect();
  return {text: each.textContent, left: box.left, top: box.top, right: box.right,
          bottom: box.bottom};
})
"""

OVERLAPPING = """
(() => {
  const texts = [...document.querySelectorAll("svg text")].filter((t) => t.textContent.trim());
  const boxes = texts.map((t) => [t.textContent, t.getBoundingClientRect()]);
  const found = [];
  for (let i = 0; i < boxes.length; i++) for (let j = 0; j < i; j++) {
    const [a, b] = [boxes[i][1], boxes[j][1]];
    // The boxes of fonts are higher than their letters.
    if (a.left < b.right && b.left < a.right && a.top + 3 < b.bottom && b.top + 3 < a.bottom)
      found.push([boxes[i][0], boxes[j][0]]);
  }
  return found;
})()
"""

OUTSIDE = """
[...document.querySelectorAll(".item")].filter((item) => {
  const bar = item.querySelector(".bar").getBoundingClientRect();
  return [...item.querySelectorAll("text")].some((text) => {
    const box = text.getBoundingClientRect();
    return box.left < bar.left || box.right > bar.right || box.top < bar.top - 2;
  });
}).map((item) => item.textContent)
"""

PICTURES = {
    "two VMs": two_vms,
    "conflicts": broken_system,
    "x86": lambda: picture_of_texts(text_of("desk"), board=BOARD, kvm=True),
    "no board": lambda: picture_of_texts(text_of("linux")),
}

CONFLICT_LINE = "vm0.qvmconf:7: pass loc mem:0xfe202000,0x1000,rwn=0xfe201000 intr gic:155=153"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def opened(browser: Browser, folder: Path, picture: Picture, **how: Any) -> Browser:
    """The browser with the picture as a page in it."""
    file = folder / "picture.html"
    file.write_text(picture_as_html(picture), encoding="utf-8")
    browser.open(file, **how)
    return browser


def middle_of(browser: Browser, text: str) -> tuple[float, float]:
    """Where the first thing with this text is in the window."""
    boxes = browser.value(BOXES.replace("SELECTOR", ".item"))
    box = next(each for each in boxes if text in each["text"])
    return (box["left"] + box["right"]) / 2, box["top"] + 8


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_texts_are_in_their_bars_and_not_on_one_another(browser, tmp_path, make):
    picture = make()
    opened(browser, tmp_path, picture)
    links = sum(len(panel.links) for panel in picture.panels)
    assert browser.value("document.querySelectorAll('.link .arrow').length") == links
    assert browser.value(OVERLAPPING) == []
    assert browser.value(OUTSIDE) == []


@pytest.mark.parametrize("make", PICTURES.values(), ids=PICTURES)
def test_an_arrow_is_drawn_from_bar_to_bar(browser, tmp_path, make):
    opened(browser, tmp_path, make())
    gaps = browser.value("""
    [...document.querySelectorAll(".link")].map((link) => {
      const ends = [...document.querySelectorAll(".item")].filter(
        (item) => item.dataset.links.split(" ").includes(link.dataset.links));
      const [one, other] = ends.map((e) => e.querySelector(".bar").getBoundingClientRect())
        .sort((a, b) => a.left - b.left);
      const band = link.querySelector(".band").getBoundingClientRect();
      return [ends.length, Math.abs(band.left - one.right), Math.abs(band.right - other.left)];
    })""")
    assert all(count == 2 and left < 1.5 and right < 1.5 for count, left, right in gaps)


def test_nothing_is_asked_for_and_nothing_is_refused(browser, tmp_path):
    opened(browser, tmp_path, broken_system())
    assert browser.requests == [(tmp_path / "picture.html").as_uri()]
    assert browser.messages == []


def test_a_pointer_is_shown_the_line_of_the_configuration(browser, tmp_path):
    opened(browser, tmp_path, two_vms())
    assert browser.value("getComputedStyle(told).display") == "none"
    browser.point_at(*middle_of(browser, "0xb4000000 pass"))
    assert browser.value("getComputedStyle(told).display") == "block"
    assert browser.value("told.innerText").splitlines() == [
        "pass mem:0xb4000000 0xb4000000..0xb4400000 (4 MiB)",
        "host 0x34000000..0x34400000",
        "vm0.qvmconf:18: pass loc mem:0xb4000000,0x400000,rm=0x34000000",
    ]
    seen = browser.value("[...document.querySelectorAll('.item.seen text')].map(t=>t.textContent)")
    assert [text for text in seen if text.startswith("0x")] == [
        "0xb4000000 pass rwxm",
        "0x34000000 guest@30000000",
    ]
    assert browser.value("document.querySelectorAll('.link.seen').length") == 1
    browser.point_at(1, 1)
    assert browser.value("getComputedStyle(told).display") == "none"


def test_a_pointer_at_an_arrow_is_shown_its_pass(browser, tmp_path):
    opened(browser, tmp_path, two_vms())
    x, y = browser.value("""(() => {
      const path = document.querySelector(".link .arrow");
      const point = path.getPointAtLength(path.getTotalLength() / 6);
      const at = point.matrixTransform(path.getScreenCTM());
      return [at.x, at.y];
    })()""")
    browser.point_at(x, y)
    assert "vm0.qvmconf:15: pass loc mem:0x1f200000" in browser.value("told.innerText")


def test_a_conflict_is_red_hatched_and_tells_its_message(browser, tmp_path):
    opened(browser, tmp_path, broken_system())
    browser.point_at(*middle_of(browser, "!1 0xfe202000"))
    shown = browser.value("told.innerText")
    assert CONFLICT_LINE in shown
    assert "conflict 1: 0xfe201000..0xfe202000 of the host is passed to this guest a" in shown
    red = browser.value("""[...document.querySelectorAll(".item.bad .bar")].map(
        (bar) => getComputedStyle(bar).stroke)""")
    assert set(red) == {"rgb(200, 16, 46)"}
    hatched = browser.value("""[...document.querySelectorAll(".hatch")].map(
        (each) => getComputedStyle(each).fill)""")
    assert set(hatched) == {'url("#hatch")'}
    clean = browser.value("""[...document.querySelectorAll(".item:not(.bad) .bar")].map(
        (bar) => getComputedStyle(bar).stroke)""")
    assert "rgb(200, 16, 46)" not in clean


def test_the_keyboard_reaches_what_the_pointer_does(browser, tmp_path):
    opened(browser, tmp_path, two_vms())
    browser.press("Tab")
    assert "vm0.qvmconf:5: vdev gic" in browser.value("told.innerText")
    browser.press("Escape")
    assert browser.value("getComputedStyle(told).display") == "none"
    names = browser.value(
        "[...document.querySelectorAll('.item')].filter(i => !i.getAttribute('aria-label')).length"
    )
    assert names == 0


def test_dark_is_dark_and_guests_have_colours_of_their_own(browser, tmp_path):
    fills = {}
    for dark in (False, True):
        opened(browser, tmp_path, two_vms(), dark=dark)
        fills[dark] = browser.value("getComputedStyle(document.querySelector('.paper')).fill")
        arrows = browser.value("""[...document.querySelectorAll(".link")].map((link) =>
            [link.classList[1], getComputedStyle(link.querySelector(".arrow")).stroke])""")
        assert len({colour for _, colour in arrows}) == len({vm for vm, _ in arrows}) == 2
    assert fills == {False: "rgb(255, 255, 255)", True: "rgb(20, 24, 29)"}


def test_a_hostile_configuration_is_only_shown(browser, tmp_path):
    attack = "</title></svg><script>document.title='gone'</script><img src=x onerror=alert(1)>"
    text = f'system "{attack}"\nram 0x80000000,2m\nload 0x80000000,"{attack}"\n'
    opened(browser, tmp_path, picture_of_texts(text, name=attack))
    assert browser.value("document.title").startswith(attack[:20])
    assert browser.value("document.querySelectorAll('img').length") == 0
    assert browser.value("document.querySelectorAll('script').length") == 1
    assert browser.requests == [(tmp_path / "picture.html").as_uri()]
    browser.point_at(*middle_of(browser, "0x80000000 ram"))
    assert attack in browser.value("told.innerText")


def test_the_svg_alone_is_drawn_alike(browser, tmp_path):
    file = tmp_path / "picture.svg"
    file.write_text(picture_as_svg(broken_system()), encoding="utf-8")
    browser.open(file)
    assert browser.value(OVERLAPPING) == []
    assert browser.value(OUTSIDE) == []
    titles = browser.value("[...document.querySelectorAll('.item title')].map(t=>t.textContent)")
    assert any(CONFLICT_LINE in title for title in titles)
    assert browser.requests == [file.as_uri()]
