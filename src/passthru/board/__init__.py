# SPDX-License-Identifier: Apache-2.0
"""Hosts as data, and the readers that make it."""
