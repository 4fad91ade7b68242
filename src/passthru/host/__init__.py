# SPDX-License-Identifier: Apache-2.0
"""Claims made real on Linux: VFIO, physical memory, limits."""
