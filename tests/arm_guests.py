# SPDX-License-Identifier: Apache-2.0
"""Bare-metal guests for arm64, made by the cross assembler."""

import subprocess
from pathlib import Path

MACROS = """
.equ uart, 0x1c090000
.macro print_character character
    ldr x16, =uart
    mov w17, \\character
    str w17, [x16]
.endm
.macro print text
    ldr x16, =uart
    adr x17, 8001f
8000:
    ldrb w18, [x17], #1
    cbz w18, 8002f
    strb w18, [x16]
    b 8000b
8001: .asciz "\\text"
    .balign 4
8002:
.endm
.macro psci function
    ldr x0, =\\function
    hvc #0
.endm
.macro power_off
    psci 0x84000008
.endm
.macro reset
    psci 0x84000009
.endm
.global _start
_start:
"""
"""``print "text"``, ``print_character 'c'``, ``psci NUMBER``, ``power_off`` and ``reset``."""


def make_elf(directory: Path, assembly: str, address: int = 0) -> Path:
    """An ELF file that is linked for ``address`` (GPA)."""
    source, linked = directory / "guest.s", directory / "guest.o"
    source.write_text(f"{MACROS}\n{assembly}\n.ltorg\n")
    elf = directory / "guest.elf"
    subprocess.run(["aarch64-linux-gnu-as", "-o", linked, source], check=True)
    # -n: without the headers, which would lie below the address.
    command = ["aarch64-linux-gnu-ld", "-n", f"-Ttext={address:#x}", "-o", elf, linked]
    subprocess.run(command, check=True)
    return elf


def make_flat(directory: Path, assembly: str, address: int = 0) -> Path:
    """The same as a flat binary."""
    elf, flat = make_elf(directory, assembly, address), directory / "guest.bin"
    subprocess.run(["aarch64-linux-gnu-objcopy", "-O", "binary", elf, flat], check=True)
    return flat
