# SPDX-License-Identifier: Apache-2.0
"""Bare interrupts of an arm64 host's devices, through UIO, in Linux and in bare-metal guests."""

import base64
import itertools
import re
import shlex
from pathlib import Path

import pytest

from arm_guests import make_flat
from arm_interrupt_guests import (
    counts_entropy_interrupts,
    counts_gpio_interrupts,
    counts_gpio_interrupts_until_told,
)
from demo_output import assert_all_passed
from passthru.bench.architectures import AARCH64
from passthru.bench.demo import ARM_DEMO, write_demo
from passthru.bench.foreign_host import obtain_foreign_kernel
from passthru.bench.host_session import Completed
from passthru.bench.inner_command import passthru_command, python_command
from passthru.bench.virtual_host import VirtualHost
from passthru.board.flattened_tree import parse_flattened_tree

pytestmark = pytest.mark.bench

RUN = shlex.join(passthru_command(["run"], AARCH64))
NUMBERS = itertools.count()

MOVED = "pass loc mem:0x1c170000,0x1000,rwn=0x9010000 intr gic:40=34\n"
IN_PLACE = "pass loc mem:0x9010000,0x1000,rwn intr gic:34\n"
"""How the demo passes the clock, and the same where the host has it."""

BARE = """\
system bare
ram 0x40000000,1M
load {image}
vdev pl011 loc 0x1c090000 intr gic:37 {streams}
{passed}
"""
GPIO = "pass loc mem:0x9030000,0x1000,rwn intr gic:39"
QUEUE = 0x88080000
"""RAM that the board keeps from its kernel, behind the pattern in it."""
ENTROPY = f"""\
pass loc mem:0xa003000,0x1000,rwn intr gic:79{{unmask}}
pass loc mem:{QUEUE:#x},0x2000,rwn
"""

# Says for each of the two whether an interrupt of it comes to a process now, and unmasks it.
STATE = """\
import fcntl, mmap, os, select, struct, time
for name in sorted(os.listdir("/sys/class/uio")):
    folder = "/sys/class/uio/" + name
    said = open(folder + "/name").read().split("@")[0]
    place = open(folder + "/maps/map0/addr").read().strip()
    print(name, said, place, os.readlink(folder + "/device/driver"))
    if said != "pl061":
        continue
    file = os.open("/dev/" + name, os.O_RDWR)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    registers = mmap.mmap(file, 4096)
    def put(place, value):
        registers[place : place + 4] = struct.pack("<I", value)
    while select.select([file], [], [], 0)[0]:
        os.read(file, 4)
    pins = registers[0x3FC]
    put(0x410, 0); put(0x404, 255); put(0x40C, pins); put(0x410, 1)
    print("unmasked" if select.select([file], [], [], 1)[0] else "masked")
    put(0x410, 0); put(0x41C, 255)
    os.write(file, struct.pack("<I", 1))
for line in open("/proc/interrupts"):
    if "GIC" in line:
        print(line.split()[0], " ".join(line.split()[3:]))
"""


@pytest.fixture
def directory(arm_host: VirtualHost) -> Path:
    made = arm_host.exchange / f"interrupts-{next(NUMBERS)}"
    made.mkdir()
    return made


def shell(host: VirtualHost, script: str) -> Completed:
    return host.run(["/bin/sh", "-c", script], timeout=240, silence=120)


def linux(directory: Path, tree: str) -> Path:
    """The demo's guest, with the clock in its own place and its device tree in ``tree``."""
    files = write_demo(ARM_DEMO, directory, obtain_foreign_kernel())
    text = files.config.read_text()
    assert MOVED in text
    text = text.replace(MOVED, IN_PLACE).replace("\ncpu\n", f"\nset fdt-dump-file {tree}\ncpu\n", 1)
    files.config.write_text(text)
    return files.config


def bare(directory: Path, program: str, passed: str, streams: str = "") -> Path:
    image = make_flat(directory, program)
    configuration = directory / "bare.qvmconf"
    configuration.write_text(BARE.format(image=image, passed=passed, streams=streams))
    return configuration


def told_counts(text: str) -> tuple[int, int]:
    told = re.search(r"vector \d+ \(intr \S+\): (\d+) taken, (\d+) lost", text)
    assert told is not None, text
    return int(told[1]), int(told[2])


def test_immediate_unmasking_of_the_level_triggered_line_of_the_clock_is_refused(
    arm_host: VirtualHost, directory: Path
) -> None:
    passed = "pass loc mem:0x9010000,0x1000,rwn intr gic:34,u"
    configuration = bare(directory, "power_off", passed)
    done = shell(arm_host, f"{RUN} @{configuration}")
    assert done.status == 65, done.text
    assert "[immediate-unmask-needs-edge]" in done.text
    assert "interrupt 34 of the host is level-triggered" in done.text


