# SPDX-License-Identifier: Apache-2.0
"""``passthru fdt``, and what docs/guest-tree.md shows of it."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from guest_trees import HOST, compile_tree
from passthru.board.flattened_tree import parse_flattened_tree
from passthru.cli.main import main
from passthru.guest_tree.growing_tree import all_nodes

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docs/guest-tree.md"
PAGE = FILE.read_text(encoding="utf-8")
SHOWN = re.compile(r"```sh\npassthru (fdt [^\n…\[]*)\n```\n\n```\n(.*?)```", re.DOTALL)
EXAMPLES = SHOWN.findall(PAGE)

TEXT = """\
system guest
ram 0x80000000,64M
vdev pl011 loc 0x1c090000 intr gic:37
pass loc 0x20000000,0x1000,rwn intr gic:40
"""
DEVICE = "device@20000000 {{ reg = <0 0x20000000 0 0x1000>; interrupts = <0 8 4>; {rest} }};"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("guest.qvmconf").write_text(TEXT)
    write_host("")
    return tmp_path


def write_host(rest: str) -> None:
    source = HOST.format(rest=DEVICE.format(rest=rest))
    Path("host.dts").write_text(source)
    Path("host.dtb").write_bytes(compile_tree(source))


@pytest.mark.parametrize(("words", "printed"), EXAMPLES, ids=[words for words, _ in EXAMPLES])
def test_the_command_prints_what_the_page_shows(words, printed, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    main(shlex.split(words))
    captured = capsys.readouterr()
    told = captured.out + captured.err
    before = f"```sh\npassthru {words}\n```\n\n```\n"
    if os.environ.get("PASSTHRU_REGENERATE"):
        page = FILE.read_text(encoding="utf-8").replace(before + printed, before + told)
        FILE.write_text(page, encoding="utf-8")
    assert f"{before}{told}```" in FILE.read_text(encoding="utf-8")


def test_the_page_shows_a_tree_and_a_refusal() -> None:
    assert ["needs the clock" in printed for _, printed in EXAMPLES] == [False, True]


@pytest.mark.parametrize("board", ["host.dtb", "host.dts"])
@pytest.mark.parametrize("option", ["-o", "--output"])
def test_a_blob_and_a_source_are_written(board, option, folder, capsys):
    for output in ("out.dtb", "out.dts"):
        assert main(["fdt", "guest.qvmconf", "--board", board, option, output]) == 0
    assert capsys.readouterr() == ("", "")
    assert compile_tree(Path("out.dts").read_text())
    assert main(["fdt", "@guest.qvmconf", "--board", board]) == 0
    assert capsys.readouterr().out == Path("out.dts").read_text()
    command = ["fdtget", "-t", "x", "out.dtb", "/device@20000000", "interrupts"]
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"0 8 4\n"


def test_without_a_board_there_are_no_passed_devices(folder, capsys):
    assert main(["fdt", "guest.qvmconf"]) == 0
    out = capsys.readouterr().out
    assert "serial@1c090000" in out
    assert "device@20000000" not in out


def test_a_running_host_is_a_board(folder, capsys):
    base = folder / "host/sys/firmware/devicetree/base"
    for node in all_nodes(parse_flattened_tree(Path("host.dtb").read_bytes(), "host").root):
        place = base / node.path.lstrip("/")
        place.mkdir(parents=True)
        named = {"name": node.name.partition("@")[0].encode() + b"\0"}
        for name, value in (node.properties | named).items():
            (place / name).write_bytes(value)
    assert main(["fdt", "guest.qvmconf", "--board", "host"]) == 0
    out = capsys.readouterr().out
    assert "device@20000000" in out
    assert "\tname" not in out


def test_what_is_left_out_is_told(folder, capsys):
    write_host("pinctrl-0 = <&clk>;")
    assert main(["fdt", "guest.qvmconf", "--board", "host.dtb", "-o", "out.dtb"]) == 0
    assert capsys.readouterr().err == (
        "passthru: pinctrl-0 of /device@20000000 is dropped: the pins stay as the host has set "
        "them\n"
    )


def test_a_refusal_names_the_node_the_provider_and_the_way_out(folder, capsys):
    write_host("clocks = <&clk 7>; resets = <&clk 1>;")
    assert main(["fdt", "guest.qvmconf", "--board", "host.dtb", "-o", "out.dtb"]) == 65
    assert not Path("out.dtb").exists()
    fix = (
        "  fix: `fdt load` a tree of your own that has the device without it; or, if nobody else "
        "needs clock-controller@10000000: pass loc mem:0x10000000,0x1000,rwn\n"
    )
    assert capsys.readouterr().err == (
        "passthru: [guest.qvmconf:4] /device@20000000 needs the clock 7 of "
        f"/clock-controller@10000000, which stays with the host\n{fix}"
        "[guest.qvmconf:4] /device@20000000 needs the reset line 1 of "
        f"/clock-controller@10000000, which stays with the host\n{fix}"
    )


def test_the_way_out_works(folder, capsys):
    write_host("clocks = <&clk 7>;")
    own = (
        "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>;"
        "device@20000000 { reg = <0 0x20000000 0 0x1000>; }; };"
    )
    Path("own.dtb").write_bytes(compile_tree(own))
    Path("guest.qvmconf").write_text(TEXT + "fdt load own.dtb\n")
    assert main(["fdt", "guest.qvmconf", "--board", "host.dtb"]) == 0


@pytest.mark.parametrize(
    ("blob", "status", "told"),
    [
        (None, 64, "[guest.qvmconf:5] cannot read the device tree `own.dtb`: No such file"),
        (b"", 65, "`own.dtb` is no sound device tree blob: it does not begin with d00dfeed"),
        (b"\xd0\x0d\xfe\xed", 65, "`own.dtb` is no sound device tree blob: it ends too early"),
        (compile_tree("/dts-v1/; / { };")[:-3], 65, "it is 69 bytes and says 72"),
        (b"\xd0\x0d\xfe\xed" + bytes(2 << 20), 65, "`own.dtb`: it has over 2 MiB"),
        (
            compile_tree('/dts-v1/; / { x { qvm,vdev = "nobody"; }; };'),
            65,
            "[guest.qvmconf:5] /x of the loaded tree stands for the virtual device `nobody`, and "
            "no `vdev` has that name",
        ),
    ],
)
def test_a_tree_that_cannot_be_loaded_is_told(blob, status, told, folder, capsys):
    if blob is not None:
        Path("own.dtb").write_bytes(blob)
    Path("guest.qvmconf").write_text(TEXT + "fdt load own.dtb\n")
    assert main(["fdt", "guest.qvmconf", "--board", "host.dtb"]) == status
    assert told in capsys.readouterr().err


def test_a_tree_that_becomes_too_large_is_refused(folder, capsys):
    nearly = f"/dts-v1/; / {{ x = [{'00' * ((2 << 20) - 400)}]; }};"
    Path("own.dtb").write_bytes(compile_tree(nearly))
    Path("guest.qvmconf").write_text(TEXT + "fdt load own.dtb\n")
    assert main(["fdt", "guest.qvmconf", "-o", "out.dtb"]) == 65
    assert re.search(
        r"the guest's device tree has \d+ bytes, and its place has 2097152", capsys.readouterr().err
    )
    assert not Path("out.dtb").exists()


def test_a_tree_in_the_hosts_memory_cannot_be_read_here(folder, capsys):
    Path("guest.qvmconf").write_text(TEXT + "fdt pass loc 0x90000000,0x1000,rn=0x50000000\n")
    assert main(["fdt", "guest.qvmconf"]) == 64
    assert "it is in the memory of the host" in capsys.readouterr().err


def test_the_place_of_a_loaded_ram_disk(folder, capsys):
    Path("initrd").write_bytes(bytes(100))
    Path("guest.qvmconf").write_text(TEXT + "initrd load 0x82000000,initrd\n")
    assert main(["fdt", "guest.qvmconf"]) == 0
    assert "linux,initrd-end = <0x0 0x82000064>;" in capsys.readouterr().out
    for words, why in (
        ("initrd", "has no address"),
        ("0x82000000,no", "is not here to be measured"),
    ):
        Path("guest.qvmconf").write_text(TEXT + f"initrd load {words}\n")
        assert main(["fdt", "guest.qvmconf"]) == 0
        out, err = capsys.readouterr()
        assert "initrd-end" not in out
        assert f"{why}; the tree does not say where the RAM disk is" in err


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ([], 2, "it takes one FILE"),
        (["a", "b"], 2, "it takes one FILE"),
        (["guest.qvmconf", "-o", "x.txt"], 2, "ends in neither .dtb nor .dts"),
        (["none.qvmconf"], 64, "cannot read the configuration `none.qvmconf`"),
        (["guest.qvmconf", "--board", "none.dtb"], 64, "cannot read the board `none.dtb`"),
        (["guest.qvmconf", "--board", "guest.qvmconf"], 65, "`guest.qvmconf` has no device tree"),
        (["guest.qvmconf", "--board", "."], 65, "`.` has no device tree"),
        (["guest.qvmconf", "-o", "no/x.dtb"], 64, "cannot write the device tree `no/x.dtb`"),
        (["wrong.qvmconf"], 65, "[unknown-option]"),
    ],
)
def test_wrong_use_and_bad_files_are_told(words, status, told, folder, capsys):
    Path("wrong.qvmconf").write_text("ram 0x80000000,64M rma 1")
    assert main(["fdt", *words]) == status
    assert told in capsys.readouterr().err


def test_help(capsys):
    assert main(["fdt", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: passthru fdt FILE")
