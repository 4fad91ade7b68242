# SPDX-License-Identifier: Apache-2.0
"""Where the vCPUs' threads run on the host, and with which priority.

Each thread binds itself before it enters its guest for the first time. What the kernel would
refuse must be known before any of them has: a thread of its own tries it out.
"""

from passthru.host.kernel import Kernel, KernelCallFailed
from passthru.lean import Iterable
from passthru.plan.model import Binding, Realtime, RealtimePolicy, VcpuThread
from passthru.vmm.errors import ProcessorsRefused, RealtimeRefused
from passthru.vmm.vcpu_thread import Thread

__all__ = ["VcpuScheduling"]


class VcpuScheduling:
    """What a plan's ``threads`` ask of the host's scheduler.

    Raises KernelCallFailed where the kernel does not tell what this process may have.
    """

    def __init__(self, kernel: Kernel, threads: Iterable[VcpuThread]) -> None:
        self._kernel = kernel
        self._threads = {thread.vcpu: thread for thread in threads}
        try:
            self._allowed = kernel.allowed_processors()
        except OSError as error:
            raise KernelCallFailed("this process", "sched_getaffinity", error) from error
        self._refused: BaseException | None = None

    def try_out(self) -> None:
        """Raises ProcessorsRefused, RealtimeRefused or ThreadRefused for what cannot be had."""
        for thread in self._threads.values():
            # The kernel drops what a cpuset forbids from a request without a word
            # (kernel/sched/syscalls.c, __sched_setaffinity), so it is compared before.
            if thread.binding and not self._allowed.issuperset(thread.binding.processors):
                raise self._forbidden(thread.vcpu, thread.binding)
        trial = Thread(self._apply_all)
        trial.start()
        while not trial.wait(1.0):
            pass
        if self._refused is not None:
            raise self._refused

    def apply(self, vcpu: int) -> None:
        """Bind and schedule the calling thread as that of ``vcpu``, counted from 0.

        Raises ProcessorsRefused or RealtimeRefused.
        """
        thread = self._threads.get(vcpu)
        if thread is not None and thread.binding is not None:
            self._bind(vcpu, thread.binding)
        if thread is not None and thread.realtime is not None:
            self._schedule(vcpu, thread.realtime)

    def _apply_all(self) -> None:
        try:
            for vcpu in self._threads:
                self.apply(vcpu)
        except BaseException as refused:  # noqa: BLE001 (try_out raises it)
            self._refused = refused

    def _bind(self, vcpu: int, binding: Binding) -> None:
        try:
            self._kernel.stay_on(binding.processors)
        except OSError as error:
            raise self._forbidden(vcpu, binding) from error

    def _schedule(self, vcpu: int, realtime: Realtime) -> None:
        policy, priority, asked = realtime
        is_round_robin = policy is RealtimePolicy.ROUND_ROBIN
        try:
            self._kernel.become_realtime(priority, round_robin=is_round_robin)
        except OSError as error:
            name = policy.value
            raise RealtimeRefused(f"vCPU {vcpu}", name, priority, asked.span, error) from error

    def _forbidden(self, vcpu: int, binding: Binding) -> ProcessorsRefused:
        return ProcessorsRefused(vcpu, binding.processors, self._allowed, binding.asked.span)
