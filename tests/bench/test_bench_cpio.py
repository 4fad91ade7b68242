# SPDX-License-Identifier: Apache-2.0
"""The archive writer, judged by cpio itself."""

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.bench.cpio import CpioArchive

needs_cpio = pytest.mark.skipif(shutil.which("cpio") is None, reason="cpio is not installed")


def listing(data: bytes, *options: str) -> list[str]:
    command = ["cpio", "--quiet", "-t", *options]
    done = subprocess.run(command, input=data, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout.decode().splitlines()


@needs_cpio
def test_cpio_lists_every_entry_and_the_parents_first() -> None:
    archive = CpioArchive()
    archive.add_file("/a/b/file", b"12345")
    archive.add_symlink("/a/link", "b/file")
    archive.add_character_device("/dev/console", 5, 1)
    archive.add_directory("/a/b")

    assert listing(archive.to_bytes()) == ["a", "a/b", "a/b/file", "a/link", "dev", "dev/console"]


@needs_cpio
def test_cpio_sees_types_modes_sizes_and_numbers() -> None:
    archive = CpioArchive()
    archive.add_file("/plain", b"12345")
    archive.add_file("/script", b"#!/bin/sh\n", executable=True)
    archive.add_symlink("/link", "plain")
    archive.add_character_device("/console", 5, 1)

    plain, script, link, console = (line.split() for line in listing(archive.to_bytes(), "-v"))

    assert (plain[0], plain[4], plain[-1]) == ("-rw-r--r--", "5", "plain")
    assert (script[0], script[-1]) == ("-rwxr-xr-x", "script")
    assert (link[0], link[-3:]) == ("lrwxrwxrwx", ["link", "->", "plain"])
    assert (console[0], console[4:6], console[-1]) == ("crw-------", ["5,", "1"], "console")


@needs_cpio
@pytest.mark.parametrize("size", range(9))
def test_contents_come_back_at_every_alignment(size: int, tmp_path: Path) -> None:
    archive = CpioArchive()
    content = bytes(range(1, size + 1))
    archive.add_file("x" * (size + 1), content)
    archive.add_file("last", b"end")

    command = ["cpio", "--quiet", "-i"]
    subprocess.run(command, input=archive.to_bytes(), cwd=tmp_path, check=True)

    assert (tmp_path / ("x" * (size + 1))).read_bytes() == content
    assert (tmp_path / "last").read_bytes() == b"end"


@given(st.binary(max_size=64))
def test_the_archive_is_whole_words(content: bytes) -> None:
    archive = CpioArchive()
    archive.add_file("file", content)

    assert len(archive.to_bytes()) % 4 == 0


def test_a_second_file_of_one_name_is_refused() -> None:
    archive = CpioArchive()
    archive.add_file("/etc/one", b"")

    with pytest.raises(ValueError, match="/etc/one"):
        archive.add_symlink("/etc/one", "two")
