# SPDX-License-Identifier: Apache-2.0
"""Start-up on an arm64 host: `passthru run` against QEMU's virt machine, in turn, with the
same flat guest, on the KVM of the board arm64-virt.

The guest writes one byte to the serial port and ends the machine. Printed: the ratio of the
times until the byte is there (median of pairs), and of those until the program has ended. To
reach: 1.0. Both programs lie in the host's memory, where none waits for the shared directory.
"""

import argparse
import json
import shutil
import statistics
from pathlib import Path

from flat_guest import arm_flat_guest
from foreign_qemu import obtain_foreign_qemu, qemu_program

import passthru
from passthru.bench.architectures import AARCH64
from passthru.bench.boards import ARM_BOARD, load_board
from passthru.bench.foreign_host import FOREIGN_PYTHON
from passthru.bench.inner_command import python_command
from passthru.bench.virtual_host import VirtualHost

_PLACE = "/run/startup"
"""Where everything lies on the host."""

# Where QEMU's machine has its devices.
_CONFIGURATION = f"""\
system startup ram 0x40000000,128M cpu
load {_PLACE}/flat.bin
vdev gic gicd 0x8000000 gicr 0x80a0000
vdev pl011 loc 0x9000000 intr gic:33 hostdev >-
"""
# What an installation has.
_COMMAND = f"""\
#!{FOREIGN_PYTHON}
import sys
sys.path.insert(0, "{_PLACE}")
import passthru.__main__
"""

_COPY = """
mkdir -p $3/qemu/usr/bin $3/qemu/usr/lib && cp -r $1/. $3 &&
cp $2/usr/bin/qemu-system-aarch64 $3/qemu/usr/bin &&
cp -r $2/usr/lib/aarch64-linux-gnu $3/qemu/usr/lib
"""

# On the host: runs the two commands in turn, and prints the seconds of each as JSON.
_MEASURE = """
import json, os, time
place, runs, *commands = json.loads(sys.argv[1])
def measure(command):
    reader, writer = os.pipe()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writer, 1),
        (os.POSIX_SPAWN_OPEN, 2, place + "/errors", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    start = time.perf_counter()
    child = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    os.close(writer)
    byte = os.read(reader, 1)
    came = time.perf_counter() - start
    os.waitpid(child, 0)
    ended = time.perf_counter() - start
    os.close(reader)
    if byte != b"A":
        with open(place + "/errors") as errors:
            sys.exit(f"no byte from the guest of {' '.join(command)}\\n{errors.read()}")
    time.sleep(0.2)
    return came, ended
for command in commands:
    measure(command)
    measure(command)
for _ in range(runs):
    print(json.dumps([measure(command) for command in commands]), flush=True)
"""


def prepare(directory: Path) -> None:
    """Put into ``directory`` everything that is to lie in the host's memory."""
    shutil.copytree(
        Path(passthru.__path__[0]),
        directory / "passthru",
        ignore=shutil.ignore_patterns("__pycache__", "*.toml"),
    )
    (directory / "flat.bin").write_bytes(arm_flat_guest())
    (directory / "guest.qvmconf").write_text(_CONFIGURATION)
    command = directory / "command"
    command.write_text(_COMMAND)
    command.chmod(0o755)


def commands() -> tuple[list[str], list[str]]:
    """`passthru run` and QEMU, as they are called on the host."""
    machine = ("-M", "virt,gic-version=3", "-cpu", "host", "-accel", "kvm", "-m", "128")
    quiet = ("-nodefaults", "-display", "none", "-serial", "stdio", "-no-reboot")
    return (
        [f"{_PLACE}/command", "run", f"@{_PLACE}/guest.qvmconf"],
        [*qemu_program(f"{_PLACE}/qemu"), *machine, *quiet, "-kernel", f"{_PLACE}/flat.bin"],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    qemu = obtain_foreign_qemu()
    with VirtualHost(load_board(ARM_BOARD)) as host:
        outside = host.exchange / "startup"
        prepare(outside)
        done = host.run(["sh", "-c", _COPY, "sh", str(outside), str(qemu), _PLACE])
        if done.status:
            raise SystemExit(done.text)
        program = python_command(_MEASURE, AARCH64)
        done = host.run([*program, json.dumps([_PLACE, runs, *commands()])], timeout=1200)
    if done.status:
        raise SystemExit(done.text)
    pairs = [json.loads(line) for line in done.text.splitlines()]
    for part, name in enumerate(("to the first byte", "to the end")):
        ours = statistics.median(pair[0][part] for pair in pairs)
        theirs = statistics.median(pair[1][part] for pair in pairs)
        ratio = statistics.median(pair[0][part] / pair[1][part] for pair in pairs)
        print(f"passthru run    {1000 * ours:7.1f} ms {name}")
        print(f"QEMU virt       {1000 * theirs:7.1f} ms {name}")
        print(f"ratio           {ratio:.2f}   (to reach: 1.0)")


if __name__ == "__main__":
    main()
