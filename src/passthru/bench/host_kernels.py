# SPDX-License-Identifier: Apache-2.0
"""The kernel of a virtual host, whichever architecture it has."""

from passthru.bench.architectures import X86_64, Architecture
from passthru.bench.foreign_host import obtain_foreign_kernel
from passthru.bench.kernels import Kernel, obtain_kernel
from passthru.bench.progress import Progress, silent

__all__ = ["obtain_host_kernel"]


def obtain_host_kernel(architecture: Architecture, progress: Progress = silent) -> Kernel:
    """A kernel for virtual hosts and guests, from the cache or newly downloaded.

    Raises KernelUnavailableError, ModuleBuildError and MissingToolError.
    """
    obtain = obtain_kernel if architecture is X86_64 else obtain_foreign_kernel
    return obtain(progress)
