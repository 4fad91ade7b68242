# SPDX-License-Identifier: Apache-2.0
"""The 8250 as a driver uses it."""

import pytest

from passthru.vmm.serial import Serial8250

DATA, ENABLE, IDENTIFY, LINE, MODEM, STATUS, MODEM_STATUS, SCRATCH = range(8)


class Port:
    def __init__(self) -> None:
        self.sent = b""
        self.line = False
        self.serial = Serial8250(self._send, self._set_line)

    def _send(self, data: bytes) -> None:
        self.sent += data

    def _set_line(self, level: bool) -> None:
        assert level != self.line, "the line is only told of changes"
        self.line = level

    def read(self, register: int) -> int:
        return self.serial.read(register, 1)

    def write(self, register: int, value: int) -> None:
        self.serial.write(register, 1, value)


@pytest.fixture
def port() -> Port:
    return Port()


def test_what_is_written_to_the_data_register_is_sent(port):
    for byte in b"hello":
        assert port.read(STATUS) & 0x60 == 0x60
        port.write(DATA, byte)
    assert port.sent == b"hello"


def test_polled_input_is_read_in_order(port):
    port.serial.receive(b"ab")
    assert port.read(STATUS) & 1
    assert bytes([port.read(DATA), port.read(DATA)]) == b"ab"
    assert not port.read(STATUS) & 1
    assert not port.line


def test_input_raises_the_line_until_it_is_read(port):
    port.write(ENABLE, 1)
    port.serial.receive(b"x")
    assert port.line
    assert port.read(IDENTIFY) & 0xF == 4
    port.read(DATA)
    assert not port.line
    assert port.read(IDENTIFY) & 0xF == 1


def test_the_transmit_interrupt_comes_at_once_and_ends_when_identified(port):
    port.write(ENABLE, 2)
    assert port.line
    assert port.read(IDENTIFY) & 0xF == 2
    assert not port.line
    port.write(DATA, ord("x"))
    assert port.line


def test_a_transmit_interrupt_that_is_not_enabled_does_not_come(port):
    port.write(DATA, ord("x"))
    assert not port.line
    assert port.read(IDENTIFY) & 0xF == 1


def test_the_divisor_hides_data_and_enable(port):
    port.write(LINE, 0x83)
    port.write(DATA, 0x34)
    port.write(ENABLE, 0x12)
    assert (port.read(DATA), port.read(ENABLE)) == (0x34, 0x12)
    port.write(LINE, 0x03)
    assert port.sent == b""
    assert port.read(ENABLE) == 0


def test_loopback_gives_back_what_is_sent_and_the_modem_lines(port):
    port.write(MODEM, 0x1A)
    port.write(DATA, ord("L"))
    assert (port.sent, port.read(DATA)) == (b"", ord("L"))
    assert port.read(MODEM_STATUS) & 0xF0 == 0x90  # what 8250 drivers test for


def test_a_driver_recognises_a_16550a(port):
    port.write(IDENTIFY, 1)
    assert port.read(IDENTIFY) & 0xC0 == 0xC0
    port.write(SCRATCH, 0xA5)
    assert port.read(SCRATCH) == 0xA5


def test_too_much_input_is_lost_and_told(port):
    port.serial.receive(bytes(5000))
    assert port.read(STATUS) & 2
    assert not port.read(STATUS) & 2
    received = 0
    while port.read(STATUS) & 1:
        port.read(DATA)
        received += 1
    assert received == 4096
