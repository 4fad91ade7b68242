# SPDX-License-Identifier: Apache-2.0
"""Real configurations and the reference page's examples: everything said about them is right."""

from pathlib import Path

import pytest

from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language import open_source, read
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*.qvmconf"))

QNX = [hypervisor for hypervisor in Hypervisor if hypervisor is not Hypervisor.KVM]

EXPECTED: dict[str, dict[str, str]] = {
    "38": {"peer-of-itself": "its network device has its own path as its peer"},
}
"""By the number of a file: each finding, and why it is right."""


def findings_of(source: Source, hypervisor: Hypervisor) -> list[tuple[str, Severity]]:
    result = read([source], environment={}, version=hypervisor.version)
    told = check_configuration(result.config, hypervisor, complete=result.complete)
    return [(finding.id, finding.severity) for finding in (*result.findings, *told)]


@pytest.mark.skipif(not FILES, reason="the corpus of real configurations is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_is_told_of_a_real_configuration(path: Path) -> None:
    found = findings_of(open_source(str(path)), Hypervisor.QNX_8_0)
    assert [identity for identity, _ in found] == list(EXPECTED.get(path.name[:2], {}))


@pytest.mark.skipif(not FILES, reason="the corpus of real configurations is not here")
@pytest.mark.parametrize("hypervisor", [Hypervisor.QNX_7_0, Hypervisor.QNX_7_1])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_an_older_hypervisor_adds_is_about_versions(
    path: Path, hypervisor: Hypervisor
) -> None:
    number = path.name[:2]
    told = {identity for identity, _ in findings_of(open_source(str(path)), hypervisor)}
    added = told - set(EXPECTED.get(number, {}))
    assert added <= {"version-only"}


@pytest.mark.skipif(not FILES, reason="the corpus of real configurations is not here")
def test_the_list_of_expected_findings_names_files_that_are_there() -> None:
    assert set(EXPECTED) <= {path.name[:2] for path in FILES}


REFERENCE_EXAMPLES = {
    # The 7.0 example, carried over: it lacks the length and the DMA status.
    "pass loc mem:0x2000,r=0x1000": ["missing-length", "dma-status-missing"],
    "pass loc io:4": [],
    "pass loc pci:0:12.0=pci:0x8086/0x1234": [],
    "pass\n    sched 67 intr gic:89": [],
    "pass\n    sched 44 loc pci:0:3.0": [],
    "acpi pass": [],
    "fdt pass": [],
    "guest pass": [],
    "initrd pass": [],
    "pass loc mem:0x2000,0x1000,rn=0x1000": [],
    # No `d` and no `n`: a blob counts as `n`. Without `ram` nothing shows that the prose's
    # addresses are the other way round.
    "initrd pass loc 0xB1234000,0x4000000,rc=0xB7654000": ["blob-without-dma"],
    # With the RAM that the prose has in mind they look swapped.
    "ram 0xB6000000,256M initrd pass loc 0xB1234000,0x4000000,rcn=0xB7654000": [
        "blob-looks-swapped"
    ],
    "ram 64m initrd load ./myinitrd.gz": [],
    "pass pci:0:14.0 pass pci:0:23.0": ["missing-loc-keyword", "missing-loc-keyword"],
    "pass loc pci:0:2.0=pci:0:2.0 \nvdev pci-dummy \n    clone pci:0:31.0": [],
}


@pytest.mark.shows("example-initrd-addresses", case="ram 0xB6000000,256M initrd pass")
@pytest.mark.shows("example-initrd-load-form", case="ram 64m initrd load")
@pytest.mark.shows("example-audio", case="pass pci:0:14.0")
@pytest.mark.parametrize("text", REFERENCE_EXAMPLES)
def test_what_is_told_of_the_references_examples(text: str) -> None:
    found = findings_of(Source("example", text), Hypervisor.QNX_8_0)
    assert [identity for identity, _ in found] == REFERENCE_EXAMPLES[text]


@pytest.mark.parametrize("hypervisor", QNX)
def test_the_documented_layout_of_an_x86_guest_is_right(hypervisor: Hypervisor) -> None:
    text = "ram 0,0xa0000 reserve loc 0xa0000,0x20000 rom 0xc0000,0x40000 ram 1m,1023m load x"
    assert findings_of(Source("example", text), hypervisor) == []


def test_the_documented_slip_in_an_x86_guest_is_found() -> None:
    text = "ram 0,0xa0000 ram 1m,1023 cpu load x"
    found = findings_of(Source("example", text), Hypervisor.QNX_8_0)
    assert found == [("memory-granularity", Severity.ERROR)]


def test_a_line_and_an_address_copied_from_an_example_are_found() -> None:
    """The history of one public project: a device's stanza was copied into a full guest."""
    text = (
        "ram 0x80000000,512M load x vdev virtio-net loc 0x1c0c0000 intr gic:40 "
        "pass loc 0x1f00050000,0x1000,rwn intr gic:44=150 "
        "vdev virtio-gpu loc 0x1c0c0000 intr gic:44"
    )
    found = findings_of(Source("example", text), Hypervisor.QNX_8_0)
    assert {identity for identity, _ in found} == {"address-overlap", "interrupt-claimed-twice"}


def test_memory_that_grew_over_a_passed_device_is_found() -> None:
    text = "ram 0x80000000,{} load x pass loc 0xfe204000,0x1000,rwn intr gic:150"
    for size, expected in (("512M", []), ("2G", [("address-overlap", Severity.ERROR)])):
        source = Source("example", text.format(size))
        assert findings_of(source, Hypervisor.QNX_8_0) == expected
