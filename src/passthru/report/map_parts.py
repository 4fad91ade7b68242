# SPDX-License-Identifier: Apache-2.0
"""The parts of a panel: a few guests at a time beside what of the host concerns them."""

from collections.abc import Iterator, Sequence

from passthru.lean import NamedTuple
from passthru.report.map_layout import ColumnLayout, Room, column_layout, list_layout
from passthru.report.map_model import MEMORY_KINDS, Column, Link, Panel

__all__ = ["LaidOut", "Part", "laid_out", "parts", "struck"]


class Part(NamedTuple):
    """Some guests of a panel, by their numbers in it, and the arrows from them.

    The numbers in ``links`` are of the panel's guests and of this part's ``host``.
    """

    vms: tuple[int, ...]
    guests: tuple[Column, ...]
    host: Column
    links: tuple[Link, ...]
    by_address: bool


class LaidOut(NamedTuple):
    """Where everything in the columns of a part stands."""

    guests: tuple[ColumnLayout, ...]
    host: ColumnLayout

    @property
    def length(self) -> float:
        """Lines that the longest column takes."""
        return max(each.length for each in (*self.guests, self.host))


def parts(panel: Panel, guests_at_a_time: int) -> Iterator[Part]:
    """The panel in parts, in its order, without those whose guests have nothing in it.

    Of the host each has what its guests are given and what nobody is given.
    """
    given = {link.host for link in panel.links}
    for first in range(0, len(panel.guests), guests_at_a_time):
        vms = tuple(range(first, min(first + guests_at_a_time, len(panel.guests))))
        if not panel.by_address and not any(panel.guests[vm].items for vm in vms):
            continue
        links = [link for link in panel.links if link.vm in vms]
        mine = {link.host for link in links}
        kept = [
            number
            for number in range(len(panel.host.items))
            if number in mine or number not in given
        ]
        new_number = {number: place for place, number in enumerate(kept)}
        yield Part(
            vms=vms,
            guests=tuple(panel.guests[number] for number in vms),
            host=panel.host._replace(items=tuple(panel.host.items[number] for number in kept)),
            links=tuple(link._replace(host=new_number[link.host]) for link in links),
            by_address=panel.by_address,
        )


def laid_out(part: Part, room: Room, air: float) -> LaidOut:
    """All columns of ``part``, as long as the longest needs to be with ``air`` times that.

    One length for all keeps the arrows flat and lets the shorter ones show sizes.
    """
    columns = [*part.guests, part.host]
    if not part.by_address:
        layouts = [list_layout(len(column.items)) for column in columns]
    else:
        needed = max(layout.length for layout in _with_length(columns, room, 0.0))
        layouts = _with_length(columns, room, needed * air)
    return LaidOut(tuple(layouts[:-1]), layouts[-1])


def _with_length(columns: Sequence[Column], room: Room, length: float) -> list[ColumnLayout]:
    fitting = room._replace(length=length)
    return [
        column_layout(
            [item.range for item in each.items],
            [item.kind in MEMORY_KINDS for item in each.items],
            fitting,
        )
        for each in columns
    ]


def struck(column: Column, layout: ColumnLayout) -> frozenset[int]:
    """The things that are to be struck out as in conflict.

    Where a conflict is about a thing that lies on another, only the one on top is: all of a
    large RAM is not wrong because something small is in it.
    """
    found = [number for number, item in enumerate(column.items) if item.conflicts]

    def is_under(below: int, above: int) -> bool:
        lies_on = layout.placed[above].depth > layout.placed[below].depth
        return lies_on and column.items[above].range.overlaps(column.items[below].range)

    def is_told_by_another(number: int) -> bool:
        above = {
            conflict
            for other in found
            if is_under(number, other)
            for conflict in column.items[other].conflicts
        }
        return above.issuperset(column.items[number].conflicts)

    return frozenset(number for number in found if not is_told_by_another(number))
