# SPDX-License-Identifier: Apache-2.0
"""The qvm configuration language: words, options, and the typed configuration."""
