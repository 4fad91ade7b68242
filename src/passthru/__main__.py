# SPDX-License-Identifier: Apache-2.0
"""The process of ``passthru`` and of ``python -m passthru``."""

import os
import sys

from passthru.cli.main import main

status = main()
sys.stdout.flush()
sys.stderr.flush()
# Taking the interpreter apart piece by piece, as sys.exit does, helps nobody here.
os._exit(status)
