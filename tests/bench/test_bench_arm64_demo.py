# SPDX-License-Identifier: Apache-2.0
"""A Linux guest on arm64 that owns a clock of its host: the demo, and the clock left in place."""

import pytest

from demo_output import assert_all_passed, assert_shown
from passthru.bench.architectures import AARCH64
from passthru.bench.demo import ARM_DEMO, write_demo
from passthru.bench.foreign_host import obtain_foreign_kernel
from passthru.bench.inner_command import passthru_command
from passthru.bench.virtual_host import VirtualHost
from passthru.cli import bench

pytestmark = pytest.mark.bench

MOVED = "pass loc mem:0x1c170000,0x1000,rwn=0x9010000 intr gic:40=34\n"
IN_PLACE = "pass loc mem:0x9010000,0x1000,rwn intr gic:34\n"


@pytest.mark.shows("pass-purpose", "pass-device", "intr-passed")
def test_the_demo_moves_the_clock_of_the_host(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert bench.main(["demo", "--board", "arm64-virt"]) == 0

    assert_shown(ARM_DEMO, capfdbinary.readouterr().out.decode())


@pytest.mark.shows("intr-passed")
def test_the_clock_of_the_host_in_its_own_place(arm_host: VirtualHost) -> None:
    directory = arm_host.exchange / "demo"
    directory.mkdir()
    files = write_demo(ARM_DEMO, directory, obtain_foreign_kernel())
    text = files.config.read_text()
    assert MOVED in text
    files.config.write_text(text.replace(MOVED, IN_PLACE))

    command = passthru_command(["run", f"@{files.config}"], AARCH64)
    done = arm_host.run(command, timeout=240, silence=120)

    assert done.status == 0, done.text
    assert_all_passed(ARM_DEMO, done.text)
    assert "DEMO clock ok: rtc-pl031 9010000.pl031 says" in done.text
    assert "10 interrupts for 10 alarms in a row, on line 34" in done.text
