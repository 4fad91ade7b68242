# SPDX-License-Identifier: Apache-2.0
"""What a guest says of its checks."""

from passthru.bench.guest import CheckResult, check_results


def test_check_lines_are_found_among_other_output() -> None:
    output = (
        "[    1.0] nvme nvme0: 2/0/0 queues\r\n"
        "DEMO nvme ok: 1024 KiB read\r\n"
        "the guest says DEMO audio ok: not at the start of a line\r\n"
        "DEMO audio FAILED: no codec found\r\n"
        "DEMO interrupts ok\r\n"
        "DEMO initrd perhaps\r\n"
    )

    assert check_results(output) == [
        CheckResult("nvme", True, "1024 KiB read"),
        CheckResult("audio", False, "no codec found"),
        CheckResult("interrupts", True, ""),
    ]
