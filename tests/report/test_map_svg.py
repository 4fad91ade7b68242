# SPDX-License-Identifier: Apache-2.0
import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from map_pictures import broken_system, picture_of_texts, text_of, two_vms
from passthru import rules
from passthru.addresses import AddressRange
from passthru.report.map_html import picture_as_html
from passthru.report.map_model import Column, Conflict, Item, ItemKind, Panel, Picture
from passthru.report.map_style import STYLE, class_of
from passthru.report.map_svg import picture_as_svg
from sample_board import BOARD

SVG = "{http://www.w3.org/2000/svg}"
LINE, CHARACTER = 17, 6.7

PICTURES = {
    "two VMs": two_vms,
    "conflicts": broken_system,
    "x86": lambda: picture_of_texts(text_of("desk"), board=BOARD, kvm=True),
    "no board": lambda: picture_of_texts(text_of("linux")),
    "three VMs": lambda: picture_of_texts(text_of("linux"), text_of("control"), text_of("broken")),
    "nothing": lambda: picture_of_texts(""),
}

HOSTILE = "<script>alert(1)</script>\"'&]]>--><b>\x1b[31m\x00\x08\u202e\ud800\ufffe"


@pytest.fixture(params=PICTURES.values(), ids=PICTURES)
def picture(request) -> Picture:
    made: Picture = request.param()
    return made


def drawn(picture: Picture) -> ElementTree.Element:
    return ElementTree.fromstring(picture_as_svg(picture))


def parts(root: ElementTree.Element, kind: str) -> list[ElementTree.Element]:
    return [each for each in root.iter(f"{SVG}g") if kind in each.get("class", "").split()]


def bar(item: ElementTree.Element) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of a thing's bar."""
    box = next(each for each in item.iter(f"{SVG}rect") if each.get("class") == "bar")
    left, top, width, height = (float(box.get(name, 0)) for name in ("x", "y", "width", "height"))
    return left, top, left + width, top + height


