# SPDX-License-Identifier: Apache-2.0
"""The rules over plans and boards; every finding that needs more than the text."""
