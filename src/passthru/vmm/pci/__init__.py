# SPDX-License-Identifier: Apache-2.0
"""The guest's PCI bus and the host functions passed to it."""
