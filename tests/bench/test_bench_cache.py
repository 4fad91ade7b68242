# SPDX-License-Identifier: Apache-2.0
"""The cache, with several processes at once."""

import threading
from pathlib import Path

from passthru.bench.cache import one_at_a_time


def test_who_comes_second_waits_and_finds_what_the_first_has_made(tmp_path: Path) -> None:
    store = tmp_path / "kernels"
    made = store / "kernel"
    seen: list[bool] = []

    def second() -> None:
        with one_at_a_time(store):
            seen.append(made.exists())

    with one_at_a_time(store):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.1)
        assert thread.is_alive(), "it did not wait"
        made.touch()
    thread.join(10)
    assert seen == [True]
