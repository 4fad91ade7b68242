# SPDX-License-Identifier: Apache-2.0
"""The PL011 as a driver uses it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.vmm.aarch64.pl011 import Pl011

DATA, STATUS, FLAGS, LINE_CONTROL, CONTROL = 0x00, 0x04, 0x18, 0x2C, 0x30
MASK, RAW, MASKED, CLEAR = 0x38, 0x3C, 0x40, 0x44
TRANSMIT_EMPTY, RECEIVE_FULL, RECEIVE_EMPTY = 0x80, 0x40, 0x10
RECEIVED, TRANSMITTED, TIMED_OUT, OVERRUN = 0x10, 0x20, 0x40, 0x400


class Port:
    def __init__(self) -> None:
        self.sent = b""
        self.line = False
        self.serial = Pl011(self._send, self._set_line)

    def _send(self, data: bytes) -> None:
        self.sent += data

    def _set_line(self, level: bool) -> None:
        assert level != self.line, "the line is only told of changes"
        self.line = level

    def read(self, register: int) -> int:
        return self.serial.read(register, 4)

    def write(self, register: int, value: int) -> None:
        self.serial.write(register, 4, value)


@pytest.fixture
def port() -> Port:
    return Port()


def test_what_is_written_is_sent_at_once(port: Port) -> None:
    for byte in b"hello":
        assert port.read(FLAGS) == TRANSMIT_EMPTY | RECEIVE_EMPTY
        port.write(DATA, byte)
    assert port.sent == b"hello"


def test_polled_input_is_read_in_order(port: Port) -> None:
    port.serial.receive(b"ab")
    assert not port.read(FLAGS) & RECEIVE_EMPTY
    assert bytes([port.read(DATA), port.read(DATA)]) == b"ab"
    assert port.read(FLAGS) & RECEIVE_EMPTY
    assert not port.line


def test_input_raises_the_line_until_it_is_read(port: Port) -> None:
    port.write(MASK, RECEIVED | TIMED_OUT)
    port.serial.receive(b"x")
    assert port.line
    assert port.read(MASKED) == RECEIVED | TIMED_OUT
    port.read(DATA)
    assert not port.line


def test_input_that_came_before_the_driver_is_not_forgotten(port: Port) -> None:
    port.serial.receive(b"x")
    port.write(CLEAR, 0x7FF)
    port.write(MASK, RECEIVED)
    assert port.line


def test_a_character_that_is_gone_raises_the_transmitter_s_interrupt(port: Port) -> None:
    port.write(MASK, TRANSMITTED)
    assert not port.line
    port.write(DATA, ord("x"))
    assert port.line
    port.write(CLEAR, TRANSMITTED)
    assert not port.line
    assert port.read(RAW) == 0


def test_a_masked_interrupt_waits(port: Port) -> None:
    port.write(DATA, ord("x"))
    assert (port.read(RAW), port.read(MASKED), port.line) == (TRANSMITTED, 0, False)
    port.write(MASK, TRANSMITTED)
    assert port.line


def test_lost_input_is_told_once(port: Port) -> None:
    port.write(MASK, OVERRUN)
    port.serial.receive(bytes(port.serial.room() + 1))
    assert port.line
    assert port.serial.room() == 0
    assert port.read(STATUS) & 8
    port.write(STATUS, 0)
    port.write(CLEAR, OVERRUN)
    assert not port.read(STATUS)
    assert not port.line


@pytest.mark.parametrize(("line_control", "size"), [(0, 1), (0x10, 32)])
def test_the_receiver_is_full_when_its_fifo_is(port: Port, line_control: int, size: int) -> None:
    port.write(LINE_CONTROL, line_control)
    port.serial.receive(bytes(size - 1))
    assert not port.read(FLAGS) & RECEIVE_FULL
    port.serial.receive(b"x")
    assert port.read(FLAGS) & RECEIVE_FULL


def test_loopback_gives_back_what_is_sent(port: Port) -> None:
    port.write(CONTROL, 0x380)
    port.write(DATA, ord("x"))
    assert (port.sent, port.read(DATA)) == (b"", ord("x"))


def test_it_tells_what_it_is(port: Port) -> None:
    assert bytes(port.read(0xFE0 + 4 * number) for number in range(8)) == bytes.fromhex(
        "11 10 34 00 0d f0 05 b1"
    )
    # A driver may read the four bytes of the identity one by one.
    assert port.serial.read(0xFE8, 1) == 0x34


def test_registers_keep_what_they_have_bits_for(port: Port) -> None:
    assert (port.read(CONTROL), port.read(0x34)) == (0x300, 0x12)
    for register, bits in ((0x24, 0xFFFF), (0x28, 0x3F), (LINE_CONTROL, 0xFF)):
        port.write(register, 0xFFFFFFFF)
        assert port.read(register) == bits


@given(
    st.lists(
        st.tuples(st.integers(0, 0xFFF), st.sampled_from([1, 2, 4, 8]), st.integers(0, 1 << 64))
    ),
    st.binary(max_size=64),
)
def test_no_access_brings_it_down(accesses: list[tuple[int, int, int]], data: bytes) -> None:
    port = Port()
    port.serial.receive(data)
    for offset, size, value in accesses:
        port.serial.write(offset, size, value)
        assert port.serial.read(offset, size) >= 0
