# SPDX-License-Identifier: Apache-2.0
"""Lean stand-ins for ``typing.NamedTuple``, ``enum`` and ``collections.abc``.

Importing those modules takes longer than reading, checking and planning a configuration
does, and ``typing.NamedTuple`` compiles a piece of text for each class. What is used on the
way to a guest's start is therefore made here, from a dictionary. To a type checker these are
the originals. They leave out what nothing here needs; a mistake in a class body that the
originals would refuse is the type checker's to find.
"""

# All of this comes with the interpreter; its public names load much more. The first is what
# the tuple classes of ``collections`` read an element with.
from _collections import _tuplegetter  # type: ignore[import-not-found]
from _collections_abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = [
    "TYPE_CHECKING",
    "Callable",
    "Enum",
    "Final",
    "IntEnum",
    "Iterable",
    "Iterator",
    "Mapping",
    "NamedTuple",
    "Protocol",
    "Sequence",
    "partial",
]

TYPE_CHECKING = False
"""Type checkers take this name for true; it stands in ``typing``, which is not loaded."""


class _TupleType(type):
    """Makes a tuple class of the names that are annotated in a class body."""

    _fields: tuple[str, ...]
    _make: Callable[[Iterable[object]], "_NamedTuple"]
    _field_defaults: dict[str, object]

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object]) -> "_TupleType":
        annotations = body.get("__annotations__")
        fields = tuple(annotations) if isinstance(annotations, dict) else ()
        body["_field_defaults"] = {field: body[field] for field in fields if field in body}
        for position, field in enumerate(fields):
            body[field] = _tuplegetter(position, None)
        body["_fields"] = body["__match_args__"] = fields
        body["__slots__"] = ()
        made = super().__new__(cls, name, bases, body)
        # The quick way for all elements at once; their number is not looked at. It is bound
        # here, for good: at each call that would take a third of the time.
        made._make = classmethod(tuple.__new__).__get__(None, made)  # type: ignore[call-overload]
        return made


class _NamedTuple(tuple[object, ...], metaclass=_TupleType):
    """What the tuple classes have in common."""

    def __new__(cls, *values: object, **named: object) -> "_NamedTuple":
        if named or len(values) != len(cls._fields):
            values = cls._completed(values, named)
        return tuple.__new__(cls, values)

    @classmethod
    def _completed(cls, values: tuple[object, ...], named: dict[str, object]) -> tuple[object, ...]:
        """All elements: those given by place, then those by name and the defaults."""
        completed = list(values)
        for field in cls._fields[len(values) :]:
            if field not in named and field not in cls._field_defaults:
                raise TypeError(f"{cls.__name__} needs {field}")
            completed.append(named.pop(field, cls._field_defaults.get(field)))
        if named or len(completed) > len(cls._fields):
            raise TypeError(f"{cls.__name__} takes {', '.join(cls._fields)}, each once")
        return tuple(completed)

    def _asdict(self) -> dict[str, object]:
        return dict(zip(type(self)._fields, self, strict=True))

    def _replace(self, **changes: object) -> "_NamedTuple":
        return type(self)(**{**self._asdict(), **changes})

    def __getnewargs__(self) -> tuple[object, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        values = ", ".join(f"{field}={value!r}" for field, value in self._asdict().items())
        return f"{type(self).__name__}({values})"


class _EnumType(type):
    """Makes a class whose only instances are the strings and numbers of its body."""

    _member_of: dict[object, "_Enum"]

    def __new__(cls, name: str, bases: tuple[type, ...], body: dict[str, object]) -> "_EnumType":
        values = {
            key: value
            for key, value in body.items()
            if isinstance(value, (int, str)) and not key.startswith("_")
        }
        rest = {key: value for key, value in body.items() if key not in values}
        made = super().__new__(cls, name, bases, rest)
        made._member_of = {}
        for key, value in values.items():
            if value not in made._member_of:
                made._member_of[value] = _new_member(made, key, value)
            setattr(made, key, made._member_of[value])
        return made

    def __call__(cls, value: object) -> "_Enum":
        try:
            return cls._member_of[value]
        except KeyError:
            raise ValueError(f"{value!r} is no {cls.__name__}") from None

    def __iter__(cls) -> Iterator["_Enum"]:
        return iter(cls._member_of.values())


class _Enum(metaclass=_EnumType):
    """What the enumerations have in common."""

    name: str
    value: object

    def __reduce__(self) -> tuple[type, tuple[object]]:
        return type(self), (self.value,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


class _IntEnum(int, _Enum):
    """An enumeration whose members are numbers."""

    def __str__(self) -> str:
        return int.__repr__(self)


def _new_member(made: type, name: str, value: int | str) -> _Enum:
    member: _Enum
    if isinstance(value, int) and issubclass(made, _IntEnum):
        member = int.__new__(made, value)
    else:
        member = object.__new__(made)
    member.name, member.value = name, value
    return member


if TYPE_CHECKING:
    from enum import Enum, IntEnum
    from functools import partial
    from typing import Final, NamedTuple, Protocol
else:
    from _functools import partial

    Enum, IntEnum, NamedTuple = _Enum, _IntEnum, _NamedTuple
    # These two say something to type checkers only.
    Final, Protocol = None, object
