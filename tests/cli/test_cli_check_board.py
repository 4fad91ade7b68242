# SPDX-License-Identifier: Apache-2.0
"""`passthru check --board`, and several files as the VMs of one host."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from arm_board import QNX
from passthru.board.model import IommuGroup
from passthru.board.snapshot import write_board
from passthru.cli.main import main
from passthru.diagnostics.finding import Place, Severity
from passthru.diagnostics.rule import Rule
from recorded_hosts import HOSTS, write_host
from sample_board import BOARD, DISK, LPC, with_functions

BOARDS = Path(__file__).parents[1] / "boards"

ARM = """\
system guest
ram 0x80000000,512m
load kernel
vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-
"""
X86 = """\
system guest
ram 0,0xa0000
ram 1m,511m
guest load kernel
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="guest.qvmconf"):
        data = text if isinstance(text, bytes) else text.encode()
        Path(name).write_bytes(data)
        return name

    return write


def ids(capsys):
    return [each["id"] for each in json.loads(capsys.readouterr().out)["findings"]]


def checked(*words):
    return main(["check", "--format", "json", *words])


@pytest.mark.parametrize(
    ("board", "host", "found"),
    [
        ("pi4-like.dts", "0x20000000", ["host-memory-in-use"]),
        ("pi4-like.dts", "0x30000000", []),
        ("qnx-arm-asinfo.txt", "0x40000000", ["host-memory-in-use"]),
        ("qnx-arm-asinfo.txt", "0x70000000", []),
    ],
)
def test_boards_of_every_kind(file, capsys, board, host, found):
    name = file(f"{ARM}pass loc 0x40000000,0x1000,rwn={host}\n")
    assert checked(name, "--board", str(BOARDS / board)) == (65 if found else 0)
    assert ids(capsys) == found


def test_a_recorded_directory_and_its_snapshot_tell_the_same(file, capsys):
    tree = write_host(Path("host"), HOSTS["arm64"])
    name = file(f"{ARM}pass loc 0x9000000,0x1000,rwn intr gic:60=33\n")
    assert main(["board", "capture", tree, "-o", "host.board.json"]) == 0
    capsys.readouterr()
    checked(name, "--board", tree)
    of_tree = capsys.readouterr().out
    checked(name, "--board", "host.board.json")
    assert capsys.readouterr().out == of_tree
    found = {each["id"]: each for each in json.loads(of_tree)["findings"]}
    assert found["host-driver-active"]["message"].startswith("the host's driver uart-pl011")
    assert "host-interrupt-in-use" not in found


def test_a_board_that_linux_described_is_for_kvm_unless_another_is_named(file, capsys):
    tree = write_host(Path("host"), HOSTS["x86_64"])
    name = file(X86 + "pass loc mem:0x30000000,0x1000,rn=0x20000000\n")
    assert checked(name, "--board", tree) == 65
    assert "dma-status-missing" not in ids(capsys)
    bare = file(X86 + "pass intr ioapic:5\n", "bare.qvmconf")
    checked(bare, "--board", tree)
    assert "not-supported-by-run" in ids(capsys)
    checked(bare, "--board", tree, "--hypervisor", "qnx-8.0")
    assert "not-supported-by-run" not in ids(capsys)


def test_check_says_of_a_host_what_a_run_would(file, capsys):
    file(write_board(BOARD), "x.board.json")
    name = file(X86 + "pass loc pci:0:5.0\n")
    assert checked(name, "--hypervisor", "kvm", "--board", "x.board.json") == 65
    assert ids(capsys) == ["host-driver-active"]


NAMED = "pass loc 0x40000000,$asinfo_length{NAME},rwn=$asinfo_start{NAME}\n"


def test_named_ranges_are_those_of_the_board(file, capsys):
    file(write_board(QNX), "x.board.json")
    name = file(ARM + NAMED.replace("NAME", "guestmem"))
    assert checked(name, "--board", "x.board.json") == 0
    assert ids(capsys) == []
    name = file(ARM + NAMED.replace("NAME", "sysram"))
    assert checked(name, "--board", "x.board.json") == 65
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["id"] == "host-memory-in-use"
    assert finding["resource"] == "mem:0x40000000,0x30000000"


def test_of_two_ranges_with_one_name_the_first_counts(file, capsys):
    name = file(ARM + NAMED.replace("NAME", "guestmem1").replace("0x4", "0x9"))
    checked(name, "--board", str(BOARDS / "qnx-arm-asinfo.txt"))
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["id"] == "address-overlap"
    assert "(0x90000000..0x98000000)" in finding["message"]


