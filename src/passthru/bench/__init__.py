# SPDX-License-Identifier: Apache-2.0
"""Virtual hosts inside QEMU, to run everything without hardware."""
