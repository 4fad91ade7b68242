# SPDX-License-Identifier: Apache-2.0
"""A kernel command line as the bytes that lie in guest memory."""

from passthru.vmm.image_errors import CommandLineNotPossible

__all__ = ["encoded_command_line"]


def encoded_command_line(name: str, text: str, limit: int) -> bytes:
    """``text`` in UTF-8 with a zero byte at its end, for the image called ``name``.

    ``limit`` is in bytes without that zero. Raises CommandLineNotPossible.
    """
    # Bytes that were no UTF-8 on the host's command line come back as they were.
    encoded = text.encode("utf-8", "surrogateescape")
    if b"\0" in encoded:
        raise CommandLineNotPossible(name, "contains a zero byte, which would end it there")
    if len(encoded) > limit:
        raise CommandLineNotPossible(
            name, f"has {len(encoded)} bytes, and this image takes {limit}"
        )
    return encoded + b"\0"
