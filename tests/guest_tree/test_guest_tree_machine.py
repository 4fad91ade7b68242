# SPDX-License-Identifier: Apache-2.0
"""What the VM itself puts into a guest's tree."""

import pytest

from guest_trees import config_of, host_with, made, node_at, paths, warnings_of
from passthru.addresses import AddressRange
from passthru.guest_tree.assembly import guest_tree, make_guest_tree
from passthru.guest_tree.problems import GuestTreeRefusedError, GuestTreeTooLargeError

RAM = "ram 0x80000000,64M"


def registers(cells: tuple[int, ...]) -> list[tuple[int, int]]:
    return [
        (cells[n] << 32 | cells[n + 1], cells[n + 2] << 32 | cells[n + 3])
        for n in range(0, len(cells), 4)
    ]


@pytest.mark.parametrize(
    ("text", "kind", "places"),
    [
        ("", "arm,gic-v3", [(0x2F000000, 0x10000), (0x2F100000, 0x20000)]),
        ("cpu cpu cpu", "arm,gic-v3", [(0x2F000000, 0x10000), (0x2F100000, 0x60000)]),
        ("vdev gic version 3", "arm,gic-v3", [(0x2F000000, 0x10000), (0x2F100000, 0x20000)]),
        (
            "vdev gic version 2 cpu cpu",
            "arm,cortex-a15-gic",
            [(0x2C001000, 0x1000), (0x2C002000, 0x2000)],
        ),
        (
            "vdev gic gicd 0x8000000 gicr 80a0000",
            "arm,gic-v3",
            [(0x8000000, 0x10000), (0x80A0000, 0x20000)],
        ),
        (
            "vdev gic version 2 gicd 0x9000000 gicc 0x9002000",
            "arm,cortex-a15-gic",
            [(0x9000000, 0x1000), (0x9002000, 0x2000)],
        ),
    ],
)
def test_the_gic_is_where_the_configuration_or_the_model_has_it(text, kind, places, tmp_path):
    tree = made(f"{RAM} {text}")
    gic = node_at(tree, f"/interrupt-controller@{places[0][0]:x}")
    assert gic.strings("compatible") == (kind,)
    assert registers(gic.cells("reg")) == places
    assert tree.tree.root.cell("interrupt-parent") == gic.cell("phandle")
    assert warnings_of(tree.tree, tmp_path) == ""


def test_the_timer_of_a_gicv2_names_its_processors() -> None:
    for count, mask in ((1, 0x1), (3, 0x7), (12, 0xFF)):
        tree = made(f"{RAM} vdev gic version 2 {'cpu ' * count}")
        assert node_at(tree, "/timer").cells("interrupts")[2::3] == (mask << 8 | 4,) * 4
    assert node_at(made(f"{RAM} cpu cpu"), "/timer").cells("interrupts") == (
        *(1, 13, 4),
        *(1, 14, 4),
        *(1, 11, 4),
        *(1, 10, 4),
    )


@pytest.mark.parametrize(
    ("count", "last"), [(1, 0), (16, 0xF), (17, 0x100), (256, 0xF0F), (4097, 0x10000)]
)
def test_processors_have_the_numbers_that_kvm_gives(count: int, last: int) -> None:
    cpus = node_at(made(f"{RAM} {'cpu ' * count}"), "/cpus")
    assert len(cpus.children) == count
    assert cpus.children[-1].name == f"cpu@{last:x}"
    assert cpus.children[-1].cell("reg") == last
    assert {each.strings("enable-method") for each in cpus.children} == {("psci",)}


def test_no_cpu_is_one() -> None:
    assert len(node_at(made(RAM), "/cpus").children) == 1


@pytest.mark.parametrize(
    ("text", "memory"),
    [
        ("ram 0x80000000,64M", [(0x80000000, 64 << 20)]),
        ("ram 0x80000000,64M ram 64M", [(0x80000000, 128 << 20)]),
        ("ram 0x880000000,1G ram 0x80000000,64M", [(0x80000000, 64 << 20), (0x880000000, 1 << 30)]),
        ("ram 0x80000000,64M rom 0x90000000,1M", [(0x80000000, 64 << 20)]),
        (
            "ram 0x80000000,64M pass loc 0xa0000000,1M,m=0x50000000",
            [(0x80000000, 64 << 20), (0xA0000000, 1 << 20)],
        ),
        ("ram 0x80000000,64M pass loc 0xa0000000,1M,rwn=0x50000000", [(0x80000000, 64 << 20)]),
    ],
)
def test_memory_is_what_the_guest_may_use_as_ram(text: str, memory: list[tuple[int, int]]) -> None:
    tree = made(text, host_with(""))
    nodes = [each for each in tree.tree.root.children if each.name.startswith("memory@")]
    assert [registers(each.cells("reg"))[0] for each in nodes] == memory
    assert [each.name for each in nodes] == [f"memory@{start:x}" for start, _ in memory]