def test_a_name_that_the_board_lacks_is_an_error_and_one_that_nobody_knows_is_not(file, capsys):
    name = file(ARM + NAMED.replace("NAME", "nothing"))
    for board, hypervisor, status, severity in (
        ("qnx-arm-asinfo.txt", "qnx-8.0", 65, "error"),
        ("pi4-like.dts", "qnx-8.0", 0, "information"),
        ("pi4-like.dts", "kvm", 65, "error"),
    ):
        words = ("--board", str(BOARDS / board), "--hypervisor", hypervisor)
        assert checked(name, *words, "--allow", "not-supported-by-run") == status
        (finding,) = json.loads(capsys.readouterr().out)["findings"]
        assert (finding["id"], finding["severity"]) == ("unknown-variable", severity)


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [(None, 64, "cannot read the board"), ("nothing of a board", 65, "is no board")],
)
def test_without_its_board_nothing_is_checked(file, capsys, content, status, says):
    if content is not None:
        file(content, "x.board.json")
    assert main(["check", file(ARM), "--board", "x.board.json"]) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert says in told.err


def test_this_host_is_a_board_too(file, capsys):
    name = file("system guest\nram 64m\nload kernel\n")
    assert checked(name, "--board", "/", "--hypervisor", "qnx-8.0") == 0
    assert ids(capsys) == []


def test_without_a_board_none_of_its_rules_is_loaded(file):
    program = (
        "import sys\nfrom passthru.cli.main import main\nstatus = main(sys.argv[1:])\n"
        "print(*sorted(sys.modules))\nsys.exit(status)"
    )
    command = [sys.executable, "-c", program, "check", file(ARM)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert "passthru.rules.check" in loaded
    for name in ("board.load", "rules.on_board", "board.origin", "rules.system"):
        assert f"passthru.{name}" not in loaded


TAKEN = Rule("host-memory-claimed-twice", Severity.ERROR, "Taken.", "Two are one too many.")


@pytest.fixture
def sets(monkeypatch):
    """Stands in for the rules about sets: the last VM's first pass collides with the first's."""
    asked = []

    class CheckedVm(tuple):
        def __new__(cls, config, complete):
            return super().__new__(cls, (config, complete))

    def check_system(vms, board):
        asked.append(([config.name for config, _ in vms], board))
        (first, _), (last, _) = vms[0], vms[-1]
        if first is last:
            return ()
        others = (Place("passed here first", first.passes[0].span, "somebody"),)
        span = last.passes[0].span
        return (TAKEN.finding("passed to two", span, others=others)._replace(vm="somebody"),)

    module = ModuleType("passthru.rules.system")
    vars(module).update(CheckedVm=CheckedVm, check_system=check_system)
    monkeypatch.setitem(sys.modules, "passthru.rules.system", module)
    return asked


def two(file, first="", second=""):
    """Two VMs with a pass each; the arguments stand before it."""
    other = ARM.replace("guest", "other")
    return (
        file(f"{ARM}{first}pass loc 0x40000000,0x1000,rwn\n", "a.qvmconf"),
        file(f"{other}{second}pass loc 0x40000000,0x1000,rwn\nbogus\n", "b.qvmconf"),
    )


def test_several_files_are_the_vms_of_one_host(file, capsys, sets):
    assert checked(*two(file)) == 65
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [(each["id"], each["file"]) for each in found] == [
        ("host-memory-claimed-twice", "b.qvmconf"),
        ("unknown-option", "b.qvmconf"),
    ]
    assert sets == [(["guest", "other"], None)]
    (other,) = found[0]["others"]
    assert (found[0]["vm"], other["vm"], other["file"], other["line"]) == (
        "other",
        "guest",
        "a.qvmconf",
        5,
    )


def test_a_vm_without_a_name_is_called_by_none(file, capsys, sets):
    name, other = two(file)
    Path(name).write_text(Path(name).read_text().replace("system guest\n", ""))
    checked(name, other)
    (place,) = json.loads(capsys.readouterr().out)["findings"][0]["others"]
    assert place["vm"] is None
    assert place["file"] == "a.qvmconf"


def test_one_file_is_a_set_only_on_a_board(file, capsys, sets):
    name, _ = two(file)
    checked(name)
    assert sets == []
    checked(name, "--board", str(BOARDS / "pi4-like.dts"))
    ((names, board),) = sets
    assert names == ["guest"]
    assert board.name == "pi4-like.dts"


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("", "# passthru: allow host-memory-claimed-twice\n", ["unknown-option"]),
        (
            "# passthru: allow host-memory-claimed-twice\n",
            "",
            ["unused-allowance", "host-memory-claimed-twice", "unknown-option"],
        ),
    ],
)
def test_an_exception_counts_where_the_finding_is(file, capsys, sets, first, second, found):
    checked(*two(file, first, second))
    assert ids(capsys) == found


