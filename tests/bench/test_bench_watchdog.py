# SPDX-License-Identifier: Apache-2.0
"""When a virtual host is given up."""

import pytest

from passthru.bench.watchdog import Limits, Watchdog

LIMITS = Limits(boot=10, heartbeat=20)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_boot_without_steps_is_given_up(clock: Clock) -> None:
    watchdog = Watchdog(LIMITS, clock)
    clock.now += 9
    assert watchdog.verdict() is None
    clock.now += 2
    assert watchdog.verdict() == "made no progress in its boot for 11 s"


def test_every_step_of_the_boot_gives_it_time(clock: Clock) -> None:
    watchdog = Watchdog(LIMITS, clock)
    for _ in range(5):
        clock.now += 9
        watchdog.boot_step()
    assert watchdog.verdict() is None


def test_a_heartbeat_is_no_progress_of_the_boot(clock: Clock) -> None:
    watchdog = Watchdog(LIMITS, clock)
    for _ in range(3):
        clock.now += 4
        watchdog.heartbeat()
    assert watchdog.verdict() is not None


def test_a_host_that_is_up_lives_by_its_heartbeat(clock: Clock) -> None:
    watchdog = Watchdog(LIMITS, clock)
    watchdog.up()
    for _ in range(5):
        clock.now += 19
        watchdog.heartbeat()
        assert watchdog.verdict() is None
    clock.now += 21
    assert watchdog.verdict() == "gave no heartbeat for 21 s"


def test_output_does_not_stand_for_a_heartbeat(clock: Clock) -> None:
    watchdog = Watchdog(LIMITS, clock)
    watchdog.up()
    clock.now += 21
    watchdog.output()
    assert watchdog.verdict() is not None


def test_silence_counts_only_when_it_is_watched(clock: Clock) -> None:
    watchdog = Watchdog(LIMITS, clock)
    watchdog.up()
    watchdog.watch(5)
    clock.now += 4
    watchdog.output()
    clock.now += 4
    assert watchdog.verdict() is None
    clock.now += 2
    assert watchdog.verdict() == "printed nothing for 6 s"
    watchdog.watch(None)
    clock.now += 10
    assert watchdog.verdict() is None


def test_time_in_which_nobody_looked_does_not_count(clock: Clock) -> None:
    watchdog = Watchdog(LIMITS, clock)
    watchdog.up()
    clock.now += 3600
    watchdog.watch(5)
    assert watchdog.verdict() is None
