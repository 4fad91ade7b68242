# SPDX-License-Identifier: Apache-2.0
"""Boards from files of every kind, told by content."""

import subprocess
from pathlib import Path

import pytest

from passthru.board.device_tree import board_from_tree_source
from passthru.board.flattened_tree import DamagedTreeError
from passthru.board.load import NotABoardError, UnreadableBoardError, load_board
from passthru.board.snapshot import DamagedBoardError, write_board
from passthru.diagnostics.errors import PassthruError

BOARDS = Path(__file__).parent.parent / "boards"
TREE = BOARDS / "pi4-like.dts"


def test_each_kind_is_told_by_its_content(tmp_path: Path) -> None:
    """The names say nothing, or the wrong thing."""
    expected = board_from_tree_source(str(TREE))
    blob, snapshot, source = (tmp_path / name for name in ("a.txt", "b.dtb", "c"))
    subprocess.run(["dtc", "-q", "-o", str(blob), "-O", "dtb", str(TREE)], check=True)
    snapshot.write_bytes(b"\n" + write_board(expected))
    source.write_bytes(b"// a comment first\n" + TREE.read_bytes())
    assert load_board(str(snapshot)) == expected
    assert load_board(str(blob)) == expected._replace(name="a.txt")
    assert load_board(str(source)) == expected._replace(name="c")


def test_qnx_text() -> None:
    board = load_board(str(BOARDS / "qnx-arm-asinfo.txt"))
    assert board.name == "qnx-arm-asinfo.txt"
    assert len(board.asinfo) == 13


def test_a_recorded_tree(tmp_path: Path) -> None:
    files = {
        "proc/sys/kernel/hostname": "recorded\n",
        "proc/sys/kernel/arch": "aarch64\n",
        "proc/iomem": "40000000-7fffffff : System RAM\n",
    }
    for name, text in files.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    board = load_board(str(tmp_path))
    assert (board.name, board.architecture) == ("recorded", "aarch64")
    assert [each.start for each in board.allocated] == [0x40000000]


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"", NotABoardError, "nothing in it is known"),
        (b"cpu\nram 1m\n", NotABoardError, "nothing in it is known"),
        (b"\x7fELF\2\1\1\0\0", NotABoardError, "neither text nor a device tree blob"),
        (b"\xd0\x0d\xfe\xed\0\0", DamagedTreeError, "ends too early"),
        (b'{"format": "other"}', DamagedBoardError, "format"),
        (b"\xff\xfe\xfd", NotABoardError, "nothing in it is known"),
    ],
)
def test_anything_else_says_what_it_is_not(
    data: bytes, error: type[PassthruError], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "given"
    file.write_bytes(data)
    with pytest.raises(error) as caught:
        load_board(str(file))
    assert said in str(caught.value)
    assert "given" in str(caught.value)


def test_a_missing_file_and_an_empty_directory(tmp_path: Path) -> None:
    with pytest.raises(UnreadableBoardError, match="No such file or directory"):
        load_board(str(tmp_path / "none"))
    with pytest.raises(NotABoardError, match="neither proc nor sys"):
        load_board(str(tmp_path))


def test_no_name_is_not_this_host() -> None:
    with pytest.raises(UnreadableBoardError, match="it has no name"):
        load_board("")


def test_a_file_without_end_is_refused() -> None:
    with pytest.raises(NotABoardError, match="over 64 MiB"):
        load_board("/dev/zero")
