# SPDX-License-Identifier: Apache-2.0
"""A virtual host's life, with a program that stands in for QEMU."""

from pathlib import Path

import pytest
from fake_host import Stage

from passthru.addresses import PciAddress
from passthru.bench import virtual_host
from passthru.bench.boards import load_board
from passthru.bench.errors import CommandTimeoutError, HostHungError, SetupFailedError
from passthru.bench.machine import Acceleration

BOARD = load_board("x86-64")
NVME = PciAddress(0, 0, 3, 0)


def test_many_commands_run_in_one_boot(stage: Stage) -> None:
    shown: list[bytes] = []
    with stage.host("good") as host:
        first = host.run(["print", "it's", "two words"], on_output=shown.append)
        second = host.run(["status", "65"])
        third = host.run(["directory"], directory="/some/where else")

    assert (first.status, first.text) == (0, "it's two words")
    assert b"".join(shown) == first.output
    assert (second.status, second.output) == (65, b"")
    assert third.text == "/some/where else"
    assert stage.calls.count("started good") == 1
    assert stage.steps[-1] == "loading drivers"
    assert stage.announced == []


def test_a_command_runs_where_this_process_is(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with stage.host("good") as host:
        assert host.run(["directory"]).text == str(tmp_path)


def test_nothing_is_left_behind(stage: Stage) -> None:
    with stage.host("good") as host:
        files = host.exchange.parent
        assert files.is_dir()

    assert not files.exists()


def test_a_boot_that_hangs_once_is_restarted_and_announced(stage: Stage) -> None:
    with stage.host("hangs", "good", boot=3) as host:
        assert host.run(["print", "up"]).text == "up"

    assert [call for call in stage.calls if call.startswith("started")] == [
        "started hangs",
        "started good",
    ]
    (announcement,) = stage.announced
    assert "made no progress in its boot" in announcement
    assert "RIP=deadbeef" in announcement
    assert announcement.endswith("restarting the virtual host, this once")


def test_a_boot_that_hangs_twice_is_an_error_with_the_evidence(
    stage: Stage, tmp_path: Path
) -> None:
    with pytest.raises(HostHungError) as caught, stage.host("hangs", "hangs", "good", boot=3):
        pass

    assert caught.value.step == "loading drivers"
    assert "RIP=deadbeef" in caught.value.registers
    dump = tmp_path / "cache/last-hang.txt"
    assert caught.value.dump == str(dump)
    assert "RIP=deadbeef" in dump.read_text()
    assert stage.calls.count("started good") == 0
    assert len(stage.announced) == 1


def test_a_host_that_dies_says_its_last_words(stage: Stage) -> None:
    with pytest.raises(HostHungError, match="has ended by itself") as caught:
        stage.host("dies", "dies").__enter__()

    assert "Kernel panic - not syncing: too bad" in str(caught.value)


def test_functions_are_bound_again_after_a_restart(stage: Stage) -> None:
    with stage.host("good", "good") as host:
        host.bind([NVME])
        with pytest.raises(HostHungError):
            host.run(["sleep"], silence=0.6, timeout=None)

    assert stage.calls == [
        "started good",
        "run /bin/sh 0000:00:03.0",
        "run sleep ",
        "started good",
        "run /bin/sh 0000:00:03.0",
        "run sleep ",
    ]
    assert "printed nothing for" in stage.announced[0]


def test_a_host_that_falls_silent_is_given_up(stage: Stage) -> None:
    with stage.host("hangs-later", "good", heartbeat=3) as host:
        assert host.run(["print", "second time"]).text == "second time"

    assert "gave no heartbeat" in stage.announced[0]
    assert "last step: running print" in stage.announced[0]


def test_each_hang_has_a_restart_of_its_own(stage: Stage) -> None:
    with stage.host("hangs", "hangs-later", "good", boot=3, heartbeat=3) as host:
        assert host.run(["print", "third time"]).text == "third time"

    assert len(stage.announced) == 2


LOST = "passthru: vCPU 0: the guest crashed by a triple fault, at instruction 0xfff0"


def test_a_guest_lost_on_an_emulated_host_is_run_again_once_each_time(stage: Stage) -> None:
    with stage.host("good") as host:
        assert host.run(["by-turns", LOST, "well"]).text == "well"
        assert host.run(["print", LOST]).text == LOST

    assert [call for call in stage.calls if call.startswith("run")] == [
        "run by-turns well",
        "run by-turns well",
        f"run print {LOST}",
        f"run print {LOST}",
    ]
    assert len(stage.announced) == 2
    assert "triple fault" in stage.announced[0]


def test_a_guest_lost_on_real_hardware_is_not_run_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Acceleration("tcg", "", "max", "kvm-intel")
    monkeypatch.setattr(virtual_host, "choose_acceleration", lambda: real)

    with stage.host("good") as host:
        assert host.run(["print", LOST]).text == LOST

    assert stage.calls.count(f"run print {LOST}") == 1
    assert stage.announced == []


def test_a_command_that_takes_too_long_is_killed_and_the_host_lives_on(stage: Stage) -> None:
    with stage.host("good") as host:
        with pytest.raises(CommandTimeoutError, match="sleep: not done after 0 s"):
            host.run(["sleep"], timeout=0.1)
        assert host.run(["print", "alive"]).text == "alive"

    assert "signal KILL" in stage.calls
    assert stage.announced == []


def test_an_interrupt_reaches_the_running_command(stage: Stage) -> None:
    with stage.host("good") as host:
        host.run(["print", "x"], on_output=lambda data: host.interrupt())
        host.run(["print", "y"])

    assert "signal INT" in stage.calls


def test_a_function_that_cannot_be_bound(stage: Stage) -> None:
    with (
        stage.host("cannot-bind") as host,
        pytest.raises(SetupFailedError, match=r"bind 0000:00:03\.0 to") as caught,
    ):
        host.bind([NVME])

    assert "no such device" in str(caught.value)
