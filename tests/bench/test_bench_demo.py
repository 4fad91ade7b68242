# SPDX-License-Identifier: Apache-2.0
"""The demo guest with everything passed through, on the virtual host."""

from pathlib import Path

import pytest

from demo_output import assert_all_passed, assert_shown
from passthru.bench.demo import PC_DEMO, write_demo
from passthru.bench.kernels import obtain_kernel
from passthru.cli import bench

pytestmark = pytest.mark.bench


@pytest.mark.shows(
    "pass-purpose", "pass-device", "pci-same-place", "pci-implicit-interrupts", "example-audio"
)
@pytest.mark.shows("pass-blob", "blob-initrd", "example-initrd-source", "example-initrd-place")
def test_the_demo_with_two_processors(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert bench.main(["demo"]) == 0

    assert_shown(PC_DEMO, capfdbinary.readouterr().out.decode())


def test_bench_run_with_one_processor(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    files = write_demo(PC_DEMO, tmp_path, obtain_kernel())
    text = files.config.read_text()
    for two, one in (("cpu\ncpu\n", "cpu\n"), ("demo.processors=2", "demo.processors=1")):
        assert two in text
        text = text.replace(two, one)
    files.config.write_text(text)

    places = [f"--place={place.path}@{place.address:#x}" for place in files.placed]
    status = bench.main(["run", "--silence", "90", *places, str(files.config)])

    assert status == 0
    assert_all_passed(PC_DEMO, capfdbinary.readouterr().out.decode())
