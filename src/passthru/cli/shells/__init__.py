# SPDX-License-Identifier: Apache-2.0
"""Completion scripts, one module for each shell, all made from the table of commands."""
