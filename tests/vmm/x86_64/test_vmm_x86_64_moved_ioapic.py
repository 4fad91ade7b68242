# SPDX-License-Identifier: Apache-2.0
"""The IOAPIC at an address of the user's choice."""

import pytest

from fake_kernel import FakeKernel
from passthru.vmm import kvm_abi
from passthru.vmm.kvm import Kvm
from passthru.vmm.x86_64.moved_ioapic import MovedIoapic

TABLE = 8 + kvm_abi.IOAPIC_STATE.size


class Chip:
    def __init__(self) -> None:
        self.kernel = FakeKernel()
        self.resampled = 0
        self.held = 0
        self.ioapic = MovedIoapic(
            Kvm(self.kernel, {}).create_vm(), self._while_held, self._resample
        )

    def _while_held(self, action) -> None:
        self.held += 1
        action()

    def _resample(self) -> None:
        self.resampled += 1

    def read(self, register: int) -> int:
        self.ioapic.write(0, 4, register)
        return self.ioapic.read(0x10, 4)

    def write(self, register: int, value: int) -> None:
        self.ioapic.write(0, 4, register)
        self.ioapic.write(0x10, 4, value)

    def entry(self, pin: int) -> int:
        return int.from_bytes(self.kernel.ioapic[TABLE + 8 * pin : TABLE + 8 * pin + 8], "little")


@pytest.fixture
def chip() -> Chip:
    return Chip()


def test_the_version_tells_24_pins(chip):
    assert chip.read(1) == 0x170011


@pytest.mark.parametrize("pin", [0, 4, 23])
def test_an_entry_is_written_in_halves_and_reaches_kvm(chip, pin):
    chip.write(0x10 + 2 * pin, 0x0001A031)
    chip.write(0x11 + 2 * pin, 0x02000000)
    assert chip.entry(pin) == 0x02000000_0001A031
    assert chip.read(0x10 + 2 * pin) == 0x0001A031
    assert chip.read(0x11 + 2 * pin) == 0x02000000


def test_delivery_status_and_the_remote_irr_of_a_level_stay_the_chip_s(chip):
    chip.kernel.ioapic[TABLE : TABLE + 8] = (1 << 14 | 1 << 12).to_bytes(8, "little")
    chip.write(0x10, 0x8031)
    assert chip.entry(0) == 0xD031


def test_switching_a_pin_to_edge_clears_its_remote_irr(chip):
    chip.kernel.ioapic[TABLE : TABLE + 8] = (1 << 14 | 1 << 15).to_bytes(8, "little")
    chip.write(0x10, 0x0031)
    assert chip.entry(0) == 0x0031


def test_the_chip_is_changed_only_while_no_processor_runs(chip):
    chip.write(0x10, 0x1031)
    chip.write(0, 0)
    assert chip.held == 2
    chip.read(0x10)
    assert chip.held == 2


def test_lines_that_may_have_been_forgotten_fire_again(chip):
    chip.write(0x10 + 2 * 16, 0xA031)
    assert chip.resampled == 1
    chip.read(0x10 + 2 * 16)
    assert chip.resampled == 1


def test_the_id_is_kept_in_its_four_bits(chip):
    chip.write(0, 0xFFFFFFFF)
    assert chip.read(0) == 0x0F000000


@pytest.mark.parametrize("register", [3, 0x0F, 0x40, 0xFF])
def test_registers_that_are_not_there_read_zero_and_change_nothing(chip, register):
    before = bytes(chip.kernel.ioapic)
    chip.write(register, 0x12345678)
    assert chip.read(register) == 0
    assert bytes(chip.kernel.ioapic) == before
