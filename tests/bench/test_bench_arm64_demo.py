# SPDX-License-Identifier: Apache-2.0
"""The demo on arm64: a Linux guest owns a clock of its host, moved to another place and line."""

import pytest

from demo_output import assert_shown
from passthru.bench.demo import ARM_DEMO
from passthru.cli import bench

pytestmark = pytest.mark.bench


@pytest.mark.shows("pass-purpose", "pass-device", "intr-passed")
def test_the_demo_moves_the_clock_of_the_host(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    assert bench.main(["demo", "--board", "arm64-virt"]) == 0

    assert_shown(ARM_DEMO, capfdbinary.readouterr().out.decode())
