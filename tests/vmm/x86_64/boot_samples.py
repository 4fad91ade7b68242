# SPDX-License-Identifier: Apache-2.0
"""Made-up images and requests for the boot protocols' tests."""

from struct import pack, pack_into

from passthru.addresses import AddressRange
from passthru.vmm.x86_64.boot.request import BootRequest, E820Type, MapEntry

MIB = 1 << 20
KERNEL_MARK = b"KERNEL!!"


def make_bzimage(
    *,
    version=0x020F,
    load_flags=1,
    xload_flags=0b11,
    setup_sectors=4,
    kernel_size=0x4000,
    init_size=8 * MIB,
    preferred=16 * MIB,
    alignment=2 * MIB,
    relocatable=1,
    command_line_size=2047,
    initrd_max=0x7FFFFFFF,
    boot_flag=0xAA55,
):
    image = bytearray((setup_sectors + 1) * 512)
    image[0x1F1] = setup_sectors
    pack_into("<I", image, 0x1F4, kernel_size // 16)
    pack_into("<H", image, 0x1FE, boot_flag)
    image[0x200:0x202] = b"\xeb\x6a"  # jmp to 0x26c: the header's end
    image[0x202:0x206] = b"HdrS"
    pack_into("<H", image, 0x206, version)
    image[0x211] = load_flags
    pack_into("<I", image, 0x22C, initrd_max)
    pack_into("<I", image, 0x230, alignment)
    image[0x234] = relocatable
    pack_into("<H", image, 0x236, xload_flags)
    pack_into("<I", image, 0x238, command_line_size)
    pack_into("<Q", image, 0x258, preferred)
    pack_into("<I", image, 0x260, init_size)
    return bytes(image) + KERNEL_MARK.ljust(kernel_size, b"\xcc")


def xen_note(entry, *, name=b"Xen\0", kind=18, size=4):
    value = entry.to_bytes(size, "little")
    return pack("<III", len(name), size, kind) + name.ljust(-(-len(name) // 4) * 4, b"\0") + value


def make_elf(segments, note, *, machine=62, note_align=4):
    """64-bit ELF; ``segments`` are (GPA, bytes, size in memory)."""
    count = len(segments) + 1
    offset = 64 + 56 * count
    headers, body = b"", b""
    for address, data, memory_size in segments:
        headers += pack(
            "<IIQQQQQQ", 1, 7, offset + len(body), address, address, len(data), memory_size, 1
        )
        body += data
    headers += pack("<IIQQQQQQ", 4, 4, offset + len(body), 0, 0, len(note), len(note), note_align)
    head = b"\x7fELF\x02\x01\x01" + bytes(9)
    head += pack("<HHIQQQIHHHHHH", 2, machine, 1, 0, 64, 0, 0, 64, 56, count, 0, 0, 0)
    return head + headers + body + note


def make_elf32(address, data, note):
    offset = 52 + 2 * 32
    headers = pack("<8I", 1, offset, address, address, len(data), len(data), 7, 1)
    headers += pack("<8I", 4, offset + len(data), 0, 0, len(note), len(note), 4, 4)
    head = b"\x7fELF\x01\x01\x01" + bytes(9)
    head += pack("<HHIIIIIHHHHHH", 2, 3, 1, 0, 52, 0, 0, 52, 32, 2, 0, 0, 0)
    return head + headers + data + note


def make_request(image, *, ram=None, **fields):
    """A request with a plain PC map of 256 MiB, unless ``ram`` gives other ranges."""
    ram = (AddressRange(0, 0xA0000), AddressRange(MIB, 255 * MIB)) if ram is None else ram
    memory = [MapEntry(part, E820Type.USABLE) for part in ram]
    memory.append(MapEntry(AddressRange(0xA0000, 0x60000), E820Type.RESERVED))
    values = {
        "name": "image",
        "image": image,
        "command_line": "console=ttyS0",
        "memory": tuple(sorted(memory)),
        "ram": tuple(ram),
        "rsdp": 0xE0000,
    } | fields
    return BootRequest(**values)


def memory_after(plan, start, size):
    """What a guest reads at a GPA after the plan's writes, over RAM full of 0xee."""
    result = bytearray(b"\xee" * size)
    wanted = AddressRange(start, size)
    zeros = [(part.start, bytes(part.size)) for part in plan.zeroed]
    for address, data in [*zeros, *plan.writes]:
        common = AddressRange(address, len(data)).intersection(wanted)
        if common is not None:
            result[common.start - start : common.end - start] = data[
                common.start - address : common.end - address
            ]
    return bytes(result)