OPEN = "/tmp/interrupts"
"""A directory inside that can be written to."""
STREAMS = f"hostdev >- hostdev <{OPEN}/input"

# Runs a guest that waits at its end for a character, which comes after it has been asked how
# its interrupts fare.
ASKED = f"""
rm -rf {OPEN}; mkdir {OPEN}; mkfifo {OPEN}/input
exec 3<>{OPEN}/input
{RUN} @{{configuration}} >{OPEN}/console 2>{OPEN}/said &
turns=0
while kill -0 $! 2>/dev/null && ! [ -s {OPEN}/console ] && [ $turns -lt 600 ]; do
    sleep 0.1
    turns=$((turns + 1))
done
kill -USR1 $!
sleep 1
echo >&3
wait $!
status=$?
cat {OPEN}/console {OPEN}/said
exit $status
"""


@pytest.mark.shows("intr-immediate-unmask", case="u")
@pytest.mark.parametrize("unmask", [",u", ""], ids=["u", "without u"])
def test_a_thousand_edges_reach_the_guest(
    unmask: str, arm_host: VirtualHost, directory: Path
) -> None:
    program = counts_entropy_interrupts(1000, QUEUE)
    passed = ENTROPY.format(unmask=unmask)
    configuration = bare(directory, program, passed, STREAMS)
    done = shell(arm_host, ASKED.format(configuration=configuration))
    assert (done.status, done.text[:1]) == (0, "D"), done.text
    assert told_counts(done.text) == (1000, 0)


@pytest.mark.shows("intr-passed", "intr-service-thread")
def test_two_guests_at_once_have_a_device_each(arm_host: VirtualHost, directory: Path) -> None:
    program = counts_gpio_interrupts_until_told(20)
    bare_guest = bare(directory, program, GPIO, STREAMS)
    linux_guest = linux(directory, f"{OPEN}/guest.dtb")
    done = shell(
        arm_host,
        f"""
        rm -rf {OPEN}; mkdir {OPEN}; mkfifo {OPEN}/input
        exec 3<>{OPEN}/input
        {RUN} @{bare_guest} >{OPEN}/console 2>{OPEN}/said &
        bare=$!
        {RUN} @{linux_guest} || exit
        kill -USR1 $bare
        sleep 1
        echo >&3
        wait $bare || exit
        echo "bare: $(cat {OPEN}/console {OPEN}/said)"
        """,
    )
    assert done.status == 0, done.text
    assert_all_passed(ARM_DEMO, done.text)
    assert "DEMO clock ok: rtc-pl031 9010000.pl031 says" in done.text
    assert "10 interrupts for 10 alarms in a row, on line 34" in done.text
    blob = base64.b64decode(arm_host.run(["base64", f"{OPEN}/guest.dtb"]).output)
    nodes = [node.name for node in parse_flattened_tree(blob, "guest.dtb").root.children]
    assert [name for name in nodes if name.startswith("pl0")] == ["pl031@9010000"]
    assert "bare: D" in done.text, done.text
    assert told_counts(done.text)[0] >= 20


def state(host: VirtualHost) -> str:
    done = host.run(python_command(STATE, AARCH64), timeout=60)
    assert done.status == 0, done.text
    return done.text


KILLED = f"""
rm -rf {OPEN}; mkdir {OPEN}; mkfifo {OPEN}/input
exec 3<>{OPEN}/input
counted() {{{{ awk '/pl061/ {{{{ print $2 + $3 }}}}' /proc/interrupts; }}}}
before=$(counted)
{RUN} @{{configuration}} >/dev/null 2>&1 &
while [ $(counted) -lt $((before + 3)) ]; do
    kill -0 $! || exit
    sleep 0.1
done
for signal in {{signals}}; do
    kill -$signal $! 2>/dev/null
    sleep 0.5
done
wait $!
"""


@pytest.mark.parametrize(
    ("signals", "status"), [("TERM TERM", 3), ("KILL", 128 + 9)], ids=["ended", "killed"]
)
def test_the_host_comes_back_as_it_was(
    signals: str, status: int, arm_host: VirtualHost, directory: Path
) -> None:
    before = state(arm_host)
    assert "unmasked" in before.splitlines()
    endless = bare(directory, counts_gpio_interrupts_until_told(1), GPIO, STREAMS)
    done = shell(arm_host, KILLED.format(configuration=endless, signals=signals))
    assert done.status == status, done.text
    if status != 3:
        # What a killed process leaves masked only the next one can unmask, which finds it well.
        other = bare(directory, counts_gpio_interrupts(100), GPIO)
        done = shell(arm_host, f"{RUN} @{other}")
        assert (done.status, done.text) == (0, "Dpassthru: the guest switched itself off\n")
    assert state(arm_host) == before
