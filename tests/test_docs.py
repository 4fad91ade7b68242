# SPDX-License-Identifier: Apache-2.0
"""What is generated is current."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_generated_pages_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write-docs"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
