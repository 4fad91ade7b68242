# SPDX-License-Identifier: Apache-2.0
"""The demo guest with everything passed through, on the virtual host."""

from pathlib import Path

import pytest

from passthru.bench.boards import load_board
from passthru.bench.demo import write_demo
from passthru.bench.guest import DEMO_CHECKS, check_results
from passthru.bench.kernels import obtain_kernel
from passthru.cli import bench

pytestmark = pytest.mark.bench


def assert_all_passed(printed: str) -> None:
    results = check_results(printed)
    assert [result.name for result in results] == list(DEMO_CHECKS)
    assert all(result.passed for result in results), printed


@pytest.mark.shows(
    "pass-purpose", "pass-device", "pci-same-place", "pci-implicit-interrupts", "example-audio"
)
@pytest.mark.shows("pass-blob", "blob-initrd", "example-initrd-source", "example-initrd-place")
def test_the_demo_with_two_processors(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert bench.main(["demo"]) == 0

    assert_all_passed(capfdbinary.readouterr().out.decode())


def test_bench_run_with_one_processor(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    files = write_demo(tmp_path, obtain_kernel(), load_board())
    text = files.config.read_text()
    for two, one in (("cpu\ncpu\n", "cpu\n"), ("demo.processors=2", "demo.processors=1")):
        assert two in text
        text = text.replace(two, one)
    files.config.write_text(text)

    place = f"{files.initrd.path}@{files.initrd.address:#x}"
    status = bench.main(["run", "--silence", "90", "--place", place, str(files.config)])

    assert status == 0
    assert_all_passed(capfdbinary.readouterr().out.decode())
