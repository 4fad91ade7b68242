# SPDX-License-Identifier: Apache-2.0
"""``python -m passthru``."""

import sys

from passthru.cli.main import main

sys.exit(main())
