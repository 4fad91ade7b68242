# SPDX-License-Identifier: Apache-2.0
"""Small real-mode guests, made by the assembler."""

import subprocess
import sys
from pathlib import Path

DEVICES = (
    "vdev ioapic loc 0xf8000000 intr apic name myioapic "
    "vdev ser8250 loc 0x3f8 intr myioapic:4 hostdev {console} "
    "vdev timer8254 intr myioapic:0 vdev mc146818 reg 0x0b,0x02 "
    "vdev 8259 loc 0x20 vdev 8259 loc 0xa0 "
)

# What guests are made of: print %al, and the ways to end.
MACROS = """
.code16
.macro print character
    mov $0x3f8, %dx
    mov \\character, %al
    out %al, %dx
.endm
.macro reset
    mov $0xfe, %al
    out %al, $0x64
1:  hlt
    jmp 1b
.endm
.macro power_off
    mov $0x604, %dx
    mov $0x3400, %ax
    out %ax, %dx
1:  hlt
    jmp 1b
.endm
"""


class Guest:
    """A flat binary and the configuration that starts it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def command(
        self, assembly: str, memory: str = "", console: str = ">-", cpu: str = "cpu"
    ) -> list[str]:
        source, binary = self._directory / "guest.s", self._directory / "guest.bin"
        source.write_text(f"{MACROS}{assembly}\n")
        linked = self._directory / "guest.o"
        subprocess.run(["as", "--32", "-o", linked, source], check=True)
        subprocess.run(
            ["ld", "-m", "elf_i386", "-Ttext=0", "--oformat=binary", "-o", binary, linked],
            check=True,
            stderr=subprocess.DEVNULL,
        )
        configuration = self._directory / "guest.qvmconf"
        configuration.write_text(
            f"system flat\n{cpu}\nram 0,640k\n{memory}\nload 0x1000,{binary}\n"
            + DEVICES.format(console=console)
        )
        return [sys.executable, "-m", "passthru", "run", f"@{configuration}"]

    def run(
        self, assembly: str, memory: str = "", cpu: str = "cpu"
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            self.command(assembly, memory, cpu=cpu),
            capture_output=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def start(
        self, assembly: str, console: str = ">-", cpu: str = "cpu"
    ) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(assembly, console=console, cpu=cpu),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
