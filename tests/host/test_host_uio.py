# SPDX-License-Identifier: Apache-2.0
"""A UIO device: its counter, its mask, and what keeps it from being opened."""

import errno

import pytest

from fake_kernel import FakeKernel, FakeUio
from passthru.host.kernel import KernelCallFailed
from passthru.host.uio import UioBusy, UioCannotUnmask, UioFile, UioRefused


def open_uio(uio: FakeUio) -> tuple[FakeKernel, UioFile]:
    kernel = FakeKernel()
    kernel.uio = uio
    return kernel, UioFile(kernel, "uio0")


@pytest.mark.parametrize(
    ("before", "counts", "taken"),
    [
        (0, [1, 2, 5], [1, 1, 3]),
        (7, [8], [1]),
        (7, [9], [2]),
        (0xFFFFFFFF, [0, 2], [1, 2]),
    ],
)
def test_each_reading_tells_what_came_since_the_last(before, counts, taken) -> None:
    uio = FakeUio(events=before)
    _, file = open_uio(uio)
    found = []
    for uio.events in counts:
        found.append(file.take())
    assert found == taken


def test_a_driver_that_masks_is_told_to_unmask() -> None:
    kernel, file = open_uio(FakeUio())
    file.unmask()
    file.unmask()
    assert kernel.uio.unmasked == 2
    assert list(kernel.files.values()) == ["/dev/uio0"]
    file.close()
    assert kernel.files == {}


@pytest.mark.parametrize(("command", "after"), [(0x0406, 0x0006), (0x0546, 0x0146)])
def test_of_a_pci_function_only_interrupt_disable_is_cleared(command: int, after: int) -> None:
    uio = FakeUio(pci=True)
    uio.config[4:6] = command.to_bytes(2, "little")
    kernel, file = open_uio(uio)
    file.unmask()
    assert int.from_bytes(uio.config[4:6], "little") == after
    file.unmask()
    assert uio.unmasked == 1, "written without need"
    file.close()
    assert kernel.files == {}


def test_a_pci_function_that_asks_again_stays_masked_and_is_told() -> None:
    uio = FakeUio(pci=True)
    uio.config[4:7] = bytes((6, 4, 0x18))
    _, file = open_uio(uio)
    assert file.unmask_unless_pending()
    assert (uio.config[5], uio.unmasked) == (4, 0)
    file.unmask()
    assert (uio.config[5], uio.unmasked) == (0, 1)
    uio.config[4:7] = bytes((6, 0, 0x18))
    assert not file.unmask_unless_pending(), "it is not masked: the host sees it itself"
    assert uio.unmasked == 1
    uio.config[4:7] = bytes((6, 4, 0x10))
    assert not file.unmask_unless_pending()
    assert (uio.config[5], uio.unmasked) == (0, 2)


def test_a_driver_that_masks_itself_is_never_pending() -> None:
    kernel, file = open_uio(FakeUio())
    assert not file.unmask_unless_pending()
    assert kernel.uio.unmasked == 1


@pytest.mark.parametrize("unmask", [UioFile.unmask, UioFile.unmask_unless_pending])
def test_a_driver_that_unmasks_nothing_is_told_with_the_one_that_does(unmask) -> None:
    kernel, file = open_uio(FakeUio(can_unmask=False))
    kernel.missing_paths["/sys/class/uio/uio0/device/config"] = errno.ENOENT
    with pytest.raises(UioCannotUnmask, match="/dev/uio0") as raised:
        unmask(file)
    assert "bind the device to uio_pdrv_genirq" in str(raised.value.fix)
    file.close()
    assert kernel.files == {}


@pytest.mark.parametrize("pci", [False, True])
def test_failing_at_any_step_leaves_nothing_open(pci: bool) -> None:
    def use(kernel: FakeKernel) -> None:
        kernel.uio = FakeUio(pci=pci)
        if pci:
            kernel.uio.config[5] = 4
        file = UioFile(kernel, "uio0")
        try:
            file.unmask()
            file.take()
        finally:
            file.close()

    rehearsal = FakeKernel()
    use(rehearsal)
    assert len(rehearsal.steps) >= (8 if pci else 6)
    for step, name in enumerate(rehearsal.steps):
        kernel = FakeKernel(fail_at=step)
        with pytest.raises((KernelCallFailed, UioRefused)) as raised:
            use(kernel)
        assert "uio0" in str(raised.value)
        assert kernel.files == {}, name


def test_a_device_that_another_guest_has_is_busy() -> None:
    kernel = FakeKernel()
    kernel.lock_error = errno.EWOULDBLOCK
    with pytest.raises(UioBusy) as raised:
        UioFile(kernel, "uio0")
    assert raised.value.fix == "fuser -v /dev/uio0 tells which"
    assert kernel.files == {}


@pytest.mark.parametrize(
    ("error", "fix"), [(errno.EACCES, "root"), (errno.ENOENT, "unbound"), (errno.ENODEV, "unbound")]
)
def test_a_device_that_cannot_be_opened_has_a_fix(error: int, fix: str) -> None:
    kernel = FakeKernel()
    kernel.missing_paths["/dev/uio0"] = error
    with pytest.raises(UioRefused, match="/dev/uio0") as raised:
        UioFile(kernel, "uio0")
    assert fix in str(raised.value.fix)
