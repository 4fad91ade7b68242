# SPDX-License-Identifier: Apache-2.0
"""Reading: how many options a second, over generated configurations of 100 options each.

To reach: 150,000 options a second for 1,000 files in one process.
"""

import argparse
import statistics
import time

from passthru.diagnostics.source import Source
from passthru.language import read

OPTIONS_OF_A_FILE = 100
_OPTIONS_OF_A_DEVICE = 4


def configuration(number: int) -> str:
    """A board's worth of devices, in the manner of the reference's examples."""
    lines = [f"system guest-{number}", "ram 0x80000000,512M", "cpu sched 10", "cpu"]
    lines.append('cmdline "console=ttyAMA0 earlycon root=/dev/vda rw"')
    lines.append(f"load 0x80080000,/images/guest-{number}.bin")
    lines.append("vdev gic name pic")
    options = 9
    device = 0
    while options + _OPTIONS_OF_A_DEVICE <= OPTIONS_OF_A_FILE:
        start = 0xE6000000 + 0x10000 * device
        if device % 3:
            lines.append(f"pass loc mem:{start:#x},0x1000,rwn={start:#x}")
            lines.append(f"    intr pic:{32 + device}={64 + device} sched 40  # device {device}")
        else:
            lines.append(f"vdev pl011 loc {start:#x}")
            lines.append(f"    intr pic:{32 + device}")
            lines.append(f"    hostdev /dev/ser{device}")
        options += _OPTIONS_OF_A_DEVICE
        device += 1
    lines.extend(["reserve"] * (OPTIONS_OF_A_FILE - options))
    return "\n".join(lines) + "\n"


def seconds_to_read(sources: list[Source]) -> float:
    start = time.perf_counter()
    for source in sources:
        result = read([source], environment={})
        if result.findings:
            raise SystemExit(f"{source.name}: {result.findings[0].message}")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    sources = [Source(f"{n}.qvmconf", configuration(n)) for n in range(arguments.files)]
    seconds = statistics.median(seconds_to_read(sources) for _ in range(arguments.runs))
    rate = arguments.files * OPTIONS_OF_A_FILE / seconds
    print(f"read {arguments.files} files of {OPTIONS_OF_A_FILE} options in {1000 * seconds:.0f} ms")
    print(f"options a second  {rate:,.0f}   (to reach: 150,000)")


if __name__ == "__main__":
    main()
