# SPDX-License-Identifier: Apache-2.0
"""Taking the kernel proper out of a bzImage."""

import gzip
import lzma
import shutil
import struct
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.bench.bzimage import unpack_kernel
from passthru.bench.errors import MissingToolError

KERNEL = b"\x7fELF" + bytes(range(256)) * 40


def bzimage(payload: bytes, *, magic: bytes = b"HdrS", version: int = 0x20F) -> bytes:
    """An image whose payload begins 16 bytes into the protected-mode part."""
    setup_sectors = 2
    image = bytearray((setup_sectors + 1) * 512 + 16)
    image[0x1F1] = setup_sectors
    image[0x202:0x206] = magic
    struct.pack_into("<H", image, 0x206, version)
    struct.pack_into("<II", image, 0x248, 16, len(payload))
    return bytes(image) + payload + b"what follows"


def with_size(data: bytes) -> bytes:
    """The kernel's build appends the unpacked size to some compressions."""
    return data + struct.pack("<I", len(KERNEL))


@pytest.mark.parametrize(
    "payload", [gzip.compress(KERNEL), with_size(lzma.compress(KERNEL))], ids=["gzip", "xz"]
)
def test_the_kernel_comes_out(payload: bytes) -> None:
    assert unpack_kernel(bzimage(payload)) == KERNEL


def test_a_zstd_kernel_comes_out() -> None:
    done = subprocess.run(["zstd", "--quiet"], input=KERNEL, stdout=subprocess.PIPE, check=True)

    assert unpack_kernel(bzimage(with_size(done.stdout))) == KERNEL


def test_a_zstd_kernel_without_zstd_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path: None)

    with pytest.raises(MissingToolError) as caught:
        unpack_kernel(bzimage(with_size(b"\x28\xb5\x2f\xfd")))
    assert caught.value.fix == "apt-get install zstd"


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"MZ" * 100,
        bzimage(gzip.compress(KERNEL), magic=b"none"),
        bzimage(gzip.compress(KERNEL), version=0x206),
        bzimage(gzip.compress(b"no ELF file")),
        bzimage(b"\x02\x21\x4c\x18 lz4, which is not known"),
        bzimage(gzip.compress(KERNEL)[:40])[:700],
        bzimage(b"\xfd7zXZ\0 and then rubbish"),
    ],
)
def test_anything_else_gives_nothing(image: bytes) -> None:
    assert unpack_kernel(image) is None


@given(st.binary(max_size=2000))
def test_no_image_is_too_odd(image: bytes) -> None:
    assert unpack_kernel(bytes(0x202) + b"HdrS\x0f\x02" + image) is None
