# SPDX-License-Identifier: Apache-2.0
"""Findings, errors, and the places in the text that they are about."""
