# SPDX-License-Identifier: Apache-2.0
"""What only an arm64 machine has."""
