# SPDX-License-Identifier: Apache-2.0
"""As much of QEMU's machine protocol (QMP) as it takes to look at a hung processor."""

import json
import socket
from io import BufferedRWPair

__all__ = ["read_registers"]

_ANSWER_LIMIT = 1 << 20


def read_registers(channel: socket.socket, seconds: float = 5.0) -> str:
    """The registers of all processors as QEMU's monitor prints them.

    ``channel`` is a fresh QMP connection. Empty if QEMU does not answer within
    ``seconds`` for each step.
    """
    channel.settimeout(seconds)
    try:
        with channel.makefile("rwb") as stream:
            stream.readline(_ANSWER_LIMIT)  # the greeting
            _ask(stream, {"execute": "qmp_capabilities"})
            arguments = {"command-line": "info registers -a"}
            return _ask(stream, {"execute": "human-monitor-command", "arguments": arguments})
    except (OSError, ValueError):
        return ""


def _ask(stream: BufferedRWPair, request: dict[str, object]) -> str:
    stream.write(json.dumps(request).encode() + b"\n")
    stream.flush()
    while line := stream.readline(_ANSWER_LIMIT):
        answer = json.loads(line)
        if "return" in answer:  # anything else is an event
            return str(answer["return"])
        if "error" in answer:
            return ""
    return ""
