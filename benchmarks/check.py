# SPDX-License-Identifier: Apache-2.0
"""Reading and checking: options a second in one process, and one cold `passthru check`.

Read, and then read and checked, are generated configurations of 100 options each; to reach:
150,000 options a second for 1,000 files. A cold start is one `passthru check FILE` of the
program beside this Python, in turn with `python -c pass`, median of the pairs; to reach: 80 ms.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from passthru.diagnostics.source import Source
from passthru.language import ReadResult, read
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor

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


def read_it(source: Source) -> ReadResult:
    return read([source], environment={})


def read_and_check_it(source: Source) -> ReadResult:
    result = read([source], environment={})
    findings = check_configuration(result.config, Hypervisor.QNX_8_0, complete=result.complete)
    return result._replace(findings=(*result.findings, *findings))


def seconds_of_all(sources: list[Source], take: Callable[[Source], ReadResult]) -> float:
    start = time.perf_counter()
    for source in sources:
        result = take(source)
        if result.findings:
            raise SystemExit(f"{source.name}: {result.findings[0].message}")
    return time.perf_counter() - start


def seconds_of(command: list[str]) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    elapsed = time.perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return elapsed


def cold_starts(pairs: int) -> list[tuple[float, float]]:
    """Seconds of `passthru check FILE` and of `python -c pass`, one after the other."""
    program = shutil.which("passthru", path=str(Path(sys.executable).parent))
    if program is None:
        raise SystemExit("passthru is not installed beside this Python")
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "guest.qvmconf"
        file.write_text(configuration(0), encoding="utf-8")
        check, nothing = [program, "check", str(file)], [sys.executable, "-c", "pass"]
        seconds_of(check)
        return [(seconds_of(check), seconds_of(nothing)) for _ in range(pairs)]


def report_speed(files: int, runs: int) -> None:
    sources = [Source(f"{n}.qvmconf", configuration(n)) for n in range(files)]
    print(f"{files} files of {OPTIONS_OF_A_FILE} options, options a second (to reach: 150,000)")
    for name, take in (("read", read_it), ("read and checked", read_and_check_it)):
        seconds = statistics.median(seconds_of_all(sources, take) for _ in range(runs))
        rate = files * OPTIONS_OF_A_FILE / seconds
        print(f"{name:17} {rate:,.0f}   in {1000 * seconds:.0f} ms")


def report_cold_start(pairs: int) -> None:
    measured = cold_starts(pairs)
    check = 1000 * statistics.median(check for check, _ in measured)
    nothing = 1000 * statistics.median(nothing for _, nothing in measured)
    ratio = statistics.median(check / nothing for check, nothing in measured)
    print(f"cold check        {check:.1f} ms   (to reach: 80)")
    print(f"python -c pass    {nothing:.1f} ms   ratio {ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=40, help="cold starts")
    arguments = parser.parse_args()
    report_speed(arguments.files, arguments.runs)
    report_cold_start(arguments.pairs)


if __name__ == "__main__":
    main()
