# SPDX-License-Identifier: Apache-2.0
"""Hosts on which a configuration must not run: a clear error before the guest starts."""

from collections.abc import Iterator

import pytest

from passthru.addresses import PciAddress
from passthru.bench.boards import load_board
from passthru.bench.host_session import Completed
from passthru.bench.inner_command import passthru_command
from passthru.bench.kernels import Kernel
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

BOARD = load_board("x86-64")
EDU, SHARED_EDU = PciAddress(0, 0, 5, 0), PciAddress(0, 0, 8, 1)

# Real-mode guests: power off by the reset pulse; and forever.
RESET = bytes.fromhex("b0fe e664 f4 ebfd")
FOREVER = bytes.fromhex("ebfe")


def run(host: VirtualHost, *words: str, before: tuple[str, ...] = ()) -> Completed:
    """`passthru run` of a guest that ends at once, with these option words."""
    image = host.exchange / "reset.bin"
    image.write_bytes(RESET)
    memory = ("system", "test", "ram", "0,640k")
    command = passthru_command(["run", *memory, *words, "load", str(image)])
    return host.run([*before, *command], timeout=120)


def test_the_guest_of_these_tests_runs_where_nothing_is_wrong(host: VirtualHost) -> None:
    done = run(host)
    assert (done.text, done.status) == ("passthru: the guest reset itself, which ends it\n", 0)


@pytest.mark.shows("memory-kept-from-host", "memory-corruption")
def test_memory_that_the_host_allocates_from(host: VirtualHost) -> None:
    done = run(host, "pass", "loc", "mem:0x200000,0x1000,rwn=0x30000000")
    assert done.status == 65
    assert "[host-memory-in-use]" in done.text
    assert "memmap=0x1000$0x30000000" in done.text or "memmap=4K$0x30000000" in done.text


@pytest.mark.shows("owner-host-driver", "one-owner-host-or-guest")
def test_a_function_that_the_host_s_driver_has(host: VirtualHost) -> None:
    done = run(host, "pass", "loc", "pci:0:6.0=pci:0:8.0")
    assert done.status == 65
    assert "the host's driver serial has pci:0:8.0" in done.text


def test_what_is_to_be_done_stands_in_one_list_with_the_reboot_last(host: VirtualHost) -> None:
    function = ("pass", "loc", "pci:0:6.0=pci:0:8.0")
    done = run(host, *function, "pass", "loc", "mem:0x200000,0x1000,rwn=0x30000000")
    assert done.status == 65
    _, _, told = done.text.partition("to make the host ready, as root and in this order:\n")
    *commands, reboot, boot, again = [line.strip() for line in told.splitlines()]
    assert "echo 0000:00:08.0 > /sys/bus/pci/devices/0000:00:08.0/driver/unbind" in commands
    assert all(command.split()[0] in ("echo", "modprobe") for command in commands), commands
    assert (reboot, boot[:19]) == ("then, which takes a reboot:", "boot the host with ")
    assert again.startswith("and after that, the commands above once more")


def test_a_group_that_is_not_viable_names_members_drivers_and_commands(host: VirtualHost) -> None:
    host.bind([SHARED_EDU])
    done = run(host, "pass", "loc", "pci:0:6.0=pci:0:8.1")
    assert done.status == 65
    assert "[iommu-group-split]" in done.text
    for part in ("0000:00:08.0", "serial", "driver_override", "vfio-pci", "unbind"):
        assert part in done.text, done.text


@pytest.mark.shows("example-audio-board", "example-graphics-board")
def test_a_function_that_is_not_there(host: VirtualHost) -> None:
    done = run(host, "pass", "loc", "pci:0:21.0")
    assert done.status == 65
    assert "[pci-not-found]" in done.text


def test_no_kvm(host: VirtualHost) -> None:
    hidden = (
        "/bin/sh",
        "-c",
        'mv /dev/kvm /dev/kvm-away; "$@"; s=$?; mv /dev/kvm-away /dev/kvm; exit $s',
        "sh",
    )
    done = run(host, before=hidden)
    assert done.status == 64
    assert "/dev/kvm: No such file or directory" in done.text
    assert "modprobe" in done.text


def test_no_right_to_kvm(host: VirtualHost) -> None:
    # Root without the right to overlook permissions: the interpreter may lie in root's home.
    locked = ("/bin/sh", "-c", 'chmod 0 /dev/kvm; "$@"; s=$?; chmod 600 /dev/kvm; exit $s', "sh")
    powerless = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    done = run(host, before=(*locked, *powerless))
    assert done.status == 64, done.text
    assert "/dev/kvm exists, but user id 0 has no right to open it" in done.text
    assert "usermod" in done.text


def test_a_memory_lock_limit_that_is_too_low_tells_the_amount(host: VirtualHost) -> None:
    host.bind([EDU])
    limited = ("prlimit", "--memlock=65536:65536", "setpriv", "--bounding-set=-ipc_lock")
    done = run(host, "pass", "loc", "pci:0:5.0", before=limited)
    assert done.status == 65, done.text
    assert "[memory-lock-limit]" in done.text
    assert "640" in done.text or "655360" in done.text, done.text


def test_hugepages_that_the_host_has_not_set_aside(host: VirtualHost) -> None:
    words = ("ram", "0x1000000,4M", "--hugepages")
    pages = "/proc/sys/vm/nr_hugepages"
    fix = f"echo $(($(cat {pages}) + 2)) > {pages}"
    without = ("/bin/sh", "-c", f'echo 0 >{pages}; "$@"', "sh")
    done = run(host, *words, before=without)
    assert done.status == 64
    assert fix in done.text
    repaired = ("/bin/sh", "-c", f'echo 0 >{pages}; {fix}; "$@"', "sh")
    done = run(host, *words, before=repaired)
    assert done.status == 0, done.text
    assert "ram at 0x0..0xa0000 does not begin and end" in done.text


@pytest.mark.shows("one-owner", "owner-other-guest", "dma-taken", "dma-taken-ends")
def test_a_function_that_another_machine_has(host: VirtualHost) -> None:
    host.bind([EDU])
    image = host.exchange / "forever.bin"
    image.write_bytes(FOREVER)
    command = passthru_command(
        ["run", "system", "first", "ram", "0,640k", "load", str(image), "pass", "loc", "pci:0:5.0"]
    )
    started = host.run(
        ["/bin/sh", "-c", '"$@" >/dev/null 2>&1 & echo $! >/tmp/first; sleep 12', "sh", *command],
        timeout=60,
    )
    assert started.status == 0
    done = run(host, "pass", "loc", "pci:0:5.0")
    host.run(["/bin/sh", "-c", "kill $(cat /tmp/first); sleep 1; kill $(cat /tmp/first)"])
    assert done.status == 64, done.text
    assert "in use by another process" in done.text


@pytest.fixture(scope="module")
def host_without_iommu(kernel: Kernel) -> Iterator[VirtualHost]:
    arguments = tuple(a for a in BOARD.kernel_arguments if "iommu" not in a)
    board = BOARD._replace(kernel_arguments=(*arguments, "intel_iommu=off"))
    with VirtualHost(board, kernel=kernel) as booted:
        yield booted


@pytest.mark.shows("dma-manager-absent")
def test_no_iommu(host_without_iommu: VirtualHost) -> None:
    done = run(host_without_iommu, "pass", "loc", "pci:0:5.0")
    assert done.status == 65
    assert "[dma-manager-missing]" in done.text
    assert "intel_iommu=on" in done.text
