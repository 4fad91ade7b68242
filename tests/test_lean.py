# SPDX-License-Identifier: Apache-2.0
"""The lean classes against the originals that they stand for."""

import copy
import enum
import pickle
import typing

import pytest

from passthru import lean


class Lean(lean.NamedTuple):
    start: int
    size: int = 4
    names: tuple[str, ...] = ()

    @property
    def end(self):
        return self.start + self.size


class Original(typing.NamedTuple):
    start: int
    size: int = 4
    names: tuple[str, ...] = ()


class Colour(lean.Enum):
    RED = "r"
    GREEN = "g"
    CRIMSON = "r"


class Number(lean.IntEnum):
    ONE = 1
    TWO = 2


class OriginalNumber(enum.IntEnum):
    ONE = 1
    TWO = 2


CALLS = [
    ((1,), {}),
    ((1, 2), {}),
    ((1, 2, ("a",)), {}),
    ((), {"size": 3, "start": 1}),
    ((1,), {"names": ("b",)}),
]


@pytest.mark.parametrize(("values", "named"), CALLS)
def test_a_tuple_is_made_as_the_original_is(values, named):
    made, original = Lean(*values, **named), Original(*values, **named)
    assert made == original
    assert hash(made) == hash(original)
    assert repr(made) == repr(original).replace("Original", "Lean")
    assert (made.start, made.size, made.names) == tuple(original)
    assert made._replace(size=9) == original._replace(size=9)
    assert made._asdict() == original._asdict()
    assert made.end == made.start + made.size


@pytest.mark.parametrize(
    ("values", "named"),
    [((), {}), ((1, 2, (), 4), {}), ((1,), {"start": 2}), ((1,), {"other": 2}), ((), {"size": 1})],
)
def test_a_tuple_refuses_what_the_original_refuses(values, named):
    for kind in (Lean, Original):
        with pytest.raises(TypeError):
            kind(*values, **named)
    with pytest.raises((TypeError, ValueError)):
        Lean(1)._replace(other=2)


@pytest.mark.parametrize("size", range(17))
def test_a_tuple_has_any_number_of_fields_up_to_sixteen(size):
    names = [f"field{position}" for position in range(size)]
    body = {"__annotations__": dict.fromkeys(names, int)}
    kind = type(Lean)("Sized", (lean.NamedTuple,), body)
    made = kind(*range(size))
    assert [getattr(made, name) for name in names] == list(range(size))
    assert kind(**made._asdict()) == made


def test_a_tuple_is_frozen_and_has_no_room_for_more():
    with pytest.raises(AttributeError):
        Lean(1).start = 2
    with pytest.raises(AttributeError):
        Lean(1).other = 2


def test_a_tuple_is_matched_by_its_elements():
    match Lean(1, names=("a",)):
        case Lean(start, size, names=(name,)):
            assert (start, size, name) == (1, 4, "a")
        case _:
            pytest.fail("no match")


def test_members_are_found_by_value_and_listed_in_their_order():
    assert Colour("g") is Colour.GREEN
    assert Colour.CRIMSON is Colour.RED
    assert [(colour.name, colour.value) for colour in Colour] == [("RED", "r"), ("GREEN", "g")]
    assert repr(Colour.RED) == "Colour.RED"
    with pytest.raises(ValueError, match="'b' is no Colour"):
        Colour("b")


def test_numbered_members_are_numbers():
    assert Number(2) is Number.TWO
    assert Number.ONE + Number.TWO == OriginalNumber.ONE + OriginalNumber.TWO
    assert f"{Number.TWO} {Number.TWO!s}" == f"{OriginalNumber.TWO} {OriginalNumber.TWO!s}"


@pytest.mark.parametrize("thing", [Lean(1, 2, ("a",)), Colour.GREEN, Number.TWO])
def test_copies_are_the_same(thing):
    for copied in (copy.deepcopy(thing), pickle.loads(pickle.dumps(thing))):
        assert copied == thing
        assert type(copied) is type(thing)
        assert copied is thing or isinstance(thing, Lean)
