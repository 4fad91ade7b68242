# SPDX-License-Identifier: Apache-2.0
"""The fuzz target runs without its fuzzer, over a few inputs that are hard on a reader."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

NASTY = (
    b"vdev pl011 raw x",
    b"",
    b"\n\n#",
    b"\xef\xbb\xbfsystem bom",
    b"\x00system a\x00b \x1b[2J",
    b'\xff\xfe ram \x80,1m "\xed\xa0\x80',
    b'cmdline "a\\\nb\\"c" cmdline "never closed\r\nram 1m',
    b'"" """ #" \\\n\\',
    b"ram ram ram,,,=,=0x 0d K,M",
    b"ram 99999999999999999999999999999999,999999999999999999999G",
    b"pass loc mem:,,,= loc pci:::::.....=pci:/ loc io:-1,0 intr :::,u=u intr ,,,",
    b"pass loc 0xffffffffffffffff,0xffffffffffffffff,m-rwxcstn+++---=0xffffffffffffffff",
    b"$env{HOST_DEV}$env{QUOTED}$env{}$env{$env{A}}$asinfo_start{a}@A@@B@",
    b"vdev vdev vdev-.so loc loc intr a:b name : vdev /// set set set",
    b"acpi data fdt guest initrd raw acpi pass acpi load acpi generate fdt",
    b"cpu sched 1 cluster x runmask 0,, " * 20,
    b"pass addr=1,host=,size= pass interrupt= system name= ram addr= size=",
    b"[+script] a = { ram 1m \\} } b.qvmconf={ system x { } c = { d.qvmconf = {",
    b"# passthru: allow , x, unknown-option\nfoo # passthru: allow\n",
    "ram\u00a01m\u2028cpu\u0085ram \u0661m,\u00b2m \u202e".encode(),
    b"(" * 5000 + b'"' * 5001,
)


def load_target():
    spec = importlib.util.spec_from_file_location("reader_target", ROOT / "fuzz/reader_target.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TARGET = load_target()


@pytest.mark.parametrize("data", NASTY, ids=lambda data: repr(data[:20]))
def test_nothing_nasty_breaks_the_reader(data):
    TARGET.examine(data)


def test_the_seeds_pass_and_are_all_there(tmp_path):
    TARGET.write_seeds(tmp_path)
    seeds = sorted(tmp_path.iterdir())
    assert len(seeds) == 2 * len(TARGET.KNOWN_IDS)
    for seed in seeds:
        TARGET.examine(seed.read_bytes())


def test_the_dictionary_has_the_words_of_the_language(tmp_path):
    TARGET.write_dictionary(tmp_path / "words")
    lines = (tmp_path / "words").read_text().splitlines()
    assert {'"pass"', '"virtio-net "', '"gic-hwassist"', '"initrd"', '"runmask"'} <= set(lines)


def test_a_wrong_place_is_noticed(monkeypatch):
    source_start = TARGET.read

    def misplaced(sources, **named):
        result = source_start(sources, **named)
        moved = tuple(f._replace(span=f.span._replace(end=999)) for f in result.findings)
        return result._replace(findings=moved)

    monkeypatch.setattr(TARGET, "read", misplaced)
    with pytest.raises(AssertionError):
        TARGET.examine(b"systme a")


def test_a_lost_word_is_noticed(monkeypatch):
    monkeypatch.setattr(TARGET, "format_text", lambda source: source.text.replace("cpu", ""))
    with pytest.raises(AssertionError):
        TARGET.examine(b"system a\ncpu\n")
