# SPDX-License-Identifier: Apache-2.0
"""Puts syntax of course notes and other tools into the language's own words.

The hypervisor has no ``name=value`` members. People write them all the same, because notes
teach them (``pass addr=A,host=H,size=L``, ``pass interrupt=N``, ``pass loc H,guestloc G,len N``,
``ram addr=A,size=S``, ``system name=X``) or because other tools have them.
"""

import re

from passthru.diagnostics.source import Span
from passthru.language.access import parse_access
from passthru.language.cursor import Cursor
from passthru.language.numbers import BadNumber, Notation, Number, parse_number
from passthru.language.options import BLOB_TYPES, Context
from passthru.language.split_arguments import joined_at_blank, joined_at_commas
from passthru.language.translation import Translation
from passthru.language.words import Word
from passthru.lean import Mapping

__all__ = [
    "MEMBER_KEYS",
    "translate_argument",
    "translate_count",
    "translate_location",
    "translate_option",
]

_KEYS_OF = {
    "guest": "addr address base gpa guest guestaddr guestaddress guestloc guestphys start loc",
    "host": "host hostaddr hostaddress hostloc hostphys hpa paddr phys",
    "size": "size len length",
    "access": "access attr attributes attrs flags mode perm permissions perms prot",
    "dma": "dma",
    "interrupt": "interrupt intr int irq",
    "vector": "vector hostvector hostintr hostinterrupt hostirq",
    "port": "port ioport",
    "pci": "pci bdf",
    "file": "file image path",
    "name": "name type model",
    "count": "count cpu cpus n num number smp vcpus",
}

MEMBER_KEYS = {key: meaning for meaning, keys in _KEYS_OF.items() for key in keys.split()}
"""What people call the members, and what each means."""

_NUMBER = r"0[xX][0-9a-fA-F]+|0[dD][0-9]+|[0-9][0-9a-fA-F]*[kKmMgG]?(?:[iI]?[bB])?"
_COURSE_NOTES_LOCATION = (
    rf"({_NUMBER})[\s,]+guest(?:loc|addr)?[\s=]+({_NUMBER})"
    rf"[\s,]+(?:len|length|size)[\s=]+({_NUMBER})(?:[\s,]+([-+rwxcemdnst]+))?"
)
_WITHOUT_COMMAS = rf"(?:mem:|io:)?(?:{_NUMBER}) (?:{_NUMBER})(?: [-+rwxcemdnst]+)?"
_GUEST_HOST_LENGTH = rf"({_NUMBER}),({_NUMBER}),({_NUMBER})(?:,([-+a-z]+))?"
_MOST_WORDS = 8
"""A course notes' location has at most this many words."""


class _Members:
    """The members of one device or memory, and what comes of them.

    ``complete`` turns False where something cannot be put into the language, ``certain``
    where something else could be meant.
    """

    def __init__(self, values: Mapping[str, str], span: Span, controller: str) -> None:
        self.values = values
        self.span = span
        self.complete = True
        self.certain = True
        self._controller = controller

    def translation(self, right: str, form: str) -> Translation:
        """``right`` in the place of the members; the general ``form`` where it is not complete."""
        if self.complete and right:
            return Translation(self.span, right, certain=self.certain)
        return Translation(self.span, form, complete=False, certain=False)

    def address(self, text: str) -> str:
        """``text`` with a prefix, if it needs one."""
        number = parse_number(text, Notation.ADDRESS)
        if isinstance(number, BadNumber):
            return self._meant(text, number)
        if not number.ambiguous:
            return text
        if text.isdigit():
            # Here it would be hexadecimal; where its writer comes from, who knows.
            self.certain = False
            return f"0x{text}"
        return f"0d{text}"

    def length(self, text: str) -> str:
        """``text`` with a prefix, if it needs one."""
        number = parse_number(text, Notation.LENGTH)
        return self._meant(text, number) if isinstance(number, BadNumber) else text

    def _meant(self, text: str, number: BadNumber) -> str:
        self.complete = self.complete and number.meant is not None
        self.certain = self.certain and number.certain
        return number.meant or text

    def letters(self) -> str:
        """The access letters with a comma before them; nothing where none are given."""
        letters = self.values.get("access", "")
        self.complete = self.complete and not parse_access(letters).unknown
        if "dma" in self.values:
            uses_dma = self.values["dma"].lower() in ("1", "d", "on", "true", "yes")
            letters = (letters or "rw") + ("d" if uses_dma else "n")
        return f",{letters}" if letters else ""

    def location(self) -> str:
        """The argument of ``loc``; nothing if no member is about a location."""
        given = self.values
        if "pci" in given:
            return f"pci:{given['pci'].removeprefix('pci:')}"
        if "port" in given:
            length = f",{self.length(given['size'])}" if "size" in given else ""
            return f"io:{self.address(given['port'])}{length}{self.letters()}"
        if given.keys().isdisjoint(("guest", "host", "size", "access", "dma")):
            return ""
        self.complete = self.complete and "guest" in given and "size" in given
        guest, size = self.address(given.get("guest", "0")), self.length(given.get("size", "0"))
        host = f"={self.address(given['host'])}" if "host" in given else ""
        return f"{guest},{size}{self.letters()}{host}"

    def interrupt(self) -> str:
        """The argument of ``intr``; nothing if no member is an interrupt."""
        if "interrupt" not in self.values:
            return ""
        name, _, line = self.values["interrupt"].rpartition(":")
        vector = self.values.get("vector")
        self.complete = self.complete and _is_plain(line) and (vector is None or _is_plain(vector))
        return f"{name or self._controller}:{line}" + (f"={vector}" if vector else "")

    def options(self, location: str) -> str:
        """``loc`` and ``intr`` with their arguments."""
        interrupt = self.interrupt()
        words = (f"loc {location}" if location else "", f"intr {interrupt}" if interrupt else "")
        return " ".join(word for word in words if word)