@pytest.mark.parametrize(
    ("text", "node", "is_mapped"),
    [
        ("initrd pass loc 0xa0000000,1M,r=0x50000000", "initrd@a0000000", True),
        ("data pass loc 0xa0000000,1M,rn=0x10", "data@a0000000", False),
        ("pass loc 0xa0000000,1M,rwn=0x50000000", "passed@a0000000", False),
        ("pass loc 0xa0000000,1M,m=0x50000000", None, False),
        ("pass loc 0xa0000000,1M,rwn=0x10000000", None, False),
    ],
)
def test_passed_memory_of_the_host_is_reserved(
    text: str, node: str | None, is_mapped: bool
) -> None:
    tree = made(f"{RAM} {text}", host_with(""))
    folder = tree.tree.root.child("reserved-memory")
    assert [each.name for each in folder.children] == [node] if folder else node is None
    if folder and node:
        assert ("no-map" not in folder.children[0].properties) == is_mapped
        assert registers(folder.children[0].cells("reg")) == [(0xA0000000, 1 << 20)]


def test_chosen_has_the_command_line_and_the_ram_disk() -> None:
    config = config_of(f'{RAM} cmdline "a  b=c"')
    tree = make_guest_tree(config, None, initrd=AddressRange(0x1_84000000, 0x123))
    chosen = node_at(tree, "/chosen")
    assert chosen.properties["bootargs"] == b"a  b=c\0"
    assert chosen.cells("linux,initrd-start") == (1, 0x84000000)
    assert chosen.cells("linux,initrd-end") == (1, 0x84000123)
    assert node_at(made(RAM), "/chosen").properties == {}


def test_a_ram_disk_at_the_very_end_is_refused() -> None:
    with pytest.raises(GuestTreeRefusedError, match="ends where no address is"):
        make_guest_tree(config_of(RAM), None, initrd=AddressRange((1 << 64) - 4096, 4096))


def test_virtual_devices_have_nodes(tmp_path) -> None:
    tree = made(
        f"{RAM} vdev pl011 loc 0x1c090000 intr gic:37 vdev pl011 loc 0x1c0a0000 intr gic:38 "
        "vdev virtio-net loc 0x1c0b0000 intr gic:39 vdev wdt-sp805 loc 0x1c0f0000"
    )
    uart = node_at(tree, "/serial@1c090000")
    assert uart.cells("interrupts") == (0, 5, 4)
    clock = node_at(tree, "/clock-24000000")
    assert uart.cells("clocks") == (clock.cell("phandle"),) * 2
    assert node_at(tree, "/chosen").strings("stdout-path") == ("/serial@1c090000",)
    assert node_at(tree, "/virtio@1c0b0000").cells("interrupts") == (0, 7, 4)
    assert "interrupts" not in node_at(tree, "/watchdog@1c0f0000").properties
    assert warnings_of(tree.tree, tmp_path) == ""


def test_virtual_devices_without_a_node_are_told() -> None:
    tree = made(f"{RAM} vdev shmem loc 0x1c090000 intr gic:37\nvdev virtio-net peer /dev/x")
    assert tree.remarks == (
        "[vm.qvmconf:1] vdev shmem has no node: no binding of such a device is known",
        "[vm.qvmconf:2] vdev virtio-net has no place in memory, and no node",
    )


@pytest.mark.parametrize("line", [0, 5, 31, 1020])
def test_a_line_that_no_device_has_is_refused(line: int) -> None:
    with pytest.raises(GuestTreeRefusedError) as caught:
        made(f"{RAM} vdev pl011 loc 0x1c090000 intr gic:{line}")
    assert str(caught.value) == (
        f"[vm.qvmconf:1] `intr gic:{line}` of vdev pl011 is no line for a device; those are 32 to "
        "1019"
    )


def test_memory_over_the_gic_is_refused() -> None:
    with pytest.raises(GuestTreeRefusedError) as caught:
        made("ram 0x20000000,256M")
    told = str(caught.value).splitlines()
    assert told[0] == (
        "[vm.qvmconf:1] memory of the guest at 0x20000000..0x30000000 is where its GIC has "
        "registers, 0x2f000000..0x2f010000"
    )
    made("ram 0x20000000,240M")  # up to its first byte


def test_a_frame_for_messages_is_told() -> None:
    assert made(f"{RAM} vdev gic msi 0x30000000,0x50,0x100").remarks == (
        "[vm.qvmconf:1] `msi` of vdev gic has no node; the guest has no message-signalled "
        "interrupts by this tree",
    )


def test_an_x86_guest_has_no_tree() -> None:
    with pytest.raises(GuestTreeRefusedError) as caught:
        made("ram 64M vdev ioapic loc 0xf8000000 intr apic name io")
    assert str(caught.value) == (
        "[vm.qvmconf:1] an x86 guest gets ACPI tables and no device tree (vdev ioapic shows that "
        "it is one)"
    )


def test_a_blob_has_to_fit_its_place() -> None:
    config = config_of(RAM)
    size = len(guest_tree(config, None))
    assert len(guest_tree(config, None, space=size)) == size
    with pytest.raises(GuestTreeTooLargeError) as caught:
        guest_tree(config, None, space=size - 1)
    assert str(caught.value) == (
        f"the guest's device tree has {size} bytes, and its place has {size - 1}"
    )


def test_the_guest_has_no_node_of_a_host_that_is_not_known() -> None:
    tree = made(f"{RAM} pass loc 0x9010000,0x1000,rwn intr gic:34")
    assert not [path for path in paths(tree) if "9010000" in path]
