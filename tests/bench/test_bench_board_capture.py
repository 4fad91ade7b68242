# SPDX-License-Identifier: Apache-2.0
"""A board that is captured on the bench's virtual host and read here."""

import shlex

import pytest

from expected_inventory import check_inventory
from passthru.bench.boards import load_board
from passthru.bench.inner_command import passthru_command
from passthru.bench.virtual_host import VirtualHost
from passthru.board.model import Board
from passthru.board.snapshot import read_snapshot

pytestmark = pytest.mark.bench

WITHOUT_ADMINISTRATION = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
"""Runs a command without the capability that the kernel asks for before it tells addresses."""


def captured(host: VirtualHost, *before: str) -> bytes:
    """The file that two captures wrote, which must be the same."""
    command = shlex.join([*before, *passthru_command(["board", "capture", "-o"])])
    script = (
        f"cd /tmp && {command} 1.json 2>words && {command} 2.json 2>>words && cmp 1.json 2.json "
        "&& cat 1.json"
    )
    done = host.run(["/bin/sh", "-c", script])
    assert done.status == 0, done.text
    return done.output


@pytest.fixture(scope="module")
def board(host: VirtualHost) -> Board:
    return read_snapshot(captured(host), "bench")


def test_the_board_has_what_the_bench_put_there(board: Board) -> None:
    check_inventory(board, load_board())


def test_what_it_could_not_see_is_told(board: Board) -> None:
    told = "\n".join(board.unseen)
    assert "registers and interrupts of QEMU0002:00" in told
    for seen in ("memory map", "ports", "capabilities", "locked"):
        assert seen not in told


def test_without_privilege_less_is_seen_and_that_is_told(host: VirtualHost, board: Board) -> None:
    less = read_snapshot(captured(host, *WITHOUT_ADMINISTRATION), "bench")
    assert not less.memory_known
    assert less.ports == ()
    told = "\n".join(less.unseen)
    assert "the memory map: /proc/iomem shows its addresses to root only" in told
    assert "the ports and their owners: /proc/ioports shows its addresses to root only" in told
    assert "capabilities of 0000:00:01.0, " in told
    assert less.interrupts == board.interrupts
    assert less.iommu_groups == board.iommu_groups
    for full, part in zip(board.pci, less.pci, strict=True):
        assert part == full._replace(capabilities=part.capabilities)
        # That there is no list at all is told in what everybody may read.
        without = full.capabilities is not None and not full.capabilities.standard
        assert part.capabilities == (full.capabilities if without else None)