def _is_address(text: str) -> bool:
    return isinstance(parse_number(text, Notation.ADDRESS), Number)


def _is_plain(text: str) -> bool:
    return isinstance(parse_number(text, Notation.PLAIN), Number)


_LOCATION_FORM = "GUEST,LENGTH[,ACCESS][=HOST]"
_VDEV_FORM = "loc ADDRESS intr CONTROLLER:LINE"


def translate_option(
    word: Word, cursor: Cursor, context: Context | None, controller: str
) -> Translation | None:
    """What ``word``, which is no option, and the words behind it say in another syntax."""
    if word.quoted:
        return None
    if context is Context.PASS and (match := re.fullmatch(_GUEST_HOST_LENGTH, word.value)):
        return _three_numbers(match.groups(), word.span, controller)
    name, equals, value = word.value.partition("=")
    if not equals or not value:
        return None
    if name in BLOB_TYPES and not _is_address(value):
        return Translation(word.span, f"{name} load {value}")
    members = _take_members(word, cursor, controller)
    if members is None:
        return None
    if context is Context.PASS:
        return members.translation(members.options(members.location()), f"loc {_LOCATION_FORM}")
    if context is Context.VDEV:
        return members.translation(_vdev_options(members), _VDEV_FORM)
    if "count" in members.values and context in (None, Context.CPU):
        return _cpus(members.span, members.values["count"], are_there=context is Context.CPU)
    if members.values.keys() == {"name"}:
        return Translation(members.span, f"system {members.values['name']}", certain=False)
    return members.translation("", "OPTION ARGUMENT")


def translate_count(word: Word, cursor: Cursor, context: Span | None) -> Translation | None:
    """What ``cpus 4`` says, or the ``4`` of ``cpu 4`` where ``context`` is that ``cpu``."""
    if context is not None and word.value.isdecimal():
        between = word.source.text[context.end : word.start]
        is_behind = context.source is word.source and not between.strip()
        return _cpus(word.span, word.value, are_there=True) if is_behind else None
    number = cursor.peek()
    if number is None or not number.value.isdecimal() or word.quoted or number.quoted:
        return None
    if MEMBER_KEYS.get(word.value.lower()) != "count":
        return None
    cursor.skip(1)
    return _cpus(word.span.to(number.span), number.value, are_there=False)


