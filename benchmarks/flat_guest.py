# SPDX-License-Identifier: Apache-2.0
"""Guests of a few instructions that run on both machines as they are.

Those for x86 are in real mode, 64 KiB each: QEMU starts one as firmware at the reset vector,
which jumps to the first byte; passthru starts it there. One for arm64 may lie anywhere.
"""

__all__ = ["arm_flat_guest", "exit_loop_guest", "flat_guest"]

_SIZE = 0x10000
_RESET_VECTOR = 0xFFF0
# mov al, 0xfe; out 0xf4, al (QEMU's debug exit); out 0x64, al (reset); hlt; jmp to the hlt
_END = bytes.fromhex("b0fe e6f4 e664 f4 ebfd")

# mov x1, #0x9000000; mov w2, 'A'; str w2, [x1]; mov w0, #0x84000008 (PSCI's SYSTEM_OFF);
# hvc #0; b .
_ARM = (0xD2A12001, 0x52800822, 0xB9000022, 0x52B08000, 0x72800100, 0xD4000002, 0x14000000)


def arm_flat_guest() -> bytes:
    """Writes ``A`` to a PL011 at 0x9000000 and switches the machine off."""
    return b"".join(word.to_bytes(4, "little") for word in _ARM)


def flat_guest() -> bytes:
    """Writes ``A`` to the serial port and ends the machine."""
    # mov dx, 0x3f8; mov al, 'A'; out dx, al
    return _image(bytes.fromhex("baf803 b041 ee") + _END)


def exit_loop_guest(count: int) -> bytes:
    """Writes ``A``, then writes the serial port's scratch register ``count`` times."""
    # mov ecx, count; mov dx, 0x3ff; loop: out dx, al; dec ecx; jnz loop
    loop = b"\x66\xb9" + count.to_bytes(4, "little") + bytes.fromhex("baff03 ee 6649 75fb")
    return _image(bytes.fromhex("baf803 b041 ee") + loop + _END)


def _image(code: bytes) -> bytes:
    image = bytearray(_SIZE)
    image[: len(code)] = code
    # jmp near to the first byte
    distance = -(_RESET_VECTOR + 3) & 0xFFFF
    image[_RESET_VECTOR : _RESET_VECTOR + 3] = b"\xe9" + distance.to_bytes(2, "little")
    return bytes(image)
