# SPDX-License-Identifier: Apache-2.0
"""Clock and power management as drivers and firmware tables use them."""

import pytest

from passthru.vmm.x86_64.legacy_devices import (
    CmosClock,
    KeyboardReset,
    PowerControl,
    PowerEvents,
    PowerTimer,
    ResetRegister,
)

AFTERNOON = 1_792_159_629.5  # 2026-10-16 14:07:09 UTC, a Friday


def register(clock: CmosClock, number: int) -> int:
    clock.write(0, 1, number)
    return clock.read(1, 1)


def test_the_clock_shows_utc_in_bcd():
    clock = CmosClock(lambda: AFTERNOON)
    fields = [register(clock, n) for n in (0x32, 9, 8, 7, 4, 2, 0)]
    assert [f"{field:02x}" for field in fields] == ["20", "26", "10", "16", "14", "07", "09"]
    assert register(clock, 6) == 6


def test_binary_and_twelve_hours_are_as_status_b_says():
    clock = CmosClock(lambda: AFTERNOON)
    clock.write(0, 1, 0x0B)
    clock.write(1, 1, 0x04)
    assert register(clock, 4) == 0x82  # 2 in the afternoon
    assert register(clock, 9) == 26


@pytest.mark.parametrize(("hour", "shown"), [(0, 0x12), (11, 0x11), (12, 0x92), (23, 0x91)])
def test_midnight_and_noon_are_twelve(hour, shown):
    clock = CmosClock(lambda: float(hour * 3600))
    clock.write(0, 1, 0x0B)
    clock.write(1, 1, 0)
    assert register(clock, 4) == shown


def test_the_guest_cannot_set_the_host_s_time_but_may_use_the_memory():
    clock = CmosClock(lambda: AFTERNOON)
    for number in (0, 9, 0x32, 0x0D):
        before = register(clock, number)
        clock.write(1, 1, 0x55)
        assert register(clock, number) == before
    clock.write(0, 1, 0x40)
    clock.write(1, 1, 0x155)
    assert register(clock, 0x40) == 0x55


def test_an_update_is_never_in_progress_and_the_battery_is_good():
    clock = CmosClock()
    assert not register(clock, 0x0A) & 0x80
    assert register(clock, 0x0D) & 0x80


def test_the_power_button_interrupts_only_when_enabled_and_until_cleared():
    levels: list[bool] = []
    events = PowerEvents(levels.append)
    events.press_power_button()
    assert levels[-1] is False
    events.write(2, 2, 0x100)
    assert levels[-1] is True
    assert events.read(0, 2) & 0xFFFF == 0x100
    events.write(0, 2, 0x100)
    assert levels[-1] is False
    assert events.read(0, 4) == 0x100 << 16


def test_a_status_write_as_four_bytes_sets_the_enable_register_too():
    events = PowerEvents(lambda level: None)
    events.press_power_button()
    events.write(0, 4, 0x0100_0100)
    assert events.read(0, 4) == 0x0100_0000


@pytest.mark.parametrize(
    ("value", "ended"),
    [(0x3400, 1), (0x2000, 0), (0x1400, 0), (0x3000, 0), (0x3401, 1)],
)
def test_only_soft_off_with_sleep_enable_ends_the_machine(value, ended):
    calls: list[int] = []
    control = PowerControl(lambda: calls.append(1))
    control.write(0, 2, value)
    assert len(calls) == ended
    assert control.read(0, 2) & 1


def test_the_timer_counts_24_bits_upwards():
    timer = PowerTimer()
    first = timer.read(0, 4)
    while (second := timer.read(0, 4)) == first:
        pass
    assert 0 < (second - first) % (1 << 24) < 3579545
    assert first < 1 << 24


@pytest.mark.parametrize(("value", "resets"), [(6, 1), (0x0E, 1), (2, 0), (0, 0)])
def test_the_reset_register_resets_by_its_reset_bit(value, resets):
    calls: list[int] = []
    ResetRegister(lambda: calls.append(1)).write(0, 1, value)
    assert len(calls) == resets


@pytest.mark.parametrize(("value", "resets"), [(0xFE, 1), (0xFF, 0), (0xD1, 0)])
def test_the_keyboard_controller_resets_by_its_pulse_command(value, resets):
    calls: list[int] = []
    KeyboardReset(lambda: calls.append(1)).write(0, 1, value)
    assert len(calls) == resets
