# SPDX-License-Identifier: Apache-2.0
"""Loaded device trees are found beside the configuration, and nowhere else."""

import os
from pathlib import Path

from passthru.cli.guest_trees import guest_tree_findings
from passthru.cli.main import main
from passthru.diagnostics.source import Source
from passthru.language.model import VmConfig
from passthru.language.reader import read

NO_TREE = b"no tree at all"


def config_of(path: Path, text: str) -> VmConfig:
    path.write_text(text)
    return read([Source(str(path), text)], environment={}).config


def test_a_tree_beside_the_configuration_is_compared(tmp_path, monkeypatch):
    config = config_of(tmp_path / "a.qvmconf", "ram 64m fdt load ./trees/guest.dtb")
    (tmp_path / "trees").mkdir()
    (tmp_path / "trees/guest.dtb").write_bytes(NO_TREE)
    monkeypatch.chdir("/")
    (finding,) = guest_tree_findings(config)
    assert finding.id == "guest-tree-disagrees"
    assert finding.span is not None
    assert finding.span.text == "fdt load ./trees/guest.dtb"


def test_each_tree_is_compared(tmp_path):
    for name in ("one.dtb", "two.dtb"):
        (tmp_path / name).write_bytes(NO_TREE)
    text = "ram 64m fdt load one.dtb initrd load two.dtb fdt load two.dtb"
    found = guest_tree_findings(config_of(tmp_path / "a.qvmconf", text))
    assert [each.resource for each in found] == ["one.dtb", "two.dtb"]


def test_what_is_not_here_is_the_targets(tmp_path):
    tree = tmp_path / "guest.dtb"
    tree.write_bytes(NO_TREE)
    (tmp_path / "folder.dtb").mkdir()
    os.mkfifo(tmp_path / "pipe.dtb")
    for path in (str(tree), "missing.dtb", "folder.dtb", "pipe.dtb"):
        config = config_of(tmp_path / "a.qvmconf", f"ram 64m fdt load {path}")
        assert guest_tree_findings(config) == ()


def test_what_is_too_large_is_no_tree(tmp_path):
    with (tmp_path / "guest.dtb").open("wb") as file:
        file.truncate((16 << 20) + 1)
    config = config_of(tmp_path / "a.qvmconf", "ram 64m fdt load guest.dtb")
    assert guest_tree_findings(config) == ()


def test_the_standard_input_has_nothing_beside_it(tmp_path, monkeypatch):
    (tmp_path / "guest.dtb").write_bytes(NO_TREE)
    monkeypatch.chdir(tmp_path)
    config = read([Source("<stdin>", "ram 64m fdt load guest.dtb")], environment={}).config
    assert guest_tree_findings(config) == ()


def test_check_tells_of_it(tmp_path, capsys):
    (tmp_path / "guest.dtb").write_bytes(NO_TREE)
    file = tmp_path / "a.qvmconf"
    file.write_text("ram 0x80000000,64m load Image fdt load guest.dtb vdev gic\n")
    assert main(["check", str(file)]) == 0
    assert "[guest-tree-disagrees]" in capsys.readouterr().out
    file.write_text(
        "ram 0x80000000,64m load Image fdt load guest.dtb vdev gic # passthru: allow "
        "guest-tree-disagrees\n"
    )
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == ""


def test_of_a_text_that_is_not_all_known_nothing_follows(tmp_path, capsys):
    (tmp_path / "guest.dtb").write_bytes(NO_TREE)
    file = tmp_path / "a.qvmconf"
    file.write_text("ram 0x80000000,64m load Image fdt load guest.dtb vdev gic loc zz\n")
    assert main(["check", str(file)]) == 65
    assert "[guest-tree-disagrees]" not in capsys.readouterr().out
