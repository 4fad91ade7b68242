# SPDX-License-Identifier: Apache-2.0
"""Virtual devices of the machine itself."""
