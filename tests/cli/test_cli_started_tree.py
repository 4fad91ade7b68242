# SPDX-License-Identifier: Apache-2.0
"""The device tree of a guest that is started: what it is merged with, and how it fails."""

import ctypes
from pathlib import Path

import pytest

from arm_board import LINUX as ARM
from fake_kernel import FakeKernel
from guest_trees import compile_tree, config_of, host_with, node_at
from passthru.addresses import AddressRange
from passthru.board.flattened_tree import parse_flattened_tree
from passthru.cli.left_out import without_types
from passthru.cli.started_tree import started_tree
from passthru.diagnostics.errors import PassthruError
from passthru.host.kernel import Mapping

TEXT = 'ram 0x80000000,64M\ncmdline "quiet"\nvdev pl011 loc 0x1c090000 intr gic:37\n'
DEVICE = "pass loc 0x30000000,0x1000,rwn=0x20000000\n"
HOST = host_with("device@20000000 { reg = <0 0x20000000 0 0x1000>; };").root
OWN = """
/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; model = "mine";
    rtc@30000000 { compatible = "mine"; reg = <0 0x30000000 0 0x1000>; };
};
"""
PASSED = "fdt pass loc 0x90000000,0x{size:x},rn=0x70000ff8\n"


class HostMemory(FakeKernel):
    """A host that has these bytes in its memory at 0x70000ff8."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._content = bytes(0xFF8) + content

    def map(self, file: int, size: int, offset: int, *, writable: bool) -> Mapping:
        assert (self.files[file], offset, writable) == ("/dev/mem", 0x70000000, False)
        mapping = super().map(file, size, offset, writable=writable)
        ctypes.memmove(mapping.address, self._content.ljust(size, b"\0"), size)
        return mapping


class Started:
    """What came of it."""

    def __init__(self, text: str, host=None, kernel=None, space: int = 2 << 20) -> None:
        self.said: list[str] = []
        self.kernel = kernel or FakeKernel()
        initrd = AddressRange(0x82000000, 0x1000)
        try:
            self.blob = started_tree(
                config_of(text), host, ARM, self.kernel, initrd, space, self.said.append
            )
        finally:
            assert (self.kernel.files, self.kernel.mappings) == ({}, {})

    def strings(self, path: str, name: str) -> tuple[str, ...]:
        return node_at(parse_flattened_tree(self.blob, "guest"), path).strings(name)


@pytest.fixture
def own(tmp_path, monkeypatch) -> bytes:
    monkeypatch.chdir(tmp_path)
    content = compile_tree(OWN)
    Path("own.dtb").write_bytes(content)
    return content


def test_a_whole_tree_is_made_where_none_is_loaded() -> None:
    for text in (TEXT, TEXT + "fdt generate\n"):
        started = Started(text + DEVICE, HOST)
        assert started.strings("/chosen", "bootargs") == ("quiet",)
        assert started.strings("/serial@1c090000", "compatible")[0] == "arm,pl011"
        assert started.strings("/device@30000000", "status") == ()
        assert started.said == []


def test_a_loaded_tree_is_merged_and_its_devices_are_not_made_again(own) -> None:
    started = Started(TEXT + DEVICE + "fdt load own.dtb\n", HOST)
    assert started.strings("/", "model") == ("mine",)
    assert started.strings("/rtc@30000000", "compatible") == ("mine",)
    assert started.strings("/chosen", "bootargs") == ("quiet",)
    with pytest.raises(StopIteration):
        started.strings("/device@30000000", "reg")


@pytest.mark.shows("blob-fdt")
def test_a_passed_tree_is_read_from_the_host_s_memory(own) -> None:
    started = Started(TEXT + PASSED.format(size=len(own)), None, HostMemory(own))
    assert started.strings("/", "model") == ("mine",)
    assert started.strings("/serial@1c090000", "compatible")[0] == "arm,pl011"


def test_a_node_that_stands_for_a_device_left_out_is_left_out_with_it(own) -> None:
    nodes = 'mmc { qvm,vdev = "disk"; }; serial { qvm,vdev = "tty"; };'
    Path("own.dtb").write_bytes(compile_tree(OWN.rstrip().removesuffix("};") + nodes + "};"))
    text = TEXT.rstrip() + " name tty vdev virtio-blk loc 0x1c0a0000 intr gic:38 name disk\n"
    config = config_of(text + "fdt load own.dtb")
    with pytest.raises(PassthruError, match="no `vdev` has that name"):
        started_tree(
            config._replace(vdevs=config.vdevs[:1]), HOST, ARM, FakeKernel(), None, 2 << 20, print
        )
    said: list[str] = []
    without = without_types(config, ["virtio-blk"], ARM, said.append)
    blob = started_tree(without, HOST, ARM, FakeKernel(), None, 2 << 20, said.append)
    children = [node.name for node in parse_flattened_tree(blob, "guest").root.children]
    assert "mmc" not in children
    assert "serial@1c090000" in children
    assert said[1:] == [
        "/mmc of the loaded tree stands for the virtual device `disk`, which is left out, and so "
        "is the node"
    ]


def test_a_host_without_a_tree_is_told_where_devices_are_passed() -> None:
    (remark,) = Started(TEXT + DEVICE).said
    assert remark.startswith("this host has no device tree")
    assert Started(TEXT).said == []


def test_the_tree_goes_to_the_file_that_the_last_variable_names(tmp_path) -> None:
    first, last = tmp_path / "first.dtb", tmp_path / "last.dtb"
    started = Started(f"{TEXT}set fdt-dump-file {first}\nset fdt-dump-file {last}\n")
    assert last.read_bytes() == started.blob
    assert not first.exists()
    assert started.said == [f"FDT saved to '{last}'"]


@pytest.mark.parametrize(
    ("text", "content", "status", "words", "fix"),
    [
        ("fdt load none.dtb", b"", 64, "cannot read the device tree `none.dtb`", "a path"),
        ("fdt load own.dtb", b"\xd0\x0d\xfe\xed", 65, "`own.dtb` is no sound", "a whole"),
        ("fdt load own.dtb", bytes(3 << 20), 65, "it has over 2 MiB", "a whole"),
        (
            "fdt load own.dtb",
            compile_tree("/dts-v1/; / { interrupt-parent = <7>; };"),
            65,
            "interrupt-parent of / in the loaded tree names a node by the phandle 0x7",
            "the node with that phandle",
        ),
        (
            PASSED.format(size=64),
            b"\xd0\x0d\xfe\xed\0\0\1\0",
            65,
            "says that it has 0x100",
            "0x100",
        ),
        (
            PASSED.format(size=3 << 20),
            b"\xd0\x0d\xfe\xed\0\x28\0\0",
            65,
            "it has over 2 MiB",
            "a whole",
        ),
        (PASSED.format(size=64), b"anything", 65, "is no sound device tree", "a whole"),
        (PASSED.format(size=64), b"\xd0\x0d\xfe\xed\0\0\0\0", 65, "at byte 4", "a whole"),
        ("set fdt-dump-file /nowhere/x", b"", 64, "cannot write the device tree", None),
    ],
)
def test_what_is_wrong_is_told_with_the_fix(own, text, content, status, words, fix) -> None:
    Path("own.dtb").write_bytes(content)
    with pytest.raises(PassthruError) as raised:
        Started(f"{TEXT}{text}\n", None, HostMemory(content))
    assert raised.value.exit_status == status
    assert words in str(raised.value)
    assert fix is None or fix in (raised.value.fix or "")


def test_a_tree_that_has_no_room_is_refused_with_both_sizes(own) -> None:
    space = len(Started(TEXT).blob) - 1
    with pytest.raises(PassthruError, match=f"has {space + 1} bytes, and its place has {space}"):
        Started(TEXT, space=space)
