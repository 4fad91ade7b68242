# SPDX-License-Identifier: Apache-2.0
"""The virtual host, really booted: what it has, and that it is watched."""

import hashlib
import sys
from pathlib import Path

import pytest

from passthru.addresses import PciAddress
from passthru.bench.boards import load_board
from passthru.bench.errors import CommandTimeoutError, HostHungError, SetupFailedError
from passthru.bench.inner_command import passthru_command
from passthru.bench.kernels import Kernel
from passthru.bench.pattern import pattern
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

BOARD = load_board("x86-64")
EDU = PciAddress(0, 0, 5, 0)


def shell(host: VirtualHost, script: str) -> str:
    done = host.run(["/bin/sh", "-c", script], timeout=60)
    assert done.status == 0, done.text
    return done.text


INVENTORY = """
import os
os.chdir("/sys/bus/pci/devices")
for name in os.listdir():
    ids = [open(f"{name}/{key}").read().strip() for key in ("vendor", "device")]
    links = [f"{name}/{key}" for key in ("iommu_group", "driver")]
    print(name, *ids, *(os.path.basename(os.readlink(x)) for x in links if os.path.islink(x)))
"""


def test_the_board_has_what_its_file_says(host: VirtualHost) -> None:
    done = host.run([sys.executable, "-S", "-c", INVENTORY])
    found = {fields[0]: fields for fields in map(str.split, done.text.splitlines())}
    groups = {name: fields[3] for name, fields in found.items()}

    for function in BOARD.functions:
        name = function.address.sysfs_name
        assert found[name][1:3] == [f"{function.vendor:#06x}", f"{function.device:#06x}"]
        mates = {mate for mate, group in groups.items() if group == groups[name]} - {name}
        assert mates == {mate.sysfs_name for mate in function.group_with}
        if function.driver:
            assert found[name][4] == function.driver


def test_it_has_kvm_and_vfio_and_real_virtualization(host: VirtualHost) -> None:
    shell(host, "test -c /dev/kvm && test -c /dev/vfio/vfio && grep -qwE 'svm|vmx' /proc/cpuinfo")


MACHINES_COME_AND_GO = """
import fcntl, os, subprocess
busy = [subprocess.Popen(["/bin/sh", "-c", "while :; do /bin/true; done"]) for _ in range(3)]
kvm = os.open("/dev/kvm", os.O_RDWR)
for _ in range(300):
    os.close(fcntl.ioctl(kvm, 0xAE01, 0))
for each in busy:
    each.kill()
"""


def test_machines_that_come_and_go_do_not_hang_it(kernel: Kernel) -> None:
    # Without a machine that stays, emulated processors hang after a few dozen.
    said: list[str] = []
    with VirtualHost(BOARD, kernel=kernel, announce=said.append) as host:
        done = host.run([sys.executable, "-I", "-S", "-c", MACHINES_COME_AND_GO], timeout=200)
    assert (done.status, said) == (0, []), done.text


def test_reserved_memory_is_kept_and_holds_its_pattern(host: VirtualHost) -> None:
    iomem = shell(host, "cat /proc/iomem")
    for place in BOARD.reserved:
        line = f"{place.range.start:08x}-{place.range.end - 1:08x}"
        assert any(
            line in each and each.rstrip().endswith("Reserved") for each in iomem.split("\n")
        )
    (placed,) = BOARD.patterns
    digest = shell(
        host,
        f"dd if=/dev/mem bs=4096 skip={placed.address // 4096} count={placed.size // 4096} "
        "2>/dev/null | sha256sum",
    )
    expected = hashlib.sha256(pattern(placed.id, placed.size)).hexdigest()
    assert digest.split()[0] == expected


def test_python_and_this_project_are_at_the_same_paths_inside(host: VirtualHost) -> None:
    done = host.run([sys.executable, "-c", f"print(open({__file__!r}).readline())"])

    assert done.text.startswith("# SPDX-License-Identifier")


def test_this_very_passthru_runs_inside(host: VirtualHost) -> None:
    done = host.run(passthru_command(["--help"]))

    assert done.status == 0
    assert "bench" in done.text


