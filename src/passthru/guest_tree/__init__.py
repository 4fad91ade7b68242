# SPDX-License-Identifier: Apache-2.0
"""The device tree that a guest gets: cut from the host's, with what the VM adds."""
