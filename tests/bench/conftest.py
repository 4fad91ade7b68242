# SPDX-License-Identifier: Apache-2.0
"""One virtual host for all tests that do not break theirs: booting takes seconds."""

from collections.abc import Iterator

import pytest

from passthru.bench.boards import load_board
from passthru.bench.inner_command import compile_project
from passthru.bench.kernels import Kernel, obtain_kernel
from passthru.bench.progress import silent
from passthru.bench.virtual_host import VirtualHost


@pytest.fixture(scope="session")
def kernel() -> Kernel:
    return obtain_kernel(silent)


@pytest.fixture(scope="session")
def arm_host() -> Iterator[VirtualHost]:
    with VirtualHost(load_board("arm64-virt")) as booted:
        yield booted


@pytest.fixture(scope="session")
def host(kernel: Kernel) -> Iterator[VirtualHost]:
    compile_project()
    with VirtualHost(load_board("x86-64"), kernel=kernel) as booted:
        yield booted
