# SPDX-License-Identifier: Apache-2.0
"""The latency of a passed interrupt: from the device on the host to the guest's handler.

On the virtual host arm64-virt a bare-metal guest makes its passed GPIO block (PL061) raise its
level-triggered interrupt and reads the counter before that and in the handler. Between them are
the host's interrupt, UIO, the interrupt service thread of `passthru run`, KVM and the guest's
vector. All of it is emulated: the figures are for comparing with each other.

Printed: median and 99th percentile, idle and with a busy Python thread in the same process.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1] / "tests")]

from arm_guests import make_flat  # noqa: E402
from arm_interrupt_guests import times_gpio_interrupts  # noqa: E402
from passthru.bench.architectures import AARCH64  # noqa: E402
from passthru.bench.boards import ARM_BOARD, load_board  # noqa: E402
from passthru.bench.inner_command import passthru_command, python_command  # noqa: E402
from passthru.bench.virtual_host import VirtualHost  # noqa: E402

CONFIGURATION = """\
system latency
ram 0x40000000,1M
load {image}
vdev pl011 loc 0x1c090000 intr gic:37
pass loc mem:0x9030000,0x1000,rwn intr gic:39
"""
BUSY = """\
import threading
def spin():
    while True:
        pass
threading.Thread(target=spin, daemon=True).start()
from passthru.cli.main import main
sys.exit(main())
"""


def latencies(host: VirtualHost, command: list[str]) -> list[float]:
    """Microseconds of every interrupt but the first, which finds cold caches."""
    done = host.run(command, timeout=300)
    if done.status:
        raise SystemExit(f"the guest did not run:\n{done.text}")
    *times, frequency = (int(line, 16) for line in done.text.split())
    return [1e6 * time / frequency for time in times[1:]]


def tell(name: str, times: list[float]) -> None:
    median, late = statistics.median(times), statistics.quantiles(times, n=100)[98]
    print(f"{name:<20} {median:8.0f} us median {late:8.0f} us 99th percentile")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interrupts", type=int, default=1000)
    count = parser.parse_args().interrupts
    with VirtualHost(load_board(ARM_BOARD)) as host, tempfile.TemporaryDirectory() as name:
        image = host.exchange / "latency.bin"
        image.write_bytes(make_flat(Path(name), times_gpio_interrupts(count)).read_bytes())
        configuration = host.exchange / "latency.qvmconf"
        configuration.write_text(CONFIGURATION.format(image=image))
        words = ["run", f"@{configuration}"]
        tell("idle", latencies(host, passthru_command(words, AARCH64)))
        tell("busy Python thread", latencies(host, [*python_command(BUSY, AARCH64), *words]))


if __name__ == "__main__":
    main()
