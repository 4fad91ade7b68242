# SPDX-License-Identifier: Apache-2.0
"""The process of ``python -m passthru``."""

from passthru.cli.main import run_process

run_process()