def words(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


def text_boxes(root: ElementTree.Element) -> list[tuple[str, float, float, float, float]]:
    """Every text of fixed width with the box that it takes."""
    boxes = []
    for text in root.iter(f"{SVG}text"):
        if text.get("class") not in (None, "size"):
            continue
        x, y, width = float(text.get("x", 0)), float(text.get("y", 0)), CHARACTER * len(words(text))
        left = x - width if text.get("class") == "size" else x
        boxes.append((words(text), left, y - 9, left + width, y + 3))
    return boxes


def test_everything_of_the_model_is_drawn(picture):
    root = drawn(picture)
    pairs = [len(panel.guests) > 2 for panel in picture.panels]
    items = [item for panel in picture.panels for guest in panel.guests for item in guest.items]
    found = len(parts(root, "item"))
    assert found >= len(items)
    if not any(pairs):
        hosts = [item for panel in picture.panels for item in panel.host.items]
        assert found == len(items) + len(hosts)
    links = [link for panel in picture.panels for link in panel.links]
    assert len(parts(root, "link")) == len(links)
    marked = [link for link in links if link.conflicts]
    assert sum("bad" in each.get("class", "") for each in parts(root, "link")) == len(marked)


def test_no_text_is_on_another_and_all_are_on_the_paper(picture):
    root = drawn(picture)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    boxes = text_boxes(root)
    for text, left, top, right, bottom in boxes:
        assert left >= 0, text
        assert top >= 0, text
        assert right <= width, text
        assert bottom <= height, text
    for one, other in combinations(boxes, 2):
        apart = one[3] <= other[1] or other[3] <= one[1] or one[4] <= other[2] or other[4] <= one[2]
        assert apart, (one, other)


def test_the_text_of_a_thing_is_within_its_bar(picture):
    for item in parts(drawn(picture), "item"):
        left, top, right, bottom = bar(item)
        for text, text_left, text_top, text_right, text_bottom in text_boxes(item):
            assert left <= text_left <= text_right <= right, text
            assert top <= text_top <= text_bottom <= bottom + 0.5, text


def test_an_arrow_goes_from_the_edge_of_one_bar_to_the_edge_of_another(picture):
    root = drawn(picture)
    for link in parts(root, "link"):
        name = link.get("data-links", "")
        ends = [
            bar(item) for item in parts(root, "item") if name in item.get("data-links", "").split()
        ]
        assert len(ends) == 2, name
        head = next(each for each in link if each.get("class") == "head").get("d", "")
        line = next(each for each in link if each.get("class") == "arrow").get("d", "")
        start = tuple(float(each) for each in re.findall(r"[\d.]+", line)[:2])
        tip = tuple(float(each) for each in re.findall(r"[\d.]+", head)[:2])
        for x, y in (start, tip):
            assert any(
                min(abs(x - left), abs(x - right)) < 0.2 and top <= y <= bottom
                for left, top, right, bottom in ends
            ), (name, x, y, ends)


def test_a_thing_of_the_host_has_a_stripe_at_the_side_of_each_of_its_guests():
    text = "system {}\nram 0x80000000,1m\npass loc 0xa0000000,0x1000,rn=0x50000000\n"
    root = drawn(picture_of_texts(text.format("a"), text.format("b")))
    hosts = [item for item in parts(root, "item") if " " in item.get("data-links", "")]
    assert len(hosts) == 1
    left, _, right, _ = bar(hosts[0])
    stripes = {
        (group.get("class"), float(box.get("x", 0)), float(box.get("width", 0)))
        for group in hosts[0].iter(f"{SVG}g")
        for box in group
        if box.get("class") == "edge"
    }
    assert stripes == {("vm0", left, 5.0), ("vm1", right - 5, 5.0)}


def test_the_legend_has_what_is_drawn_and_nothing_else():
    texts = [words(each) for each in drawn(two_vms()).iter(f"{SVG}text")]
    assert {kind.value for kind in ItemKind} & set(texts) == {
        "RAM",
        "ROM",
        "passed from the host",
        "passed as system memory",
        "kept free",
        "virtual device",
        "loaded data",
        "RAM that the host allocates",
        "RAM kept from the host",
        "the host's devices",
    }
    in_conflict = "conflict, with its number in the list"
    assert in_conflict not in texts
    assert in_conflict in [words(each) for each in drawn(broken_system()).iter(f"{SVG}text")]


def test_a_column_is_in_the_order_of_its_addresses():
    root = drawn(two_vms())
    end = next(float(t.get("y", 0)) for t in root.iter(f"{SVG}text") if words(t) == "Interrupts")
    columns: dict[int, list[tuple[float, int]]] = {}
    for item in parts(root, "item"):
        left, top, _, _ = bar(item)
        if top < end:
            label = words(next(item.iter(f"{SVG}text")))
            columns.setdefault(int(left / 350), []).append((top, int(label.split()[0], 16)))
    assert [len(each) for each in columns.values()] == [17, 16, 18]
    for column in columns.values():
        addresses = [address for _, address in sorted(column)]
        assert addresses == sorted(addresses)


def test_a_pointer_is_told_the_line_of_the_configuration(picture):
    for item in parts(drawn(picture), "item"):
        title = next(each for each in item if each.tag == f"{SVG}title")
        assert title.text
    told = [words(each) for each in drawn(two_vms()).iter(f"{SVG}title")]
    assert any("vm0.qvmconf:11: pass loc mem:0xfe340000,0x1000,rwn intr gic:158" in t for t in told)


def test_a_conflict_tells_its_message_and_has_its_number_at_both_ends():
    root = drawn(broken_system())
    bad = [each for each in parts(root, "item") if "bad" in each.get("class", "").split()]
    told = [words(next(iter(each))) for each in bad]
    assert any(
        "conflict 1: 0xfe201000..0xfe202000 of the host is passed to this guest a second time "
        "[host-memory-claimed-twice]" in text
        for text in told
    )
    labels = [text for text, *_ in text_boxes(root) if text.startswith("!1 ")]
    assert sorted(labels) == [
        "!1 0xfe201000 pass rwn",
        "!1 0xfe201000 serial@7e201000",
        "!1 0xfe202000 pass rwn",
    ]


def test_what_is_struck_out_is_the_small_thing_and_not_the_large_one_below():
    root = drawn(broken_system())
    hatched = {
        words(next(item.iter(f"{SVG}text")))
        for item in parts(root, "item")
        if any(each.get("class") == "hatch" for each in item.iter(f"{SVG}rect"))
    }
    assert any("0x81000000" in text for text in hatched)
    assert not any("0x80000000 ram" in text for text in hatched)


def test_what_is_in_many_conflicts_keeps_its_name():
    text = "ram 0x80000000,1m\n" + "pass loc mem:0x80000000,0x1000,rwn\n" * 50
    root = drawn(picture_of_texts(text))
    ram = next(each for each, *_ in text_boxes(root) if each.endswith(" ram"))
    assert re.fullmatch(r"!\d+ \+\d+ 0x80000000 ram", ram)
    told = [words(each) for each in root.iter(f"{SVG}title")]
    assert max(each.count("\n") for each in told) < 50
    assert any(re.search(r"and \d+ more$", each) for each in told)
    below = [words(each) for each in root.iter(f"{SVG}text") if each.get("class") == "told"]
    assert re.fullmatch(r"and \d+ more: `passthru check` tells them", below[-1])


def test_the_same_picture_is_drawn_twice(picture):
    assert picture_as_svg(picture) == picture_as_svg(picture)
    assert picture_as_html(picture) == picture_as_html(picture)


def test_nothing_outside_is_referred_to(picture):
    for text in (picture_as_svg(picture), picture_as_html(picture)):
        addresses = set(re.findall(r"[a-z]+://[^\s\"'<)]+", text))
        assert addresses <= {"http://www.w3.org/2000/svg"}
        assert not re.search(r"<(?:link|img|iframe|object|embed|use|image)\b|@import", text)
        assert set(re.findall(r"url\(([^)]*)\)", text)) <= {"#hatch"}


def hostile_picture(text: str) -> Picture:
    item = Item(AddressRange(0, 4096), ItemKind.PASSED, text, text, text, (text, text), (1,))
    column = Column(text, text, (item,))
    panel = Panel("Addresses", (column,), column, (), True)
    return Picture(text, (panel,), (Conflict(1, "id", text, (text,)),), (text,))


@settings(max_examples=25)
@given(st.text(max_size=60))
@example(HOSTILE)
def test_whatever_a_configuration_contains_is_text_only(text):
    svg = picture_as_svg(hostile_picture(text))
    plain = picture_as_svg(hostile_picture("plain"))
    root = ElementTree.fromstring(svg.encode())
    assert {each.tag for each in root.iter()} == {
        each.tag for each in ElementTree.fromstring(plain).iter()
    }
    attributes = {name for each in root.iter() for name in each.attrib}
    assert not any(name.startswith("on") or "href" in name for name in attributes)
    html = picture_as_html(hostile_picture(text))
    assert html.count("<script") == html.count("</script") == 1
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\ud800-\udfff]", svg)


