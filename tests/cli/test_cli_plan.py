# SPDX-License-Identifier: Apache-2.0
"""`passthru plan`, as people and programs see it, on three boards.

``PASSTHRU_REGENERATE=1 pytest tests/cli/test_cli_plan.py`` writes the files anew; read the
difference.
"""

import json
import os
from pathlib import Path

import jsonschema
import pytest

from arm_board import LINUX
from passthru.board.host_files import HostFiles
from passthru.board.load import load_board
from passthru.board.model import HostRegion, UioDevice
from passthru.board.snapshot import write_board
from passthru.cli.main import main
from passthru.report.plan_json import VERSION
from recorded_hosts import recorded, write_host

ROOT = Path(__file__).parents[2]
BOARDS = ROOT / "tests/boards"
PLANS = ROOT / "tests/cli/plans"
SCHEMA = json.loads((ROOT / "docs/plan.schema.json").read_text())

FIRST = "examples/first.qvmconf"
CLEAN = (
    "system {name} ram 0,640k ram 1m,63m guest load kernel\n"
    "vdev ioapic loc 0xfec00000 intr apic name chip\n"
)


@pytest.fixture
def bench_board(tmp_path: Path) -> str:
    """The captured board of the bench, with the disk and the audio controller let go."""
    board = json.loads((ROOT / "tests/board/golden/bench-2026.board.json").read_text())
    document = json.dumps(board)
    for function in board["pci"]:
        if function["address"] in ("0000:00:03.0", "0000:00:0e.0"):
            function["driver"] = "vfio-pci"
    assert json.dumps(board) != document
    file = tmp_path / "bench.board.json"
    file.write_text(json.dumps(board))
    return str(file)


@pytest.fixture
def qnx_board(tmp_path: Path) -> str:
    """What three of QNX's tools print, in one file."""
    texts = (BOARDS / f"qnx-arm-{name}.txt" for name in ("asinfo", "irqs", "info"))
    file = tmp_path / "qnx-host.txt"
    file.write_text("".join(text.read_text() for text in texts))
    return str(file)


@pytest.fixture
def gateway_board(tmp_path: Path) -> str:
    """The board of examples/gateway with Linux, whose UIO devices have what is passed."""
    board = load_board(str(ROOT / "examples/gateway/board.dts"))
    uio = tuple(
        UioDevice(f"uio{number}", device.name.rpartition("/")[2], "", device.interrupts, ())
        for number, device in enumerate(board.devices)
        if set(device.interrupts) & {36, 38, 52, 53, 74}
    )
    memory = [HostRegion(each, "System RAM") for each in board.allocated]
    memory += [HostRegion(each.range, "reserved") for each in board.reserved]
    linux = board._replace(uio=uio, features=LINUX.features, memory=tuple(sorted(memory)))
    file = tmp_path / "gateway.board.json"
    file.write_bytes(write_board(linux))
    return str(file)


SYSTEMS = {
    "x86-disk-and-audio": ("bench_board", ("x86-disk-and-audio",), []),
    "arm64-two-uarts": (
        str(BOARDS / "pi4-like.dts"),
        ("arm64-two-uarts",),
        ["--hypervisor", "qnx-8.0"],
    ),
    "arm64-gateway": ("gateway_board", ("arm64-gateway-control", "arm64-gateway-linux"), []),
    "qnx-typed-memory": ("qnx_board", ("qnx-typed-memory",), ["--hypervisor", "qnx-7.1"]),
}
"""The board, the configurations and the options of each."""


@pytest.mark.parametrize(("form", "ending"), [("text", "txt"), ("json", "json")])
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_plan_is_the_golden_one(name, form, ending, request, monkeypatch, capsys):
    board, vms, options = SYSTEMS[name]
    path = board if "/" in board else request.getfixturevalue(board)
    monkeypatch.chdir(PLANS)
    files = [f"{vm}.qvmconf" for vm in vms]
    assert main(["plan", *files, "--board", path, "--format", form, *options]) == 0
    printed = capsys.readouterr().out
    file = PLANS / f"{name}.{ending}"
    if os.environ.get("PASSTHRU_REGENERATE"):
        file.write_text(printed)
    assert printed == file.read_text()


def test_every_file_beside_the_golden_plans_belongs_to_one():
    expected = {f"{name}.{ending}" for name in SYSTEMS for ending in ("txt", "json")}
    expected |= {f"{vm}.qvmconf" for _, vms, _ in SYSTEMS.values() for vm in vms}
    assert {file.name for file in PLANS.iterdir()} == expected


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_golden_documents_fit_the_schema(name):
    document = json.loads((PLANS / f"{name}.json").read_text())
    jsonschema.validate(document, SCHEMA)
    assert document["version"] == VERSION
    assert all(document["vms"][0][key] for key in ("regions", "holes", "interrupts", "claims"))


