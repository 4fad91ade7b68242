# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C is the power button of a Linux guest: an ACPI event, by the SCI."""

import pytest

from passthru.bench.guest import GUEST_COMMAND_LINE, build_guest, check_results
from passthru.bench.inner_command import passthru_command
from passthru.bench.kernels import Kernel
from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

WAITING = b"waiting for the power button"
CHECKS = f"""
pressed() {{ # how often the kernel has seen the fixed power button
    awk '{{ print $1 }}' /sys/firmware/acpi/interrupts/ff_pwr_btn
}}
was_pressed() {{ [ "$(pressed)" -gt 0 ]; }}

before="$(pressed) $(interrupts ' acpi$')"
echo "{WAITING.decode()}"
if wait_for 60 was_pressed; then
    passed button "from $before to $(pressed) $(interrupts ' acpi$')"
else
    failed button "no event came"
fi
"""


class PressWhenAsked:
    """Presses the power button once, when the guest says that it waits for it."""

    def __init__(self, host: VirtualHost) -> None:
        self._host = host
        self._seen = b""
        self._pressed = False

    def __call__(self, data: bytes) -> None:
        self._seen += data
        if WAITING in self._seen and not self._pressed:
            self._pressed = True
            self._host.interrupt()


def test_an_interrupt_reaches_linux_as_a_power_button_event(
    host: VirtualHost, kernel: Kernel
) -> None:
    initrd = host.exchange / "initrd"
    initrd.write_bytes(build_guest(kernel, CHECKS, ("button",)))
    config = host.exchange / "button.qvmconf"
    config.write_text(
        f"system button cpu ram 192m\nguest load {kernel.vmlinux or kernel.image}\n"
        f'initrd load {initrd}\ncmdline "{GUEST_COMMAND_LINE}"\n'
        "vdev ioapic loc 0xf8000000 intr apic name ioapic\n"
        "vdev ser8250 hostdev >- loc io:0x3f8 intr ioapic:4\n"
        "vdev timer8254 intr ioapic:0\nvdev mc146818\n"
    )

    done = host.run(
        passthru_command(["run", f"@{config}"]),
        timeout=240,
        silence=120,
        on_output=PressWhenAsked(host),
    )

    (check,) = check_results(done.text)
    assert (check.passed, check.detail) == (True, "from 0 0 to 1 1"), done.text
    assert done.status == 0, done.text
