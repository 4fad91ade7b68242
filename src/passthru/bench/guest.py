# SPDX-License-Identifier: Apache-2.0
"""Guests for the bench: the distribution's kernel and drivers, busybox, and checks.

A guest is an initramfs whose ``/init`` loads drivers, runs a shell script of checks, and
powers the machine off. Each check prints a line on the console.
"""

import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import NamedTuple

from passthru.bench.initramfs import build_initramfs
from passthru.bench.kernels import Kernel

__all__ = [
    "GUEST_ARGUMENTS",
    "GUEST_COMMAND_LINE",
    "PCI_DRIVERS",
    "CheckResult",
    "build_guest",
    "build_reporting_guest",
    "check_results",
]

GUEST_ARGUMENTS = (
    "quiet panic=-1 mitigations=off nokaslr no_timer_check "
    "cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1 audit=0"
)
"""Kernel arguments for a guest on the bench that lose no time."""

GUEST_COMMAND_LINE = f"console=ttyS0 {GUEST_ARGUMENTS}"
"""The same with the serial console of a PC."""

PCI_DRIVERS = ("nvme", "snd-hda-codec-generic", "snd-hda-intel")
"""Drivers of the board x86-64's devices.

The codec's comes before the controller's, whose probe gives up without it.
"""

_RESULT = re.compile(r"^DEMO (\S+) (ok|FAILED)(?:: (.*))?$", re.MULTILINE)


class CheckResult(NamedTuple):
    """What a guest said of one check."""

    name: str
    passed: bool
    detail: str


def build_guest(
    kernel: Kernel,
    checks: str,
    modules: Sequence[str] = (),
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """An initramfs that loads ``modules``, runs the shell script ``checks``, powers off.

    The script can use the functions of ``guests/init.sh``: ``check NAME COMMAND…``,
    ``passed``, ``failed``, ``wait_for SECONDS COMMAND…``, ``interrupts PATTERN``, and all
    of busybox. Raises ModuleMissingError, MissingToolError.
    """
    init = resources.files("passthru.bench") / "guests/init.sh"
    content = {**(files or {}), "/checks": checks.encode()}
    groups = {"drivers": modules}
    return build_initramfs(kernel, init.read_text(encoding="utf-8"), groups, content)


def build_reporting_guest(kernel: Kernel) -> bytes:
    """A guest that tells what it has got, with the drivers for every board's devices."""
    report = resources.files("passthru.bench") / "guests/report.sh"
    return build_guest(kernel, report.read_text(encoding="utf-8"), PCI_DRIVERS)


def check_results(output: str) -> list[CheckResult]:
    """Every check line in what a guest has printed, in its order."""
    lines = output.replace("\r", "")
    return [CheckResult(m[1], m[2] == "ok", m[3] or "") for m in _RESULT.finditer(lines)]