def test_the_schema_lets_no_key_be_left_out_or_added():
    def check(schema):
        if isinstance(schema, dict):
            if "properties" in schema:
                assert sorted(schema["required"]) == sorted(schema["properties"])
                assert schema["additionalProperties"] is False
            for each in schema.values():
                check(each)
        elif isinstance(schema, list):
            for each in schema:
                check(each)

    check(SCHEMA)


def test_the_same_text_is_shown_by_run(tmp_path, capsys):
    for text in (CLEAN, CLEAN + "pass loc 0x9000000,4k,rn", CLEAN + "ram 0,1m"):
        file = tmp_path / "guest.qvmconf"
        file.write_text(text.format(name="one"))
        status = main(["run", "--plan", f"@{file}"])
        by_run = capsys.readouterr().out
        assert main(["plan", "--board", "/", str(file)]) == status
        assert capsys.readouterr().out == by_run
        assert by_run.startswith("VM one: ")


def test_the_same_text_is_shown_by_run_on_arm64(tmp_path, monkeypatch, capsys):
    host = write_host(tmp_path / "host", recorded("virt-arm64"))
    monkeypatch.setattr("passthru.cli.run.HostFiles", lambda: HostFiles(host))
    file = tmp_path / "guest.qvmconf"
    base = "system one ram 0x80000000,64m load kernel vdev pl011 loc 0x1c090000 intr gic:37\n"
    for text in ("", "pass loc 0x90000000,4k,rwn=0x70000000", "ram 0x80000000,1m"):
        file.write_text(base + text)
        status = main(["run", "--plan", f"@{file}"])
        by_run = capsys.readouterr().out
        assert main(["plan", "--board", host, str(file)]) == status
        assert capsys.readouterr().out == by_run
        assert "let the guest run" in by_run


