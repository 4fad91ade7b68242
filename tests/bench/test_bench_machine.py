# SPDX-License-Identifier: Apache-2.0
"""The QEMU command line, and the choice between emulation and hardware."""

from itertools import pairwise
from pathlib import Path

import pytest

from passthru.addresses import AddressRange
from passthru.bench.boards import PlacedFile, load_board
from passthru.bench.kernels import Kernel
from passthru.bench.machine import (
    EMULATED,
    EMULATED_ARM,
    Acceleration,
    Boot,
    ChannelNumbers,
    choose_acceleration,
    qemu_command,
)

KERNEL = Kernel("6.1.0", Path("/k/vmlinuz-6.1.0"), Path("/k/modules"), Path("/k/vmlinux"))
BOOT = Boot(
    kernel=KERNEL,
    initramfs=Path("/b/initramfs"),
    disks=Path("/b,c"),
    exchange=Path("/b/exchange"),
    reserve=(AddressRange(0x20000000, 0x4000000),),
    placed=(PlacedFile("/images/a,b", 0x20000000),),
    acceleration=EMULATED,
)
CHANNELS = ChannelNumbers(console=10, control=11, output=12, terminal=13, qmp=14)
BOARD = load_board("x86-64")


def command(boot: Boot = BOOT) -> list[str]:
    return qemu_command("qemu", BOARD, boot, CHANNELS)


def values(option: str, words: list[str]) -> list[str]:
    return [value for word, value in pairwise(words) if word == option]


def test_nothing_of_the_users_terminal_or_configuration_is_taken() -> None:
    words = command()

    assert {"-nodefaults", "-no-user-config", "-no-reboot"} <= set(words)
    assert values("-display", words) == ["none"]
    assert values("-serial", words) == ["chardev:console"]
    assert "stdio" not in " ".join(words)


def test_every_channel_is_an_inherited_socket() -> None:
    sockets = [value for value in values("-chardev", command()) if value.startswith("socket")]

    assert sockets == [
        "socket,id=console,fd=10",
        "socket,id=control,fd=11",
        "socket,id=output,fd=12",
        "socket,id=terminal,fd=13",
        "socket,id=qmp,fd=14",
    ]


def test_the_unpacked_kernel_boots_where_there_is_one() -> None:
    packed = BOOT._replace(kernel=KERNEL._replace(vmlinux=None))

    assert values("-kernel", command()) == ["/k/vmlinux"]
    assert values("-kernel", command(packed)) == ["/k/vmlinuz-6.1.0"]


def test_reserved_memory_stands_on_the_kernel_line() -> None:
    (line,) = values("-append", command())

    assert "memmap=0x4000000$0x20000000" in line.split()
    assert {"intel_iommu=on", "console=ttyS0"} <= set(line.split())


def test_a_host_with_a_device_tree_has_its_reserved_memory_there() -> None:
    boot = BOOT._replace(tree=Path("/b/host.dtb"), acceleration=EMULATED_ARM)
    words = qemu_command("qemu", load_board("arm64-virt"), boot, CHANNELS)

    assert values("-dtb", words) == ["/b/host.dtb"]
    (line,) = values("-append", words)
    assert "memmap" not in line
    assert "console=ttyAMA0" in line.split()
    assert values("-cpu", words) == ["cortex-a72"]


def test_files_and_disks_keep_a_comma_in_their_names() -> None:
    words = command()

    loader = "loader,file=/images/a,,b,addr=0x20000000,force-raw=on"
    assert loader in values("-device", words)
    assert "file=/b,,c/pattern.img" in values("-drive", words)[0]


def test_the_root_directory_is_shared_read_only() -> None:
    shares = values("-fsdev", command())

    assert any("path=/," in share for share in shares)
    assert all("readonly=on" in share for share in shares)


def test_hardware_virtualization_replaces_processor_and_interrupt_controller() -> None:
    real = Acceleration("kvm", "kernel-irqchip=split", "host", "kvm_intel")

    words = command(BOOT._replace(acceleration=real))

    assert values("-accel", words) == ["kvm"]
    assert values("-cpu", words) == ["host"]
    assert values("-machine", words)[0].endswith(",kernel-irqchip=split")


def fake_root(directory: Path, flags: str, nested: dict[str, str], *, kvm: bool) -> str:
    (directory / "proc").mkdir()
    (directory / "proc/cpuinfo").write_text(f"processor\t: 0\nflags\t\t: fpu {flags} sse\n")
    for module, value in nested.items():
        parameters = directory / "sys/module" / module / "parameters"
        parameters.mkdir(parents=True)
        (parameters / "nested").write_text(value + "\n")
    (directory / "dev").mkdir()
    if kvm:
        (directory / "dev/kvm").touch()
    return str(directory)


@pytest.mark.parametrize(
    ("flags", "nested", "kvm", "module"),
    [
        ("vmx", {"kvm_intel": "Y"}, True, "kvm_intel"),
        ("svm", {"kvm_amd": "1"}, True, "kvm_amd"),
        ("svm", {"kvm_amd": "0"}, True, None),
        ("svm", {}, True, None),
        ("svm", {"kvm_amd": "1"}, False, None),
        ("svm_lock", {"kvm_amd": "1"}, True, None),
        ("", {}, True, None),
    ],
    ids=["intel", "amd", "not nested", "no module", "no kvm", "another flag", "software kvm"],
)
def test_hardware_is_used_when_it_is_real(
    flags: str, nested: dict[str, str], kvm: bool, module: str | None, tmp_path: Path
) -> None:
    choice = choose_acceleration(fake_root(tmp_path, flags, nested, kvm=kvm))

    assert choice == EMULATED if module is None else choice.kvm_module == module
    assert (choice.accelerator == "kvm") == (module is not None)
