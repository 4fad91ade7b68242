# SPDX-License-Identifier: Apache-2.0
"""`passthru run` with trees of one's own and a RAM disk in the memory of a virtual arm64 host."""

import base64
import hashlib
import itertools
from pathlib import Path

import pytest

from arm_guests import make_flat
from guest_trees import compile_tree, node_at
from passthru.addresses import PAGE_SIZE
from passthru.bench.architectures import AARCH64
from passthru.bench.foreign_host import obtain_foreign_kernel
from passthru.bench.host_session import Completed
from passthru.bench.initramfs import build_initramfs
from passthru.bench.inner_command import FOREIGN_PYTHON, passthru_command
from passthru.bench.virtual_host import VirtualHost
from passthru.board.flattened_tree import parse_flattened_tree

pytestmark = pytest.mark.bench

NUMBERS = itertools.count()

OWN = """
/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>; model = "mine"; compatible = "linux,dummy-virt";
    interrupt-parent = <&gic>;
    gic: anything { qvm,vdev = "gic"; };
    mine { text = "of my own"; };
    gpio@30000000 {
        compatible = "of,my,own"; reg = <0 0x30000000 0 0x1000>;
        interrupts-extended = <&gic 0 2 4>;
    };
};
"""
LINUX = """\
system linux
ram 0x80000000,256m
guest load {image}
initrd pass loc 0x38000000,{size:#x},rcn=0x81000000
fdt load {directory}/own.dtb
set fdt-dump-file /run/guest.dtb
cmdline "console=ttyAMA0 quiet panic=-1 nokaslr mitigations=off cryptomgr.notests \
random.trust_cpu=on rcupdate.rcu_expedited=1 audit=0"
vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-
pass loc 0x30000000,0x1000,rwn=0x9030000
pass loc 0x31000000,0x1000,rwn=0x9010000
"""
CHECKS = """\
mount -t proc proc /proc
mount -t sysfs sysfs /sys
cd /proc/device-tree
echo "tree: $(md5sum < /sys/firmware/fdt)"
echo "model: $(tr -d '\\\\0' < model), $(tr -d '\\\\0' < mine/text)"
echo "devices: $(ls -d *@30000000 *@31000000)" | tr '\\n' ' '
echo
grep -q 'GICv3 *27 .*arch_timer' /proc/interrupts && echo timer
"""


def run(host: VirtualHost, directory: Path, *words: str) -> Completed:
    config = directory / "guest.qvmconf"
    size = (directory / "initrd").stat().st_size
    image = obtain_foreign_kernel().image
    config.write_text(LINUX.format(directory=directory, image=image, size=size))
    command = passthru_command(["run", f"@{config}", *words], AARCH64)
    return host.run(command, timeout=200, silence=120)


def dumped(host: VirtualHost) -> bytes:
    """The tree that a run has written."""
    return base64.b64decode(host.run(["base64", "/run/guest.dtb"]).output)


STORE = """
import mmap, struct, sys
with open(sys.argv[1], "rb") as file:
    content = file.read()
with open("/dev/mem", "r+b") as file:
    memory = mmap.mmap(file.fileno(), len(content), offset=int(sys.argv[2], 0))
# In whole words: the host's kernel does not know this memory as RAM.
words = memoryview(memory).cast("Q")
for number, (word,) in enumerate(struct.iter_unpack("<Q", content)):
    words[number] = word
"""


def leave_in_memory(host: VirtualHost, file: Path, content: bytes, address: int) -> None:
    """Put ``content``, as whole pages, into ``file`` and at ``address`` of the host (HPA)."""
    file.write_bytes(content + bytes(-len(content) % PAGE_SIZE))
    stored = host.run([FOREIGN_PYTHON, "-c", STORE, str(file), hex(address)])
    assert stored.status == 0, stored.text


FROM_MEMORY = """\
ram 0x40000000,1M
load {directory}/guest.bin
fdt pass loc 0x90000000,0x1000,rn=0x88080000
set fdt-dump-file /run/guest.dtb
vdev pl011 loc 0x1c090000 intr gic:37
"""
# The first word of a blob, as a little-endian processor reads it.
HAS_A_TREE = """
    ldr w1, [x0]
    ldr w2, =0xedfe0dd0
    cmp w1, w2
    b.ne 9f
    print "a tree\\n"
9:  power_off
"""


UNBIND = """driver=/sys/bus/amba/drivers/pl061_gpio
if [ -e $driver/9030000.pl061 ]; then echo 9030000.pl061 > $driver/unbind; fi
"""


@pytest.fixture
def directory(arm_host: VirtualHost) -> Path:
    place = arm_host.exchange / f"trees-{next(NUMBERS)}"
    place.mkdir()
    assert arm_host.run(["sh", "-c", UNBIND]).status == 0
    kernel = obtain_foreign_kernel()
    init = f"#!/bin/busybox sh\n/bin/busybox --install -s /bin\n{CHECKS}poweroff -f\n"
    initrd = build_initramfs(kernel, init, {})
    leave_in_memory(arm_host, place / "initrd", initrd, 0x81000000)
    (place / "own.dtb").write_bytes(compile_tree(OWN))
    return place


@pytest.mark.shows("pass-blob", "blob-initrd", "example-initrd-source")
def test_linux_starts_with_a_tree_of_ones_own_and_what_the_vm_adds(
    arm_host: VirtualHost, directory: Path
) -> None:
    done = run(arm_host, directory)
    assert done.status == 0, done.text
    blob = dumped(arm_host)
    lines = done.text.replace("\r", "").splitlines()
    assert "passthru: FDT saved to '/run/guest.dtb'" in lines
    assert f"tree: {hashlib.md5(blob).hexdigest()}  -" in lines, done.text
    assert "model: mine, of my own" in lines
    assert "devices: gpio@30000000 pl031@31000000 " in lines
    assert "timer" in lines
    tree = parse_flattened_tree(blob, "guest.dtb")
    assert node_at(tree, "/gpio@30000000").strings("compatible") == ("of,my,own",)


def test_a_dry_run_writes_the_tree_and_stops(arm_host: VirtualHost, directory: Path) -> None:
    done = run(arm_host, directory, "dryrun")
    assert done.status == 0, done.text
    saved, ended = done.text.replace("\r", "").splitlines()[-2:]
    assert saved == "passthru: FDT saved to '/run/guest.dtb'"
    assert ended == "passthru: Exiting: dryrun complete"
    tree = parse_flattened_tree(dumped(arm_host), "guest.dtb")
    assert "linux,initrd-start" in node_at(tree, "/chosen").properties


@pytest.mark.shows("blob-fdt")
def test_a_tree_in_the_memory_of_the_host_is_merged(arm_host: VirtualHost) -> None:
    place = arm_host.exchange / f"trees-{next(NUMBERS)}"
    place.mkdir()
    make_flat(place, HAS_A_TREE)
    (place / "guest.qvmconf").write_text(FROM_MEMORY.format(directory=place))
    leave_in_memory(arm_host, place / "own.dtb", compile_tree(OWN), 0x88080000)
    command = passthru_command(["run", f"@{place}/guest.qvmconf"], AARCH64)
    done = arm_host.run(command, timeout=90, silence=60)
    assert done.status == 0, done.text
    assert done.text.splitlines()[-2] == "a tree"
    tree = parse_flattened_tree(dumped(arm_host), "guest.dtb")
    assert node_at(tree, "/mine").strings("text") == ("of my own",)
    assert "/memory@40000000" in [node.path for node in tree.root.children]
