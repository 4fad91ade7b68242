# SPDX-License-Identifier: Apache-2.0
"""The firmware tables that tell the guest about its machine (ACPI 6.5)."""
