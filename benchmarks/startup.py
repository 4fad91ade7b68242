# SPDX-License-Identifier: Apache-2.0
"""Start-up: `passthru run` against QEMU's microvm, in turn, with the same flat guest.

The guest writes one byte to the serial port and ends the machine. Printed: the ratio of
wall times (median of pairs) and of peak memory. To reach: 1.0 and 0.6.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from flat_guest import flat_guest

from passthru.bench.inner_command import compile_project

QEMU = "qemu-system-x86_64"

_SETTLE = 0.05
"""Seconds in which the kernel ends what a closed machine leaves behind: it is nobody's start."""


def passthru_command(directory: Path) -> list[str]:
    configuration = directory / "guest.qvmconf"
    configuration.write_text(
        "system startup ram 0,640k rom 0xffff0000,64k cpu\n"
        f"load 0xffff0000,{directory / 'flat.bin'}\n"
        "vdev ioapic loc 0xfec00000 intr apic name myioapic\n"
        "vdev ser8250 loc 0x3f8 intr myioapic:4 hostdev >-\n"
    )
    program = shutil.which("passthru", path=str(Path(sys.executable).parent))
    if program is None:
        raise SystemExit("passthru is not installed beside this Python")
    return [program, "run", f"@{configuration}"]


def qemu_command(directory: Path) -> list[str]:
    machine = "microvm,isa-serial=on,x-option-roms=off"
    return [
        *(QEMU, "-M", machine, "-accel", "kvm", "-m", "128", "-nodefaults", "-display", "none"),
        *("-serial", "stdio", "-no-reboot", "-device", "isa-debug-exit,iobase=0xf4"),
        *("-bios", str(directory / "flat.bin")),
    ]


def measure(command: list[str]) -> tuple[float, int]:
    """Wall time in seconds and peak memory in KiB of one run that printed its byte."""
    output, writer = os.pipe()
    start = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.DEVNULL
    )
    _, _, usage = os.wait4(child.pid, 0)
    elapsed = time.perf_counter() - start
    time.sleep(_SETTLE)
    child.returncode = 0
    os.close(writer)
    with os.fdopen(output, "rb") as reader:
        if reader.read() != b"A":
            raise SystemExit(f"no byte from the guest of {' '.join(command)}")
    return elapsed, usage.ru_maxrss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    runs = parser.parse_args().runs
    compile_project()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "flat.bin").write_bytes(flat_guest())
        commands = passthru_command(directory), qemu_command(directory)
        for command in commands:
            measure(command)
        pairs = [tuple(measure(command) for command in commands) for _ in range(runs)]
    ours = statistics.median(pair[0][0] for pair in pairs)
    theirs = statistics.median(pair[1][0] for pair in pairs)
    time_ratio = statistics.median(pair[0][0] / pair[1][0] for pair in pairs)
    memory_ratio = statistics.median(pair[0][1] / pair[1][1] for pair in pairs)
    print(f"passthru run    {1000 * ours:7.1f} ms {pairs[0][0][1] / 1024:7.1f} MiB")
    print(f"QEMU microvm    {1000 * theirs:7.1f} ms {pairs[0][1][1] / 1024:7.1f} MiB")
    print(f"ratio of time   {time_ratio:.2f}   (to reach: 1.0)")
    print(f"ratio of memory {memory_ratio:.2f}   (to reach: 0.6)")


if __name__ == "__main__":
    main()
