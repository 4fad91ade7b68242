# SPDX-License-Identifier: Apache-2.0
"""A program that stands in for QEMU: it speaks the agent's side of the bench's protocol.

Run as QEMU is. Beside it lie ``modes``, of which each start takes the first line, and
``calls``, to which it appends what it is told:

    good          boots, and runs commands
    hangs         never comes further in its boot
    dies          prints a panic on its console and ends
    hangs-later   boots, and falls silent with the first command
    cannot-bind   boots, and every command fails
    prints        boots, and `passthru run` prints a line and does not end

Commands are words: ``print TEXT``, ``by-turns TEXT TEXT`` (prints one, then the other),
``status N``, ``sleep`` (until a signal comes).
"""

import base64
import json
import re
import shlex
import socket
import sys
import threading
from pathlib import Path

HERE = Path(__file__).parent
REGISTERS = "CPU#0\r\nRAX=0\r\nRIP=deadbeef\r\n"


def take_mode() -> str:
    mode, *rest = (HERE / "modes").read_text().splitlines()
    (HERE / "modes").write_text("\n".join(rest))
    note(f"started {mode}")
    return mode


def note(text: str) -> None:
    with (HERE / "calls").open("a") as calls:
        calls.write(text + "\n")


def channels() -> dict[str, socket.socket]:
    found = re.findall(r"socket,id=(\w+),fd=(\d+)", " ".join(sys.argv))
    return {name: socket.socket(fileno=int(number)) for name, number in found}


def mark() -> bytes:
    """The agent's mark, from the (uncompressed) initramfs."""
    data = Path(sys.argv[sys.argv.index("-initrd") + 1]).read_bytes()
    start = (data.index(b"mark\0") + 5 + 3) & ~3
    return data[start : start + 16]


class Agent:
    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.sockets = channels()
        self.mark = mark()
        self.waiting = ""
        self.turns = 0

    def say(self, line: str) -> None:
        self.sockets["control"].sendall(line.encode() + b"\n")

    def boot(self) -> None:
        self.say("alive")
        self.say("step loading drivers")
        if self.mode == "hangs":
            self.hang()
        if self.mode == "dies":
            self.sockets["console"].sendall(b"Kernel panic - not syncing: too bad\r\n")
            sys.exit(1)
        self.say("ready")

    def serve(self) -> None:
        with self.sockets["control"].makefile() as lines:
            for line in lines:
                verb, number, rest = line.rstrip("\n").split(" ", 2)
                if verb == "signal":
                    note(f"signal {rest}")
                    self.end(self.waiting, 128 + 9)
                else:
                    self.run(number, shlex.split(base64.b64decode(rest).decode()))

    def run(self, number: str, words: list[str]) -> None:
        directory, verb, *rest = words
        note(f"run {verb} {' '.join(rest[-1:])}")
        if self.mode == "hangs-later":
            self.hang()
        self.say("alive")
        if self.mode == "prints" and verb == "env":
            self.sockets["output"].sendall(b"printed\n")
        elif self.mode == "cannot-bind":
            self.end(number, 1, b"no such device\n")
        elif verb == "print":
            self.end(number, 0, " ".join(rest).encode())
        elif verb == "by-turns":
            self.turns += 1
            self.end(number, 0, rest[(self.turns - 1) % len(rest)].encode())
        elif verb == "directory":
            self.end(number, 0, directory.encode())
        elif verb == "status":
            self.end(number, int(rest[0]))
        elif verb == "sleep":
            self.waiting = number
        else:
            self.end(number, 0)

    def end(self, number: str, status: int, output: bytes = b"") -> None:
        self.say(f"exit {number} {status}")
        self.sockets["output"].sendall(output + b"\036%s %s\n" % (self.mark, number.encode()))

    def hang(self) -> None:
        """Do nothing any more, but end with the bench."""
        self.sockets["terminal"].recv(1)
        sys.exit(0)

    def answer_monitor(self) -> None:
        monitor = self.sockets["qmp"]
        monitor.sendall(b'{"QMP": {}}\r\n')
        with monitor.makefile() as lines:
            for line in lines:
                text = REGISTERS if "info registers" in line else ""
                monitor.sendall(b'{"event": "STOP"}\r\n')
                monitor.sendall(json.dumps({"return": text}).encode() + b"\r\n")


if __name__ == "__main__":
    agent = Agent(take_mode())
    threading.Thread(target=agent.answer_monitor, daemon=True).start()
    agent.boot()
    agent.serve()
