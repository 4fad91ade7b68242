# SPDX-License-Identifier: Apache-2.0
"""The parts of an ELF executable that a loader needs, read without trust."""

from struct import unpack_from

from passthru.lean import NamedTuple
from passthru.vmm.image_errors import ImageTruncated, ImageUnsupported, OtherArchitecture

__all__ = ["ElfImage", "LoadSegment", "read_elf"]

_NOTE_HEADER = 12
_XEN_NAME = b"Xen\0"
_XEN_ELFNOTE_PHYS32_ENTRY = 18  # include/xen/interface/elfnote.h
_PROCESSORS = {
    "EM_X86_64": "x86-64",
    "EM_386": "x86",
    "EM_AARCH64": "arm64",
    "EM_ARM": "arm",
    "EM_RISCV": "RISC-V",
    "EM_PPC64": "PowerPC",
    "EM_S390": "s390",
    "EM_MIPS": "MIPS",
}
_MACHINES = {"x86-64": ("EM_X86_64", "EM_386"), "arm64": ("EM_AARCH64",)}
"""What processors each machine has, as ELF calls them."""
_HEADER_SIZE = 64
_CLASS_64 = b"\x02"


class LoadSegment(NamedTuple):
    """File bytes that belong at the GPA ``address``; up to ``memory_size`` zeros follow them.

    ``virtual`` is where the program sees them once it has switched its MMU on.
    """

    address: int
    virtual: int
    offset: int
    file_size: int
    memory_size: int


class ElfImage(NamedTuple):
    """What is to be loaded, and where it begins.

    ``entry`` is what the header says (an address as the program sees it), ``pvh_entry`` a
    GPA, None without such a note.
    """

    segments: tuple[LoadSegment, ...]
    entry: int
    pvh_entry: int | None


def read_elf(name: str, image: bytes | memoryview, machine: str) -> ElfImage:
    """The loadable segments and the entries of an executable for ``machine``.

    Raises OtherArchitecture, ImageTruncated or ImageUnsupported.
    """
    # Here, not above: only ELF guests need them, and they are slow to import.
    from io import BytesIO

    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        elf = ELFFile(BytesIO(_header_alone(image)))
    except (ELFError, UnicodeDecodeError) as error:
        raise ImageUnsupported(name, f"damaged ELF file: {error}") from error
    processor = str(elf["e_machine"])
    if processor not in _MACHINES[machine]:
        made_for = _PROCESSORS.get(processor, f"ELF machine {processor}")
        raise OtherArchitecture(name, made_for, machine)
    table = _program_header_table(
        name, image, elf["e_phoff"], elf["e_phnum"], elf.structs.Elf_Phdr.sizeof()
    )
    headers = [elf.structs.Elf_Phdr.parse(entry) for entry in table]
    pvh_entry = None
    segments = []
    for header in headers:
        if header["p_type"] not in ("PT_LOAD", "PT_NOTE"):
            continue
        segment = LoadSegment(
            header["p_paddr"],
            header["p_vaddr"],
            header["p_offset"],
            header["p_filesz"],
            header["p_memsz"],
        )
        _check_segment(name, segment, image)
        if header["p_type"] == "PT_NOTE":
            notes = memoryview(image)[segment.offset : segment.offset + segment.file_size]
            pvh_entry = pvh_entry or _pvh_entry(notes, header["p_align"])
        elif segment.memory_size:
            segments.append(segment)
    return ElfImage(tuple(segments), elf["e_entry"], pvh_entry)


def _header_alone(image: bytes | memoryview) -> bytearray:
    """The file's header as if there were no sections: a loader has no use for them, and
    damaged ones would still be followed.
    """
    header = bytearray(image[:_HEADER_SIZE])
    start, width, count = (0x28, 8, 0x3C) if header[4:5] == _CLASS_64 else (0x20, 4, 0x30)
    if len(header) == _HEADER_SIZE:
        header[start : start + width] = bytes(width)
        header[count : count + 4] = bytes(4)
    return header


def _program_header_table(
    name: str, image: bytes | memoryview, start: int, count: int, size: int
) -> list[bytes]:
    end = start + count * size
    if end > len(image):
        raise ImageTruncated(name, "the table of segments", end, len(image))
    return [bytes(image[at : at + size]) for at in range(start, end, size)]


def _check_segment(name: str, segment: LoadSegment, image: bytes | memoryview) -> None:
    end = segment.offset + segment.file_size
    if end > len(image):
        raise ImageTruncated(name, f"the segment for {segment.address:#x}", end, len(image))
    if segment.file_size > segment.memory_size:
        raise ImageUnsupported(
            name,
            f"damaged ELF file: the segment for {segment.address:#x} is larger in the "
            "file than in memory",
        )


def _pvh_entry(notes: memoryview, alignment: int) -> int | None:
    """The entry that a PHYS32_ENTRY note names, if it is there (4 or 8 bytes)."""
    align = 8 if alignment == 8 else 4
    position = 0
    while position + _NOTE_HEADER <= len(notes):
        name_size, value_size, kind = unpack_from("<III", notes, position)
        name_start = position + _NOTE_HEADER
        value_start = -(-(name_start + name_size) // align) * align
        value_end = value_start + value_size
        if value_end > len(notes):
            return None
        named_xen = notes[name_start : name_start + name_size] == _XEN_NAME
        if named_xen and kind == _XEN_ELFNOTE_PHYS32_ENTRY and value_size in (4, 8):
            return int.from_bytes(notes[value_start:value_end], "little")
        position = -(-value_end // align) * align
    return None
