# SPDX-License-Identifier: Apache-2.0
"""Findings and plans for people and programs."""
