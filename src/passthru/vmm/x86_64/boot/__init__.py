# SPDX-License-Identifier: Apache-2.0
"""How a guest image gets into memory and in what state its first processor starts."""
