# SPDX-License-Identifier: Apache-2.0
"""What can keep a machine from being built or running."""

import os

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Span
from passthru.lean import Iterable

__all__ = [
    "FileUnreadable",
    "GuestCrash",
    "KvmForbidden",
    "KvmIncomplete",
    "KvmMissing",
    "OutsideGuestMemory",
    "ProcessorsRefused",
    "RealtimeRefused",
    "RoutesExhausted",
    "SoftwareKvm",
    "TooManyVcpus",
    "UnsupportedOperation",
]


class KvmMissing(PassthruError):
    """There is no ``/dev/kvm``, or nothing behind it."""

    fix = (
        "load the module (modprobe kvm_intel or kvm_amd) and enable virtualization in the "
        "firmware, or try it on a virtual host: passthru bench run CONFIG"
    )

    def __init__(self, path: str, error: OSError) -> None:
        super().__init__(f"{path}: {os.strerror(error.errno or 0)}: this kernel offers no KVM")


class KvmForbidden(PassthruError):
    """``/dev/kvm`` is there, but this user may not open it."""

    fix = "sudo usermod -aG kvm $USER, then log in again (or run as root)"

    def __init__(self, path: str, user: int) -> None:
        super().__init__(f"{path} exists, but user id {user} has no right to open it")


class KvmIncomplete(PassthruError):
    """KVM lacks something that every machine needs."""

    def __init__(self, what: str) -> None:
        super().__init__(f"this KVM lacks {what}")


class SoftwareKvm(PassthruError):
    """A KVM without vmx or svm was asked to boot an operating system kernel."""

    fix = "passthru bench run CONFIG"

    def __init__(self, image: str) -> None:
        super().__init__(
            f"/dev/kvm is a software implementation (neither vmx nor svm in /proc/cpuinfo); "
            f"a kernel such as {image} would spin in it for ever without a word; small flat "
            f"programs run"
        )


class TooManyVcpus(PassthruError):
    """More ``cpu`` options than KVM gives one machine."""

    def __init__(self, count: int, limit: int) -> None:
        super().__init__(f"{count} vCPUs are asked for; this KVM gives one machine at most {limit}")


class RealtimeRefused(PassthruError):
    """The process may not give a thread the real-time priority that ``sched`` asks for."""

    def __init__(self, whose: str, policy: str, priority: int, span: Span, error: OSError) -> None:
        super().__init__(
            f"[{span}] {policy} with priority {priority} for {whose}: "
            f"{os.strerror(error.errno or 0)}"
        )
        self.fix = (
            f"run as root (or with CAP_SYS_NICE), raise the limit RLIMIT_RTPRIO (ulimit -r "
            f"{priority}, or LimitRTPRIO= of the service), or remove `sched`"
        )


class ProcessorsRefused(PassthruError):
    """The process may not run a vCPU's thread on the processors that ``cpu`` asks for."""

    fix = (
        "let this process use them (taskset, CPUAffinity= or AllowedCPUs= of the service, "
        "cpuset.cpus of its cgroup), or name others"
    )

    def __init__(
        self, vcpu: int, processors: Iterable[int], allowed: Iterable[int], span: Span
    ) -> None:
        super().__init__(
            f"[{span}] vCPU {vcpu} on the host's processors {_listed(processors)}: this process "
            f"may run on {_listed(allowed)} only"
        )


def _listed(numbers: Iterable[int]) -> str:
    """As Linux lists processors: ``0-3,8``."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


class RoutesExhausted(PassthruError):
    """The guest has enabled more message interrupts than KVM can route."""

    fix = "pass fewer functions, or have the guest's drivers use fewer vectors"

    def __init__(self, limit: int) -> None:
        super().__init__(f"the guest's functions use more than the {limit} interrupts of KVM")


class FileUnreadable(PassthruError):
    """A file to ``load`` cannot be read."""

    def __init__(self, path: str, span: Span, error: OSError) -> None:
        super().__init__(f"[{span}] load {path}: {os.strerror(error.errno or 0)}")


class OutsideGuestMemory(PassthruError):
    """A file to ``load`` does not lie wholly in one RAM or ROM (GPA)."""

    def __init__(self, path: str, start: int, size: int, span: Span) -> None:
        super().__init__(
            f"[{span}] load {path}: {start:#x}..{start + size:#x} is not wholly in ram or rom"
        )


class GuestCrash(PassthruError):
    """The processor cannot go on with the guest's code."""

    exit_status = ExitStatus.FATAL_AFTER_START

    def __init__(self, vcpu: int, what: str) -> None:
        super().__init__(f"vCPU {vcpu}: {what}")


class UnsupportedOperation(GuestCrash):
    """The guest's code is sound, but KVM or this machine cannot carry it out."""

    exit_status = ExitStatus.UNSUPPORTED
