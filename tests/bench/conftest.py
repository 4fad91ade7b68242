# SPDX-License-Identifier: Apache-2.0
"""One virtual host for all tests that do not break theirs: booting takes seconds."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_host import Stage

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


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "busybox").write_text("#!/bin/sh\n")
    (tools / "busybox").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("PASSTHRU_CACHE", str(tmp_path / "cache"))
    return Stage(tmp_path)
