# SPDX-License-Identifier: Apache-2.0
"""The cost of a trapped port access: `passthru run` against QEMU's microvm.

The same guest writes a serial port's scratch register many times, and a few times; the
difference in wall time, divided by the difference in number, is the cost of one access.
Printed: the ratio. To reach: 1.3.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from flat_guest import exit_loop_guest
from startup import measure, passthru_command, qemu_command

FEW, MANY = 1_000, 201_000


def cost(command: list[str], image: Path) -> float:
    """Seconds for one access."""
    times = []
    for count in (FEW, MANY):
        image.write_bytes(exit_loop_guest(count))
        times.append(measure(command)[0])
    return (times[1] - times[0]) / (MANY - FEW)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        commands = passthru_command(directory), qemu_command(directory)
        pairs = [
            tuple(cost(command, directory / "flat.bin") for command in commands)
            for _ in range(runs)
        ]
    ours = statistics.median(pair[0] for pair in pairs)
    theirs = statistics.median(pair[1] for pair in pairs)
    ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
    print(f"passthru run    {1e6 * ours:6.2f} us an access")
    print(f"QEMU microvm    {1e6 * theirs:6.2f} us an access")
    print(f"ratio           {ratio:.2f}   (to reach: 1.3)")


if __name__ == "__main__":
    main()