def test_an_id_left_out_is_left_out_of_the_set_too(file, capsys, sets):
    checked(*two(file), "--allow", "host-memory-claimed-twice")
    assert ids(capsys) == ["unknown-option"]


def test_the_set_is_that_of_the_fixed_files(file, capsys, sets):
    first, second = two(file, "pass pci:0:3.0\n")
    main(["check", "--fix", first, second])
    assert "pass loc pci:0:3.0" in Path(first).read_text()
    told = capsys.readouterr().out
    assert "    5 | pass loc pci:0:3.0\n" in told


SERIAL_OF_BOARD = "pass loc mem:0xfe201000,0x1000,rwn\n"


@pytest.mark.parametrize(
    ("allowed", "words", "is_told"),
    [
        ("host-memory-absent", (), False),
        ("host-memory-absent", ("--board", "pi4-like.dts"), True),
        ("clock-dependent-device", ("--board", "pi4-like.dts"), False),
        ("clock-dependent-device", ("--board", "pi4-like.dts", "--hypervisor", "kvm"), False),
        ("vfio-driver-missing", ("--board", "pi4-like.dts", "--hypervisor", "kvm"), True),
        ("device-shared", ("--board", "pi4-like.dts"), False),
        ("not-supported-by-run", (), False),
        ("missing-length", (), True),
        ("device-sharde", (), True),
    ],
)
def test_unused_is_only_what_was_looked_for(file, capsys, allowed, words, is_told):
    """What a comment is for may come up on the board, or with the other VMs, only."""
    name = file(f"{ARM}# passthru: allow {allowed}\n{SERIAL_OF_BOARD}")
    checked(name, *(str(BOARDS / word) if word.endswith(".dts") else word for word in words))
    assert ("unused-allowance" in ids(capsys)) is is_told


def test_an_exception_for_other_vms_is_unused_where_they_are_there(file, capsys):
    first = file(f"{ARM}# passthru: allow device-shared\n{SERIAL_OF_BOARD}", "a.qvmconf")
    second = file(ARM.replace("guest", "other"), "b.qvmconf")
    checked(first, second)
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert [(each["id"], each["vm"]) for each in findings] == [("unused-allowance", "guest")]


GROUP_OF_TWO = ("pass loc pci:0:31.0\n", "pass loc pci:0:31.2\n")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_group_that_two_vms_split_is_told_once(file, capsys, order):
    """What the host's driver still has of it is the other VM's to take."""
    file(write_board(with_functions(LPC, DISK)), "host.board.json")
    names = [
        file(X86.replace("guest\n", f"{letter}\n", 1) + GROUP_OF_TWO[number], f"{letter}.qvmconf")
        for letter, number in zip("ab", order, strict=True)
    ]
    checked(*names, "--board", "host.board.json", "--hypervisor", "kvm")
    findings = json.loads(capsys.readouterr().out)["findings"]
    (split,) = (each for each in findings if each["id"] == "iommu-group-split")
    assert (split["vm"], split["others"][0]["vm"]) == ("b", "a")
    assert [each["id"] for each in findings].count("host-driver-active") == 1


def test_what_the_host_keeps_of_a_split_group_is_told_too(file, capsys):
    third = DISK._replace(address=DISK.address._replace(function=3), driver="i801")
    board = with_functions(LPC, DISK, third)
    groups = [each for each in board.iommu_groups if each.number != DISK.iommu_group]
    all_three = IommuGroup(DISK.iommu_group, (LPC.address, DISK.address, third.address), ())
    file(write_board(board._replace(iommu_groups=(*groups, all_three))), "host.board.json")
    first = file(X86 + GROUP_OF_TWO[0], "a.qvmconf")
    second = file(X86.replace("guest\n", "b\n", 1) + GROUP_OF_TWO[1], "b.qvmconf")
    checked(first, second, "--board", "host.board.json", "--hypervisor", "kvm")
    findings = json.loads(capsys.readouterr().out)["findings"]
    splits = [each["message"] for each in findings if each["id"] == "iommu-group-split"]
    assert len(splits) == 3
    assert sum("i801" in message for message in splits) == 2


@pytest.mark.parametrize("command", ["check", "plan", "map"])
def test_a_board_without_a_name_is_neither_none_nor_this_host(file, command, capsys):
    assert main([command, file(ARM), "--board", ""]) == 64
    assert capsys.readouterr().err == "passthru: cannot read the board ``: it has no name\n"
