# SPDX-License-Identifier: Apache-2.0
"""What is x86-64 about the machine."""
