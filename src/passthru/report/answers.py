# SPDX-License-Identifier: Apache-2.0
"""Answers to queries: in the notation of the language, and as JSON.

In text, numbers that are addresses or sizes are hexadecimal with a prefix, which the language
reads back as the same; those that are counts are decimal. In JSON all are numbers.
"""

import json

from passthru.language.locations import Space
from passthru.language.model import (
    BlobType,
    Cpu,
    Interrupt,
    Load,
    Location,
    MemoryLocation,
    MemoryOption,
    Pass,
    PortLocation,
    Reserve,
    Setting,
    Text,
    Variable,
    Vdev,
)
from passthru.language.query import Answer, DevicePlace, Value, device_places
from passthru.language.words import quote
from passthru.report.unicode import encodable

__all__ = ["answer_as_json", "answer_as_text"]

_Json = dict[str, object] | list[object] | str | int | None


def answer_as_text(answer: Answer) -> str:
    """The values for a shell: one on a line, a string as it is and the rest as words."""
    return "".join(f"{_words(value)}\n" for value in answer.values)


def answer_as_json(answer: Answer) -> str:
    """The value, or null, of a query for one thing; a list for every other query."""
    values = [_json(value) for value in answer.values]
    document = (values[0] if values else None) if answer.single else values
    return json.dumps(document, indent=2) + "\n"


def _words(value: Value) -> str:
    match value:
        case str():
            return value
        case bool():
            return "on" if value else "off"
        case int():
            return str(value)
        case MemoryOption():
            start = "" if value.start is None else f"{value.start:#x},"
            return f"{start}{value.size:#x}"
        case DevicePlace():
            return _device_place(value)
        case Interrupt():
            return _interrupt(value)
        case Load():
            address = "" if value.address is None else f"{value.address:#x},"
            return f"{_blob(value.blob)}load {quote(address + value.path)}"
        case Variable():
            return f"{value.name} {quote(value.value)}"
        case Setting():
            return f"{_blob(value.blob)}{' '.join((value.name, *map(quote, value.values)))}"
        case Cpu() | Pass() | Reserve() | Vdev():
            return _context(value)
        case _:
            return _location(value)


def _context(value: Cpu | Pass | Reserve | Vdev) -> str:
    match value:
        case Cpu():
            names = ("cluster", "runmask", "partition", "sched")
            texts = ((name, getattr(value, name)) for name in names)
            words = [f"{name} {quote(text.value)}" for name, text in texts if text is not None]
            return " ".join(("cpu", *words))
        case Pass():
            sched = [f"sched {quote(value.sched.value)}"] if value.sched else []
            return " ".join((f"{_blob(value.blob)}pass", *_common(value), *sched))
        case Reserve():
            return " ".join(("reserve", *_common(value)))
        case Vdev():
            places = [f"loc {_words(place)}" for place in device_places(value)]
            lines = [f"intr {_interrupt(interrupt)}" for interrupt in value.interrupts]
            name = [f"name {quote(value.name.value)}"] if value.name else []
            own = [
                each.name if each.value is None else f"{each.name} {quote(each.value)}"
                for each in value.options
            ]
            return " ".join((f"vdev {value.type}", *places, *lines, *name, *own))


def _common(value: Pass | Reserve) -> list[str]:
    locations = [f"loc {_location(location)}" for location in value.locations]
    return [*locations, *(f"intr {_interrupt(each)}" for each in value.interrupts)]


def _location(location: Location) -> str:
    if isinstance(location, MemoryLocation):
        guest, host = location.guest, location.host
        other = f"={host.start:#x}" if host.start != guest.start else ""
        return f"{guest.start:#x},{guest.size:#x},{location.access}{other}"
    if isinstance(location, PortLocation):
        ports = location.ports
        return f"io:{ports.start:#x},{ports.size:#x},{location.access}"
    if location.guest is None or location.guest == location.host:
        return str(location.host)
    return f"{location.guest}={location.host}"


def _device_place(place: DevicePlace) -> str:
    prefix = "" if place.space is Space.MEMORY else place.space.value
    return f"{prefix}{place.start:#x}"


def _interrupt(interrupt: Interrupt) -> str:
    line = "" if interrupt.line is None else f":{interrupt.line}"
    attribute = ",u" if interrupt.immediate_unmask else ""
    vector = "" if interrupt.vector is None else f"={interrupt.vector}"
    return f"{interrupt.controller}{line}{attribute}{vector}"


def _blob(blob: BlobType | None) -> str:
    return f"{blob.value} " if blob else ""


def _json(value: Value) -> _Json:
    match value:
        case str():
            return encodable(value)
        case int():
            return value
        case MemoryOption():
            return {"start": value.start, "size": value.size}
        case DevicePlace():
            return {"type": value.space.value.removesuffix(":"), "start": value.start}
        case Interrupt():
            return {
                "controller": encodable(value.controller),
                "line": value.line,
                "immediate_unmask": value.immediate_unmask,
                "vector": value.vector,
            }
        case Load():
            return {
                "blob": _blob_json(value.blob),
                "address": value.address,
                "path": encodable(value.path),
            }
        case Variable():
            return {"name": encodable(value.name), "value": encodable(value.value)}
        case Setting():
            values: list[object] = [encodable(each) for each in value.values]
            return {"name": value.name, "values": values, "blob": _blob_json(value.blob)}
        case Cpu() | Pass() | Reserve() | Vdev():
            return _context_json(value)
        case _:
            return _location_json(value)


def _context_json(value: Cpu | Pass | Reserve | Vdev) -> _Json:
    match value:
        case Cpu():
            return {
                "cluster": _text_json(value.cluster),
                "runmask": _text_json(value.runmask),
                "partition": _text_json(value.partition),
                "sched": _text_json(value.sched),
            }
        case Pass():
            return {
                "blob": _blob_json(value.blob),
                **_common_json(value),
                "sched": _text_json(value.sched),
            }
        case Reserve():
            return _common_json(value)
        case Vdev():
            return {
                "type": encodable(value.type),
                "name": _text_json(value.name),
                "loc": [_json(place) for place in device_places(value)],
                "intr": [_json(interrupt) for interrupt in value.interrupts],
                "options": [
                    {
                        "name": encodable(each.name),
                        "value": None if each.value is None else encodable(each.value),
                    }
                    for each in value.options
                ],
            }


def _common_json(value: Pass | Reserve) -> dict[str, object]:
    return {
        "loc": [_location_json(location) for location in value.locations],
        "intr": [_json(interrupt) for interrupt in value.interrupts],
    }


def _location_json(location: Location) -> _Json:
    if isinstance(location, MemoryLocation):
        return {
            "type": "mem",
            "guest": location.guest.start,
            "size": location.guest.size,
            "access": str(location.access),
            "host": location.host.start,
        }
    if isinstance(location, PortLocation):
        return {
            "type": "io",
            "start": location.ports.start,
            "size": location.ports.size,
            "access": str(location.access),
        }
    guest = None if location.guest is None else str(location.guest)
    return {"type": "pci", "guest": guest, "host": str(location.host)}


def _text_json(text: Text | None) -> str | None:
    return None if text is None else encodable(text.value)


def _blob_json(blob: BlobType | None) -> str | None:
    return blob.value if blob else None