def test_files_of_the_exchange_directory_are_seen_at_once(host: VirtualHost) -> None:
    file = host.exchange / "later"
    assert host.run(["cat", str(file)]).status == 1
    for content in ("first", "second"):
        file.write_text(content)
        assert host.run(["cat", str(file)]).text == content


def test_writing_stays_inside(host: VirtualHost, tmp_path: Path) -> None:
    shell(host, f"mkdir -p {tmp_path} && echo inside >{tmp_path}/file && cat {tmp_path}/file")

    assert list(tmp_path.iterdir()) == []


def test_status_output_and_standard_input_of_a_command(host: VirtualHost) -> None:
    done = host.run(["/bin/sh", "-c", "echo out; echo err >&2; cat; exit 65"])

    assert (done.status, done.output) == (65, b"out\nerr\n")
    assert host.run(["/bin/sh", "-c", "kill -TERM $$"]).status == 128 + 15
    assert host.run(["no-such-program"]).status == 127


def test_much_output_comes_whole(host: VirtualHost) -> None:
    done = host.run(["/bin/sh", "-c", "seq 1 50000"], timeout=60)

    assert done.output == "".join(f"{i}\n" for i in range(1, 50001)).encode()


def test_an_interrupt_reaches_python_as_such(host: VirtualHost) -> None:
    program = (
        "import time\ntry:\n print('ready', flush=True); time.sleep(30)\n"
        "except KeyboardInterrupt: print('interrupted')"
    )
    done = host.run([sys.executable, "-c", program], on_output=lambda data: ready(host, data))

    assert done.text == "ready\ninterrupted\n"


def ready(host: VirtualHost, data: bytes) -> None:
    if b"ready" in data:
        host.interrupt()


def test_a_command_that_takes_too_long_is_killed(host: VirtualHost) -> None:
    with pytest.raises(CommandTimeoutError):
        host.run(["sleep", "1000"], timeout=1)

    assert "sleep 1000" not in shell(host, "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_binding_takes_a_function_from_whatever_driver_has_it(host: VirtualHost) -> None:
    uart = PciAddress(0, 0, 7, 0)
    driver = f"readlink /sys/bus/pci/devices/{uart.sysfs_name}/driver"
    assert shell(host, driver).strip().endswith("/serial")

    host.bind([uart, EDU])

    assert shell(host, driver).strip().endswith("/vfio-pci")
    group = f"/sys/bus/pci/devices/{EDU.sysfs_name}/iommu_group"
    assert shell(host, f"ls /dev/vfio/$(basename $(readlink {group}))")


def test_binding_what_is_not_there_is_an_error(host: VirtualHost) -> None:
    with pytest.raises(SetupFailedError, match=r"0000:00:19\.0"):
        host.bind([PciAddress(0, 0, 25, 0)])


def test_a_host_that_panics_is_restarted_and_the_command_run_again() -> None:
    announced: list[str] = []

    def repair(text: str) -> None:
        announced.append(text)
        (host.exchange / "repaired").touch()

    crash = "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60"
    with VirtualHost(BOARD, announce=repair) as host:
        host.bind([EDU])
        script = f"test -e {host.exchange}/repaired || {{ {crash}; }}; echo alive"
        done = host.run(["/bin/sh", "-c", script])
        driver = shell(host, f"readlink /sys/bus/pci/devices/{EDU.sysfs_name}/driver")

    assert done.text == "alive\n"
    assert driver.strip().endswith("/vfio-pci")
    (announcement,) = announced
    assert "has ended by itself" in announcement
    assert "Kernel panic - not syncing: sysrq triggered crash" in announcement


def test_a_silent_command_ends_with_the_state_of_the_processors() -> None:
    announced: list[str] = []
    with (
        VirtualHost(BOARD, announce=announced.append) as host,
        pytest.raises(HostHungError, match="printed nothing") as caught,
    ):
        host.run(["sleep", "1000"], silence=2, timeout=None)

    assert len(announced) == 1
    assert caught.value.registers.count("RIP=") == BOARD.processors
