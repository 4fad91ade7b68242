# SPDX-License-Identifier: Apache-2.0
"""What a text leaves to the language: places of devices, memory known on the target, no text."""

import pytest

from passthru.cli.main import main
from passthru.diagnostics.source import Source
from passthru.language.reader import ReadResult, read
from passthru.language.words import is_text
from passthru.plan.planner import plan_vm
from sample_board import BOARD

PIC = "vdev ioapic loc 0xf8000000 intr apic name p\n"


def of(text: str) -> ReadResult:
    return read([Source("a", text)], environment={})


def ids(text: str) -> list[str]:
    return [finding.id for finding in of(text).findings]


@pytest.mark.parametrize(
    "text", ["vdev ser8250 intr p:4", "vdev ser8250", "vdev ser8250 hostdev >-"]
)
def test_a_serial_port_without_a_place_is_com1(text: str) -> None:
    (vdev,) = of(PIC + text).config.vdevs[1:]
    assert [(each.ports.start, each.ports.size) for each in vdev.locations] == [(0x3F8, 1)]
    assert [(each.controller, each.line) for each in vdev.interrupts] == [("p", 4)]
    plan = plan_vm(of(f"ram 0,640k load boot {PIC}{text}").config, BOARD).plan
    assert plan is not None
    assert [(port.port, port.gsi) for port in plan.serial_ports] == [(0x3F8, 4)]


@pytest.mark.parametrize(
    ("text", "place", "line"),
    [
        (PIC + "vdev ser8250 loc 0x2f8", 0x2F8, None),
        (PIC + "vdev ser8250 loc 0x3f8", 0x3F8, 4),
        (PIC + "vdev ser8250 intr p:3", 0x3F8, 3),
        # No controller is known that it could be at.
        ("vdev ser8250", 0x3F8, None),
    ],
)
def test_what_is_written_counts(text: str, place: int, line: int | None) -> None:
    vdev = of(text).config.vdevs[-1]
    assert [each.ports.start for each in vdev.locations] == [place]
    assert [each.line for each in vdev.interrupts] == ([] if line is None else [line])


def test_a_place_that_cannot_be_read_is_not_replaced() -> None:
    vdev = of(PIC + "vdev ser8250 loc 0x3g8 intr p:4").config.vdevs[-1]
    assert vdev.locations == ()


def test_the_watchdog_has_a_place() -> None:
    (vdev,) = of("vdev wdt-sp805 action dump,terminate frequency 1000").config.vdevs
    assert [each.guest.start for each in vdev.locations] == [0x1C0F0000]
    assert (vdev.values("action"), vdev.values("frequency")) == (("dump,terminate",), ("1000",))


@pytest.mark.parametrize("device", ["virtio-net", "virtio-blk", "virtio-console", "virtio-entropy"])
def test_legacy_leaves_the_next_word_alone(device: str) -> None:
    (vdev,) = of(f"vdev {device} loc 0x1c0b0000 intr gic:39 legacy name n").config.vdevs
    assert vdev.name is not None
    assert [(each.name, each.value) for each in vdev.options] == [("legacy", None)]


UNKNOWN = "pass loc mem:$asinfo_start{{m}},$asinfo_length{{m}},{} load x"


@pytest.mark.parametrize("letters", ["m", "rwcxm", "m-x", "rw+m", "$env{LETTERS}"])
def test_memory_whose_place_the_target_knows_can_be_loaded_to(letters: str) -> None:
    assert "option-order" not in ids(UNKNOWN.format(letters))
    assert "option-order" not in ids(f"pass loc 0x80000000,$asinfo_length{{m}},{letters} load x")


@pytest.mark.parametrize("letters", ["rwn", "m-m", "rw", "rn=0x1000"])
def test_other_passes_are_no_memory_to_load_to(letters: str) -> None:
    assert "option-order" in ids(UNKNOWN.format(letters))


@pytest.mark.parametrize("option", ["ram $env{SIZE}", "rom 0,$asinfo_length{m}"])
def test_memory_of_an_unknown_size_is_memory(option: str) -> None:
    assert "option-order" not in ids(f"{option} load x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "system a # \udcfcber\nram 64M\n",
        "\ufeffsystem a",
        "# " + "\u4e00" * 50,
        "cpu # caf\ufffd, as it was saved",
        "cpu\x1a\n",
    ],
)
def test_text(text: str) -> None:
    assert is_text(text)
    assert "not-text" not in ids(text)


@pytest.mark.parametrize(
    "data",
    [
        "system a\nram 64M\n".encode("utf-16"),
        "system a\nram 64M\n".encode("utf-16-le"),
        "system a\nram 64M\n".encode("utf-32"),
        b"\x7fELF\x02\x01\x01" + bytes(9),
        b"system a\nram 64M\0\n",
        bytes(range(128, 256)) * 4 + b"\n" * 100,
    ],
)
def test_one_finding_for_what_is_no_text(
    data: bytes, tmp_path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert ids(text) == ["not-text"]
    assert ids(f"{text}\n" * 3) == ["not-text"]
    file = tmp_path / "guest.qvmconf"
    file.write_bytes(data)
    assert main(["check", str(file)]) == 65
    assert capsys.readouterr().out.count("[not-text]") == 1
    assert main(["run", f"@{file}"]) == 65
    assert capsys.readouterr().err.count(": error: ") == 1
    assert main(["get", str(file), "ram"]) == 65
    assert main(["fmt", str(file)]) == 64
    assert "not text in UTF-8" in capsys.readouterr().err
    assert file.read_bytes() == data


def test_the_other_files_of_a_command_line_are_read() -> None:
    sources = [Source("a", "\0"), Source("b", "ram 64M load x vdev acme")]
    result = read(sources, environment={})
    assert [finding.id for finding in result.findings] == ["not-text"]
    assert not result.complete
    assert [vdev.type for vdev in result.config.vdevs] == ["acme"]
