# SPDX-License-Identifier: Apache-2.0
"""A RAM disk that a boot loader left in the memory of a virtual arm64 host, for Linux."""

import itertools

import pytest

from passthru.bench.architectures import AARCH64
from passthru.bench.foreign_host import FOREIGN_PYTHON, obtain_foreign_kernel
from passthru.bench.initramfs import build_initramfs
from passthru.bench.inner_command import passthru_command
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

NUMBERS = itertools.count()

STORE = """
import mmap, struct, sys
with open(sys.argv[1], "rb") as file:
    content = file.read()
with open("/dev/mem", "r+b") as file:
    memory = mmap.mmap(file.fileno(), len(content), offset=0x81000000)
# In whole words: the host's kernel does not know this memory as RAM.
words = memoryview(memory).cast("Q")
for number, (word,) in enumerate(struct.iter_unpack("<Q", content)):
    words[number] = word
"""
LINUX = """\
ram 0x40000000,256m
guest load {image}
initrd pass loc 0x90000000,{size:#x},rcn=0x81000000
cmdline "console=ttyAMA0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests \
random.trust_cpu=on rcupdate.rcu_expedited=1 audit=0"
vdev pl011 loc 0x1c090000 intr gic:37
"""
PAGE = 4096


@pytest.mark.shows(
    "pass-blob",
    "blob-initrd",
    "example-initrd-source",
)
def test_linux_starts_with_a_ram_disk_from_the_memory_of_the_host(arm_host: VirtualHost) -> None:
    place = arm_host.exchange / f"initrd-{next(NUMBERS)}"
    place.mkdir()
    kernel = obtain_foreign_kernel()
    init = "#!/bin/busybox sh\n/bin/busybox --install -s /bin\necho from the host\npoweroff -f\n"
    initrd = build_initramfs(kernel, init, {})
    initrd += bytes(-len(initrd) % PAGE)
    (place / "initrd").write_bytes(initrd)
    (place / "guest.qvmconf").write_text(LINUX.format(image=kernel.image, size=len(initrd)))
    stored = arm_host.run([FOREIGN_PYTHON, "-c", STORE, str(place / "initrd")])
    assert stored.status == 0, stored.text
    command = passthru_command(["run", f"@{place}/guest.qvmconf"], AARCH64)
    done = arm_host.run(command, timeout=200, silence=120)
    assert done.status == 0, done.text
    assert "from the host" in done.text.replace("\r", "").splitlines(), done.text
