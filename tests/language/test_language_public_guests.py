# SPDX-License-Identifier: Apache-2.0
"""The configurations that the bench starts are the public ones, but for what is named here."""

import re

import pytest

from public_guests import CORPUS, FILES

IMAGES = ("/guests/hello-guest.bin", "./zephyr.elf", "/dev/shmem/linux-Image", "/data/s1/Image")
INITRDS = ("/dev/shmem/initrd-v6.gz", "/data/s1/initrd.cpio.gz")
NOT_RUN = (
    # Virtual devices beside the console, host processors by name, and where messages go.
    r"vdev (?:vdev-)?virtio-.*(?:\n .*)*",
    r"(?<=^cpu) cluster \S+",
    r"^logger .*",
)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
@pytest.mark.parametrize("name", FILES)
def test_only_images_and_what_run_has_not_are_left_out(name: str) -> None:
    text = (CORPUS / f"{name}.qvmconf").read_text()
    text = re.sub(r"#.*", "", text)
    for pattern in NOT_RUN:
        text = re.sub(pattern, "", text, flags=re.MULTILINE)
    words = text.split()
    words = ["{image}" if word in IMAGES else word for word in words]
    words = ["{initrd}" if word in INITRDS else word for word in words]
    assert FILES[name].split() == words
