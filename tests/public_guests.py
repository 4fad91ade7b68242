# SPDX-License-Identifier: Apache-2.0
"""Public configurations of arm64 guests, with other images, for guests that are started.

Names are those of the corpus, where the files themselves are. What is left out here, a test
compares.
"""

from pathlib import Path

CORPUS = Path(__file__).parents[2] / "shared" / "corpus"

BARE_METAL = """\
system hello-guest
ram 0x40000000,16M
cpu
load {image}
vdev pl011
    loc 0x1c090000
    intr gic:37
"""
ZEPHYR = """\
system zephyr
cpu
ram 0x80000000,128M
vdev gic version 2
load {image}
vdev pl011
        hostdev >-
        loc 0x1c090000
        intr gic:37
"""
TWO_PROCESSORS = """\
system linux-guest-v6
ram 0x80000000,512m
cpu
cpu
guest load {image}
initrd load {initrd}
cmdline "console=ttyAMA0 earlycon=pl011,0x1c090000 loglevel=8 init=/init"
vdev vdev-pl011
 loc 0x1c090000
 intr gic:37
 hostdev >/data/linux-v6-console.log
"""
THREE_PROCESSORS = """\
system s1-linux
ram 0x80000000,512M
cpu
cpu
cpu
load {image}
initrd load {initrd}
cmdline "console=hvc0 earlycon=pl011,0x1c090000 keep_bootcon nokaslr rdinit=/init panic=-1 \
cma=16M loglevel=7"
vdev pl011
 hostdev >-
 loc 0x1c090000
 intr gic:37
"""
FILES = {
    "41-perfetto-linux-guest-v6": TWO_PROCESSORS,
    "48-chhaeon-s1-linux": THREE_PROCESSORS,
    "49-tc3-hello-guest": BARE_METAL,
    "50-zephyr-qnxhv_vm": ZEPHYR,
}
"""The text of each, by the name of its file in the corpus."""
