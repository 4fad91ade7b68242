# SPDX-License-Identifier: Apache-2.0
"""How to take back what was done, written down before the next step.

Like ``contextlib.ExitStack``, whose import alone takes a tenth of a guest's start.
"""

from passthru.lean import Callable

__all__ = ["UndoStack"]


class UndoStack:
    """A context manager: at its end every registered call is made, the last one first."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], object]] = []

    def __enter__(self) -> "UndoStack":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.close()
        except BaseException as failure:
            if error is None:
                raise
            # What went wrong first is what people must hear of.
            error.add_note(f"and on the way back: {failure}")

    def callback(self, call: Callable[..., object], *arguments: object) -> None:
        """Register ``call(*arguments)``."""
        self._calls.append(lambda: call(*arguments))

    def pop_all(self) -> "UndoStack":
        """Move everything registered to a new stack: it shall last beyond this one."""
        moved = UndoStack()
        moved._calls, self._calls = self._calls, []
        return moved

    def close(self) -> None:
        """Make the calls, all of them even if some fail; the first failure is raised then,
        with notes of the others."""
        failure: BaseException | None = None
        while self._calls:
            try:
                self._calls.pop()()
            except BaseException as error:  # noqa: BLE001 (raised below)
                if failure is None:
                    failure = error
                else:
                    failure.add_note(f"and then: {error}")
        if failure is not None:
            raise failure
