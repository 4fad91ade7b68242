# SPDX-License-Identifier: Apache-2.0
"""What the demonstrations are made of, and what the README and the command say of them."""

from pathlib import Path

import pytest

from demo_output import assert_all_passed, readme_shows
from passthru.bench.boards import load_board
from passthru.bench.demo import DEMOS, Demo, DemoOutcome, write_demo
from passthru.bench.guest import CheckResult
from passthru.bench.kernels import Kernel
from passthru.bench.needs import functions_to_bind, memory_to_reserve
from passthru.cli import bench
from passthru.diagnostics.source import Source
from passthru.language.reader import read

each_demo = pytest.mark.parametrize("demo", DEMOS.values(), ids=DEMOS)


def kernel_with(drivers: tuple[str, ...], directory: Path) -> Kernel:
    """A kernel that has these drivers built in."""
    modules = directory / "modules"
    modules.mkdir()
    (modules / "modules.dep").write_text("")
    (modules / "modules.builtin").write_text("".join(f"kernel/{name}.ko\n" for name in drivers))
    return Kernel("6.1.0-test", directory / "vmlinuz", modules, None)


@each_demo
def test_the_configuration_of_a_demo_is_sound_and_fits_its_description(
    demo: Demo, tmp_path: Path
) -> None:
    files = write_demo(demo, tmp_path, kernel_with(demo.drivers, tmp_path))

    config, findings = read([Source("demo", files.config.read_text())], environment={})
    board = load_board(demo.board)
    assert findings == ()
    assert tuple(functions_to_bind(config, board)) == demo.functions
    assert memory_to_reserve(config, board, files.placed) == []
    assert {place.path for place in files.placed} <= {str(tmp_path / "initrd")}


@each_demo
def test_the_readme_shows_every_check_of_a_demo(demo: Demo) -> None:
    assert_all_passed(demo, readme_shows(demo))


@pytest.mark.parametrize(
    ("words", "board"),
    [([], "x86-64"), (["--board", "x86-64"], "x86-64"), (["--board", "arm64-virt"], "arm64-virt")],
)
def test_the_board_chooses_the_demo(
    words: list[str], board: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Demo] = []

    def show(demo: Demo, *rest: object) -> DemoOutcome:
        shown.append(demo)
        return DemoOutcome(0, (CheckResult("processors", True, "2"),))

    monkeypatch.setattr(bench, "run_demo", show)
    assert bench.main(["demo", *words]) == 0
    assert shown == [DEMOS[board]]


def test_a_board_without_a_demo_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        bench.main(["demo", "--board", "arm64-gicv2"])

    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert all(board in said for board in DEMOS)


@pytest.mark.parametrize(
    ("outcome", "status", "said"),
    [
        (DemoOutcome(0, (CheckResult("alarms", False, "9 of 10"),)), 1, "alarms not ok: 9 of 10"),
        (DemoOutcome(0, (CheckResult("alarms", False, ""),)), 1, "the guest did not come to it"),
        (DemoOutcome(65, (CheckResult("alarms", False, ""),)), 65, "ended with status 65"),
    ],
)
def test_the_checks_decide_the_outcome(
    outcome: DemoOutcome,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bench, "run_demo", lambda *arguments: outcome)
    assert bench.main(["demo"]) == status
    assert said in capsys.readouterr().err