def translate_argument(
    option: str, word: Word, cursor: Cursor, controller: str
) -> Translation | None:
    """What ``word``, the argument of ``option``, and the words behind it say otherwise."""
    if word.quoted or not word.known:
        return None
    if "=" not in word.value:
        return joined_at_commas(word, cursor) or joined_at_blank(option, word, cursor)
    if option == "set":
        name, _, value = word.value.partition("=")
        return Translation(word.span, f"{name} {value}") if name and value else None
    if option not in ("load", "ram", "rom", "system", "vdev"):
        return None
    if option == "vdev" and "=" not in word.value.partition(",")[0]:
        word = word._replace(value=f"name={word.value}")
    members = _take_members(word, cursor, controller)
    if members is None:
        return None
    name, at = members.values.get("name", ""), members.values.get("guest")
    if option == "vdev":
        right = f"{name} {_vdev_options(members)}".strip() if name else ""
        return members.translation(right, f"TYPE {_VDEV_FORM}")
    if option == "system":
        return members.translation(name, "NAME")
    start = f"{members.address(at)}," if at else ""
    if option == "load":
        path = members.values.get("file")
        return members.translation(start + path if path else "", "[ADDRESS,]FILE")
    size = members.values.get("size")
    right = start + members.length(size) if size else ""
    return members.translation(right, "[START,]LENGTH")


def translate_location(word: Word, cursor: Cursor, controller: str) -> Translation | None:
    """What ``word``, the argument of ``loc`` in ``pass``, and the words behind it say otherwise."""
    if word.quoted or not word.known:
        return None
    following = cursor.following(_MOST_WORDS - 1)
    for used in range(len(following), -1, -1):
        text = " ".join(each.value for each in (word, *following[:used]))
        if match := re.fullmatch(_COURSE_NOTES_LOCATION, text):
            cursor.skip(used)
            host, guest, size, letters = match.groups()
            span = word.span.to(following[used - 1].span) if used else word.span
            return _passed(guest, host, size, letters, span, controller, "")
        if re.fullmatch(_WITHOUT_COMMAS, text):
            cursor.skip(used)
            return Translation(word.span.to(following[used - 1].span), text.replace(" ", ","))
    members = _take_members(word, cursor, controller)
    if members is None:
        return joined_at_commas(word, cursor)
    return members.translation(members.location(), _LOCATION_FORM)


def _three_numbers(fields: tuple[str | None, ...], span: Span, controller: str) -> Translation:
    """``GUEST,HOST,LENGTH``; where the last number is higher it can hardly be the length."""
    guest, host, size, letters = (field or "" for field in fields)
    is_length_last = _size_of(size) <= _size_of(host)
    if not is_length_last:
        host, size = size, host
    translation = _passed(guest, host, size, letters, span, controller, "loc ")
    return translation._replace(certain=translation.certain and is_length_last)


def _size_of(text: str) -> int:
    number = parse_number(text, Notation.LENGTH)
    return number.value if isinstance(number, Number) else 0


def _passed(
    guest: str, host: str, size: str, access: str | None, span: Span, controller: str, before: str
) -> Translation:
    """A location in the language's order, with ``before`` before it."""
    values = {"guest": guest, "host": host, "size": size, "access": access or ""}
    members = _Members(values, span, controller)
    return members.translation(before + members.location(), before + _LOCATION_FORM)


def _vdev_options(members: _Members) -> str:
    """A virtual device knows its size, so its location is an address."""
    at = members.values.get("guest")
    return members.options(members.address(at) if at else "")


def _cpus(span: Span, count: str, *, are_there: bool) -> Translation:
    """``cpu count=3``: a ``cpu`` for each; what stands behind it would be the last one's.

    One of them is there already where the context of a ``cpu`` is open.
    """
    more = int(count) - are_there if count.isdecimal() and len(count) < 3 else 0
    text = " ".join(["cpu"] * more)
    return Translation(span, text or "cpu", complete=more > 0, certain=False)


def _take_members(word: Word, cursor: Cursor, controller: str) -> _Members | None:
    """The members in ``word`` and the words behind it, which are taken; None if it has none."""
    values = _members_of(word)
    if not values:
        return None
    last = word
    for following in cursor.following(_MOST_WORDS):
        more = _members_of(following)
        if not more or not values.keys().isdisjoint(more):
            break
        values.update(more)
        last = following
        cursor.skip(1)
    return _Members(values, word.span.to(last.span), controller)


def _members_of(word: Word) -> dict[str, str] | None:
    """The members that ``word`` lists, by what they mean; None where it is anything else."""
    if word.quoted or not word.known:
        return None
    values: dict[str, str] = {}
    for piece in word.value.strip(",").split(","):
        name, _, value = piece.partition("=")
        meaning = MEMBER_KEYS.get(name.lower().replace("-", "").replace("_", ""))
        if meaning is None or not value or meaning in values:
            return None
        values[meaning] = value
    return values
