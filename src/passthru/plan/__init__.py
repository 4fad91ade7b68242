# SPDX-License-Identifier: Apache-2.0
"""One configuration joined with one host: what the guest will see and what it takes."""
