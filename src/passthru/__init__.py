# SPDX-License-Identifier: Apache-2.0
"""Pass host memory, devices, interrupts and data straight through to guests on KVM."""
