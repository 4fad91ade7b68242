# SPDX-License-Identifier: Apache-2.0
"""`passthru run` with Linux on the KVM of a virtual arm64 host.

The kernel is read where it lies: from the exchange directory, which has no cache, 37 MiB take
longer than the guest. Half of the rest is spent on 100,000 reads of CTR_EL0 with which the kernel
patches its trace points: KVM traps them on a processor without FEAT_EVT, such as the board's.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from passthru.bench.architectures import AARCH64
from passthru.bench.foreign_host import obtain_foreign_kernel
from passthru.bench.host_session import Completed
from passthru.bench.initramfs import build_initramfs
from passthru.bench.inner_command import passthru_command, python_command
from passthru.bench.virtual_host import VirtualHost
from public_guests import THREE_PROCESSORS, TWO_PROCESSORS

pytestmark = pytest.mark.bench

NUMBERS = itertools.count()

# What an emulated processor need not do; and few characters, each of which leaves the guest.
FAST = (
    "loglevel=4 panic=-1 nokaslr mitigations=off cryptomgr.notests random.trust_cpu=on "
    "rcupdate.rcu_expedited=1 audit=0"
)
INIT = """\
#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
{checks}
poweroff -f
"""
LOOK = """\
echo "processors: $(nproc)"
grep -E ' : (System RAM|GIC[DR])' /proc/iomem
grep arch_timer /proc/interrupts
"""


def write_guest(host: VirtualHost, text: str, checks: str) -> Path:
    """The configuration ``text`` with Debian's kernel and an init that makes ``checks``."""
    kernel = obtain_foreign_kernel()
    directory = host.exchange / f"linux-{next(NUMBERS)}"
    directory.mkdir()
    initrd = directory / "initrd"
    initrd.write_bytes(build_initramfs(kernel, INIT.format(checks=checks), {}))
    config = directory / "guest.qvmconf"
    config.write_text(text.format(image=kernel.image, initrd=initrd))
    return config


def run(host: VirtualHost, command: Sequence[str], after: str = "true") -> Completed:
    """Run the guest, then the shell command ``after``."""
    script = f'mkdir -p /data; "$@"; status=$?; {after}; exit $status'
    return host.run(["sh", "-c", script, "sh", *command], timeout=200, silence=150)


def map_of(processors: int) -> set[str]:
    """What /proc/iomem tells of RAM and GIC; each processor has 128 KiB of redistributor."""
    return {
        "80000000-9fffffff : System RAM",
        "2f000000-2f00ffff : GICD",
        f"2f100000-{0x2F100000 + (processors << 17) - 1:x} : GICR",
    }


def lines_of(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.replace("\r", "").splitlines()]


SECOND_PORT = "vdev pl011 loc 0x1c0a0000 intr gic:38\n"
SHELL = """\
setsid sh -c 'exec sh -l <>/dev/ttyAMA1 >&0 2>&1'
"""
# Opens a pseudo-terminal, gives it to the last device of the guest, and types.
TYPIST = """
import os, select, tty
keyboard, terminal = os.openpty()
tty.setraw(terminal)
command = [*sys.argv[1:], "hostdev", os.ttyname(terminal)]
child = os.posix_spawn(command[0], command, os.environ)
end = os.pidfd_open(child)
seen = b""
def wait_for(text):
    global seen
    while text not in seen:
        if keyboard not in select.select([keyboard, end], [], [])[0]:
            sys.exit(f"the guest has ended before {text} came")
        data = os.read(keyboard, 1024)
        os.write(1, data)
        seen += data
    seen = seen.partition(text)[2]
def enter(line):
    wait_for(b"# ")
    os.write(keyboard, line + b"\\r")
    wait_for(b"\\n")
enter(b"echo $((6 * 7)) $(tty)")
wait_for(b"42 /dev/ttyAMA1")
enter(b"sh -c 'echo be''gun; exec sleep 1000'")
wait_for(b"begun")
os.write(keyboard, b"\\x03")
enter(b"grep uart-pl011 /proc/interrupts")
enter(b"exit")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.shows("blob-type-load", "example-initrd-load")
def test_linux_runs_with_two_processors_a_console_in_a_file_and_a_shell_on_a_terminal(
    arm_host: VirtualHost,
) -> None:
    # One start for all: it takes most of the time.
    text = TWO_PROCESSORS.replace("loglevel=8", FAST) + SECOND_PORT
    config = write_guest(arm_host, text, LOOK + SHELL)
    command = passthru_command(["run", f"@{config}"], AARCH64)
    typed = python_command(TYPIST, AARCH64)
    done = run(arm_host, [*typed, *command], "cat /data/linux-v6-console.log")
    assert done.status == 0, done.text
    lines = lines_of(done.text)
    assert {"processors: 2", *map_of(2)} <= set(lines), done.text
    (timer,) = [line.split() for line in lines if "arch_timer" in line]
    assert (timer[3], timer[4]) == ("GICv3", "27")
    assert int(timer[1]) > 0, "processor 0 has had no tick"
    assert int(timer[2]) > 0, "processor 1 has had no tick"
    (port,) = [line.split() for line in lines if "GICv3 38" in line]
    # At least one for each of the four things that were typed until then.
    assert int(port[1]) + int(port[2]) >= 4, "typing has raised no interrupts"


def test_linux_runs_with_a_console_that_is_only_polled(arm_host: VirtualHost) -> None:
    text = THREE_PROCESSORS.replace("loglevel=7", FAST)
    checks = f"exec >/dev/ttyAMA0\n{LOOK}echo '<1>to the console' >/dev/kmsg\n"
    config = write_guest(arm_host, text, checks)
    done = run(arm_host, passthru_command(["run", f"@{config}"], AARCH64))
    assert done.status == 0, done.text
    assert {"processors: 3", *map_of(3)} <= set(lines_of(done.text)), done.text
    assert "] to the console" in done.text