@pytest.mark.parametrize(("kvm", "board"), [(False, None), (True, BOARD)], ids=["qvm", "kvm"])
def test_every_configuration_has_a_picture(kvm, board):
    examples = Path(rules.__file__).parent / "examples"
    texts = [path.read_text() for path in examples.glob("*/*.qvmconf")]
    texts.append((Path(__file__).parents[1] / "every_option.qvmconf").read_text())
    assert len(texts) > 50
    for text in texts:
        shown = picture_of_texts(text, board=board, kvm=kvm)
        assert parts(drawn(shown), "item") or not any(
            column.items for panel in shown.panels for column in (*panel.guests, panel.host)
        )


@pytest.mark.parametrize(
    "text",
    [
        "ram 0,0xffffffffffffffff",
        "ram 0xffffffffffffffff,0xffffffffffffffff",
        "ram 0x1000,0",
        "pass loc mem:0x1000,0,rn",
        "pass loc 0,0xffffffffffffffff,rn=1",
        "vdev gic gicd 0xffffffffffffffff",
        "ram 0,1m load 0xffffffffffffffff,x",
        "pass loc io:0,0x10000",
    ],
)
def test_the_ends_of_address_spaces_can_be_drawn(text):
    for board in (None, BOARD):
        assert drawn(picture_of_texts(text, board=board)) is not None


def test_every_kind_has_a_colour_in_the_light_and_in_the_dark():
    light, dark = STYLE.split("@media", 1)
    for kind in ItemKind:
        name = class_of(kind)
        assert f"--{name}: #" in light, kind
        assert f"--{name}: #" in dark, kind
        assert f".{name} .bar {{ fill: var(--{name})" in STYLE, kind


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_texts_and_arrows_can_be_told_from_what_is_behind_them(mode):
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6})", STYLE.split("@media", 1)[mode]))
    for kind in ItemKind:
        fill = colours[class_of(kind)]
        assert contrast(colours["ink"], fill) >= 7, kind
        assert contrast(colours["faint"], fill) >= 3, kind
        assert contrast(colours["bad"], fill) >= 3, kind
    for name, colour in colours.items():
        if re.fullmatch(r"vm\d|bad|faint|ink", name):
            assert contrast(colour, colours["paper"]) >= 3, name


def test_each_large_hole_has_its_size_however_small_all_else_is() -> None:
    small = "ram 0x0,256m vdev gic pass loc 0x50000000,4k,rn=0x28000000 pass loc 0x53000000,4k,rn"
    shown = words(drawn(picture_of_texts(small)))
    assert "1 GiB empty" in shown
    assert "~48 MiB empty" in shown
