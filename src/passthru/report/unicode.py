# SPDX-License-Identifier: Apache-2.0
"""Text that every encoding of Unicode can carry."""

__all__ = ["encodable"]

_REPLACEMENT = "\ufffd"


def encodable(text: str) -> str:
    """``text`` with each lone surrogate replaced, one for one so that columns stay right.

    Bytes of a file or of its name that are no UTF-8 are lone surrogates here, and strict
    readers of JSON refuse those even as escapes.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(_REPLACEMENT if "\ud800" <= c <= "\udfff" else c for c in text)
    return text
