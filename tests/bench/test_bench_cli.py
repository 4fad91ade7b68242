# SPDX-License-Identifier: Apache-2.0
"""``passthru bench``: what it says before it boots anything."""

from pathlib import Path

import pytest

from passthru.bench.boards import BenchBoard
from passthru.bench.errors import PlacementError, UnknownBoardError
from passthru.cli import bench
from passthru.diagnostics.errors import ExitStatus
from passthru.language.arguments import UnreadableConfigurationError


class BootedError(Exception):
    """The virtual host would have been started."""


@pytest.fixture(autouse=True)
def no_boot(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise BootedError

    monkeypatch.setattr(bench, "VirtualHost", refuse)


def config_file(directory: Path, text: str) -> str:
    file = directory / "test.qvmconf"
    file.write_text(text)
    return str(file)


def test_list_tells_what_the_boards_have(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["list"]) == ExitStatus.OK

    printed = capsys.readouterr().out
    assert "x86-64: " in printed
    assert "pci:0:3.0    [1b36:0010]  NVMe disk" in printed
    assert "0x20000000..0x24000000" in printed


def test_a_configuration_with_errors_boots_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = config_file(tmp_path, "system demo\nram 64M\nnosuchoption\n")

    assert bench.main(["run", config]) == ExitStatus.CONFIGURATION

    assert "test.qvmconf:3" in capsys.readouterr().err


def test_a_sound_configuration_boots(tmp_path: Path) -> None:
    config = config_file(tmp_path, "system demo\nram 64M\n")

    with pytest.raises(BootedError):
        bench.main(["run", f"@{config}", "--plan", "dryrun"])


@pytest.mark.parametrize(
    ("text", "options", "board"),
    [
        ("ram 64M", [], "x86-64"),
        ("ram 64M vdev ser8250 loc io:0x3f8 intr ioapic:4", [], "x86-64"),
        ("ram 0x80000000,64M vdev pl011 loc 0x1c090000 intr gic:37", [], "arm64-virt"),
        ("ram 0x80000000,64M vdev pl011 loc 0x1c090000 intr gic:37", ["x86-64"], "x86-64"),
        ("ram 64M", ["arm64-virt"], "arm64-virt"),
    ],
)
def test_the_board_fits_the_guest_unless_one_is_named(
    text: str, options: list[str], board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booted: list[str] = []

    def boot(board: BenchBoard, **named: object) -> None:
        booted.append(board.name)
        raise BootedError

    monkeypatch.setattr(bench, "VirtualHost", boot)
    config = config_file(tmp_path, f"system demo\n{text}\n")
    with pytest.raises(BootedError):
        bench.main(["run", *(word for name in options for word in ("--board", name)), config])

    assert booted == [board]


def test_standard_input_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["run", "-"]) == ExitStatus.USAGE

    assert "name a file" in capsys.readouterr().err


def test_a_missing_configuration_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableConfigurationError, match=r"nosuch\.qvmconf"):
        bench.main(["run", str(tmp_path / "nosuch.qvmconf")])


def test_an_unknown_board(tmp_path: Path) -> None:
    config = config_file(tmp_path, "system demo\n")

    with pytest.raises(UnknownBoardError, match="called mainframe"):
        bench.main(["run", "--board", "mainframe", config])


def test_a_file_that_cannot_be_placed(tmp_path: Path) -> None:
    config = config_file(tmp_path, "system demo\n")

    with pytest.raises(PlacementError, match="no such file"):
        bench.main(["run", "--place", f"{tmp_path}/nosuch@0x20000000", config])


def test_the_action_is_needed() -> None:
    with pytest.raises(SystemExit) as caught:
        bench.main([])

    assert caught.value.code == ExitStatus.USAGE
