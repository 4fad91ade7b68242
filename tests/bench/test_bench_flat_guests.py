# SPDX-License-Identifier: Apache-2.0
"""The tests of `passthru run` with real-mode guests, run again on a virtual host's KVM."""

import os
import re
import sys

import pytest

from passthru.bench.virtual_host import VirtualHost

pytestmark = pytest.mark.bench

TESTS = "tests/vmm/test_vmm_flat_guests.py"
SAMPLE = "power_off or triple_fault or string or timer_of_the_kernel or scheduled_vcpu"
"""Enough of them where this machine's own KVM runs them all: pytest is slow when emulated."""


def test_flat_guests_run_on_the_kvm_of_a_virtual_host(
    host: VirtualHost, pytestconfig: pytest.Config
) -> None:
    selection = ["-k", SAMPLE] if os.access("/dev/kvm", os.R_OK | os.W_OK) else []
    without = ("cacheprovider", "hypothesispytest", "faulthandler", "doctest", "unittest")

    done = host.run(
        [
            *(sys.executable, "-m", "pytest", "-q", TESTS, "--basetemp", "/tmp/inner"),
            *(word for plugin in without for word in ("-p", f"no:{plugin}")),
            *selection,
        ],
        directory=str(pytestconfig.rootpath),
        timeout=600,
        silence=120,
    )

    assert done.status == 0, done.text
    # Without a KVM inside, all would be skipped, with status 0.
    counts = re.search(r"(\d+) passed(?:, (\d+) skipped)?", done.text)
    assert counts is not None, done.text
    assert int(counts[1]) >= 5
    assert int(counts[2] or 0) <= 1  # the one about a software KVM
