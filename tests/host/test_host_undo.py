# SPDX-License-Identifier: Apache-2.0
"""Taking back what was done."""

import pytest

from passthru.host.undo import UndoStack


def fail(text: str) -> None:
    raise ValueError(text)


def test_calls_are_made_last_first_and_once():
    made: list[int] = []
    with UndoStack() as undo:
        undo.callback(made.append, 1)
        undo.callback(made.append, 2)
        assert made == []
    undo.close()
    assert made == [2, 1]


def test_all_are_made_even_if_one_fails_and_the_first_failure_is_told():
    made: list[int] = []
    undo = UndoStack()
    undo.callback(made.append, 1)
    undo.callback(fail, "second")
    undo.callback(fail, "first")
    with pytest.raises(ValueError, match="first") as raised:
        undo.close()
    assert made == [1]
    assert raised.value.__notes__ == ["and then: second"]


def fail_with_an_undo_that_fails() -> None:
    with UndoStack() as undo:
        undo.callback(fail, "cleaning")
        raise KeyError("body")


def test_an_error_of_the_body_is_told_with_what_failed_on_the_way_back():
    with pytest.raises(KeyError, match="body") as raised:
        fail_with_an_undo_that_fails()
    assert raised.value.__notes__ == ["and on the way back: cleaning"]


def test_what_is_moved_lasts_beyond_the_block():
    made: list[int] = []
    with UndoStack() as undo:
        undo.callback(made.append, 1)
        kept = undo.pop_all()
    assert made == []
    kept.close()
    assert made == [1]