def test_without_a_board_this_host_is_not_looked_at(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)

    def refuse(*_arguments):
        raise AssertionError("the host was looked at")

    monkeypatch.setattr("passthru.board.host_files.HostFiles.text", refuse)
    monkeypatch.setattr("passthru.board.host_files.HostFiles.exists", refuse)
    assert main(["plan", FIRST]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("VM first: 1 virtual processor; no board\n")
    assert shown.err == ""


def test_what_is_wrong_is_told_and_the_rest_is_shown(tmp_path, capsys):
    file = tmp_path / "guest.qvmconf"
    file.write_text(CLEAN.format(name="one") + "ram 0x100000,1m\npass loc 0x9000000,64k,rn\nvdef x")
    assert main(["plan", str(file)]) == 65
    shown = capsys.readouterr()
    assert "[address-overlap]" in shown.err
    assert "the nearest is `vdev`" in shown.err
    assert "pass mem:0x9000000" in shown.out
    assert "nothing before the errors are repaired; then:" in shown.out
    assert main(["check", "--hypervisor", "kvm", str(file)]) == 65
    # The last line of `check` counts.
    assert capsys.readouterr().out.splitlines()[:-1] == shown.err.splitlines()
    assert main(["plan", "--format", "json", str(file)]) == 65
    shown = capsys.readouterr()
    assert shown.err == ""
    document = json.loads(shown.out)
    jsonschema.validate(document, SCHEMA)
    assert {"address-overlap", "unknown-option"} <= {each["id"] for each in document["findings"]}


def test_a_comment_leaves_a_finding_out(tmp_path, capsys):
    file = tmp_path / "guest.qvmconf"
    text = CLEAN.format(name="one") + "pass loc 0x9000080,0x80,rn"
    for comment, is_told in (("", True), ("  # passthru: allow not-page-aligned", False)):
        file.write_text(text + comment + "\n")
        assert main(["plan", str(file)]) == 0
        assert ("not-page-aligned" in capsys.readouterr().err) is is_told


def test_several_vms_are_shown_one_after_the_other(tmp_path, capsys):
    for name in ("one", "two"):
        (tmp_path / name).write_text(CLEAN.format(name=name))
    files = [f"@{tmp_path}/one", str(tmp_path / "two")]
    assert main(["plan", *files]) == 0
    out = capsys.readouterr().out
    assert "let the guest run\n\nVM two: 1 virtual processor" in out
    assert main(["plan", *files, "--format=json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [vm["name"] for vm in document["vms"]] == ["one", "two"]
    assert main(["plan", *files, "/nowhere"]) == 64
    shown = capsys.readouterr()
    assert shown.out == out
    assert "/nowhere" in shown.err


def test_names_of_memory_are_those_of_the_board(qnx_board, tmp_path, capsys):
    file = tmp_path / "guest.qvmconf"
    text = "ram 0x80000000,1m load 0x80000000,a pass loc 0x90000000,4k,rwn=$asinfo_start{%s}"
    file.write_text(text % "guestmem1")
    words = ["plan", "--hypervisor", "qnx-8.0", str(file)]
    assert main([*words, "--board", qnx_board]) == 0
    assert "mem:0x70000000,0x1000  reserved RAM (guestmem1)" in capsys.readouterr().out
    assert main(words) == 0
    assert "is known on the target only" in capsys.readouterr().err
    file.write_text(text % "guestmem9")
    assert main([*words, "--board", qnx_board]) == 65
    assert "is no memory range of the host" in capsys.readouterr().err


def test_a_board_that_run_is_not_for_is_said_plainly(qnx_board, monkeypatch, capsys):
    monkeypatch.chdir(PLANS)
    main(["plan", "arm64-two-uarts.qvmconf", "--board", str(BOARDS / "pi4-like.dts")])
    assert "nothing is shown: on arm64 `run` has no vdev virtio-blk" in capsys.readouterr().out
    main(["plan", "qnx-typed-memory.qvmconf", "--board", qnx_board])
    assert "nothing is shown: the board runs QNX" in capsys.readouterr().out


def test_who_runs_the_vms_is_seen_from_them_unless_it_is_said(monkeypatch, capsys):
    monkeypatch.chdir(PLANS)
    words = ["plan", "arm64-two-uarts.qvmconf", "--board", str(BOARDS / "pi4-like.dts")]
    assert main(words) == 0
    assert ": error:" not in capsys.readouterr().err
    assert main([*words, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["hypervisor"] == "qnx-8.0"
    assert main([*words, "--hypervisor", "kvm"]) == 65
    assert "run has no `vdev virtio-blk` on arm64" in capsys.readouterr().err
    main(["plan", FIRST, "--format", "json"])
    assert json.loads(capsys.readouterr().out)["hypervisor"] == "kvm"


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ([], 2, "which FILE shall be planned?"),
        ([FIRST, "--hypervisor", "kvn"], 2, "the nearest is `kvm`"),
        ([FIRST, "--format", "sarif"], 2, "it takes text, json"),
        ([FIRST, "--board"], 2, "needs a file behind it"),
        ([FIRST, "--board", "/nowhere"], 64, "cannot read the board `/nowhere`"),
        ([FIRST, "--board", "README.md"], 65, "is no board"),
        (["/nowhere"], 64, "/nowhere"),
    ],
)
def test_what_cannot_be_planned(words, status, says, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["plan", *words]) == status
    shown = capsys.readouterr()
    assert says in shown.err
    assert shown.out == ""


def test_a_configuration_on_the_standard_input(tmp_path, capsys):
    file = tmp_path / "standard-input"
    file.write_text(CLEAN.format(name="piped"))
    kept = os.dup(0)
    with file.open() as opened:
        os.dup2(opened.fileno(), 0)
    try:
        assert main(["plan", "-"]) == 0
    finally:
        os.dup2(kept, 0)
        os.close(kept)
    assert capsys.readouterr().out.startswith("VM piped: ")


def test_help(capsys):
    assert main(["plan", "--help"]) == 0
    assert "usage: passthru plan" in capsys.readouterr().out


def test_on_a_terminal_no_line_is_wider(monkeypatch, capsys):
    monkeypatch.chdir(PLANS)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "80")
    board = str(ROOT / "tests/board/golden/bench-2026.board.json")
    main(["plan", "x86-disk-and-audio.qvmconf", "--board", board])
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert "…" in text


def test_what_is_told_is_what_check_tells(tmp_path, capsys):
    """On a board as without one, also of what several VMs want of it together."""
    for name in ("one", "two"):
        text = CLEAN.format(name=name) + "pass loc 0x9000000,64k,rwn=0x28000000\npass loc 0x1000\n"
        (tmp_path / name).write_text(text)
    files = [str(tmp_path / "one"), str(tmp_path / "two")]
    board = str(ROOT / "tests/board/golden/bench-2026.board.json")
    for options in ([], ["--board", board]):
        assert main(["plan", *files, *options]) == 65
        told = capsys.readouterr().err.splitlines()
        assert main(["check", "--hypervisor", "kvm", *files, *options]) == 65
        # The last line of `check` counts.
        assert capsys.readouterr().out.splitlines()[:-1] == told
        assert any("VM two" in line or "VM one" in line for line in told)
