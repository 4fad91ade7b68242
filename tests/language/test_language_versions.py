# SPDX-License-Identifier: Apache-2.0
"""What the versions of the hypervisor have, and what is told about the rest."""

import doctest

import pytest

import passthru.language
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.options import ALL_VERSIONS, CONTEXT_OPTIONS, EVERY_VERSION, TOP_OPTIONS
from passthru.language.variables import SET_VARIABLES
from passthru.language.vdevs import VDEV_TYPES


def read_text(text, version):
    return read([Source("a", text)], environment={}, version=version)


# a text, what of it is not everywhere, the versions that have it

FORMS = [
    ("cpu cluster _all", "cluster", "8.0"),
    ("cpu runmask 1,2", "runmask", "7.0 7.1"),
    ("cpu partition p", "partition", "7.0 7.1"),
    ("cpu sched 10", "", "7.0 7.1 8.0"),
    ("pass sched 44 loc pci:0:3.0", "sched", "8.0"),
    ("safety warn", "safety", "7.1"),
    ("fdt generate", "generate", "8.0"),
    ("logger error none", "none", "7.1 8.0"),
    ("logger error slog", "", "7.0 7.1 8.0"),
    ("safety none", "safety", "7.1"),
    ("pass intr gic:4", "", "7.0 7.1 8.0"),
    ("pass intr gic:4,t", "t", "7.1"),
    ("pass intr gic:4,u=9", "u", "7.1 8.0"),
    ("pass loc pci:0x8086/0x1234", "", "7.0 7.1 8.0"),
    ("pass loc pci:0x8086/0x1234/1", "pci:0x8086/0x1234/1", "7.0 7.1"),
    ("pass loc pci:0:2.0", "", "7.0 7.1 8.0"),
    ("pass loc pci:0:2.0=pci:0x8086/0x1234", "", "7.0 7.1 8.0"),
    ("pass loc pci:0:2.0=pci:0:3.0", "pci:0:2.0=pci:0:3.0", "7.1 8.0"),
    ("set smmu-externally-managed on", "smmu-externally-managed", "8.0"),
    ("set slog-buffer 4K", "slog-buffer", "7.0 7.1"),
    ("set grow-heap 4K", "grow-heap", "7.0 7.1"),
    ("set gic-hwassist on", "gic-hwassist", "7.1"),
    ("set vdev-message-block-timeout 5", "vdev-message-block-timeout", "7.1"),
    ("set counter-offset 0", "counter-offset", "8.0"),
    ("set fdt-dump-file /tmp/x", "fdt-dump-file", "7.1 8.0"),
    ("set exit-on-halt on", "", "7.0 7.1 8.0"),
    ("vdev virtio-net peerfeats 0x1", "peerfeats", "8.0"),
    ("vdev virtio-net bind-mode 1", "bind-mode", "7.1"),
    ("vdev hpet intrmap 1", "intrmap", "7.0"),
]


@pytest.mark.parametrize("version", ALL_VERSIONS)
@pytest.mark.parametrize(("text", "place", "versions"), FORMS)
def test_what_a_version_does_not_have_is_told_and_read(text, place, versions, version):
    result = read_text(text, version)
    expected = [] if version in versions.split() else [("version-only", place)]
    assert [(finding.id, finding.span.text) for finding in result.findings] == expected
    assert result.complete
    for finding in result.findings:
        assert finding.severity is Severity.WARNING
        assert f"QNX Hypervisor {version} does not have" in finding.message
        assert all(version in finding.message for version in versions.split())


@pytest.mark.parametrize("text", [text for text, *_ in FORMS])
def test_run_takes_the_words_of_every_version(text):
    assert read_text(text, EVERY_VERSION).findings == ()


def test_a_missing_length_is_right_in_7_0_only():
    text = "pass loc mem:0x2000,r=0x1000"
    told = {version: [f.id for f in read_text(text, version).findings] for version in ALL_VERSIONS}
    assert told == {"7.0": [], "7.1": ["missing-length"], "8.0": ["missing-length"]}
    location = read_text(text, "7.0").config.passes[0].locations[0]
    assert (location.guest.size, location.host.start) == (0x1000, 0x1000)


@pytest.mark.parametrize(
    ("text", "version", "fix", "repaired"),
    [
        ("cpu cluster _cpu-3", "7.1", "runmask 3", "cpu runmask 3"),
        ("cpu runmask 3", "8.0", "cluster _cpu-3", "cpu cluster _cpu-3"),
        ("pass intr gic:4,t=9", "8.0", "leave `,t` out", "pass intr gic:4=9"),
    ],
)
def test_where_another_form_is_the_same_it_is_the_fix(text, version, fix, repaired):
    (finding,) = read_text(text, version).findings
    ((span, new),) = finding.edits
    assert finding.fix == fix
    assert text[: span.start] + new + text[span.end :] == repaired
    assert read_text(repaired, version).findings == ()


def test_what_has_no_equal_keeps_its_text():
    for text, version in [("cpu cluster fast", "7.1"), ("pass intr gic:4,t", "7.0")]:
        (finding,) = read_text(text, version).findings
        assert finding.edits == ()
        assert finding.fix


def test_every_row_that_is_not_in_all_versions_is_in_the_table_of_forms():
    rows = [
        *TOP_OPTIONS.values(),
        *(option for options in CONTEXT_OPTIONS.values() for option in options.values()),
        *(option for vdev in VDEV_TYPES.values() for option in vdev.options.values()),
    ]
    tried = {word for text, *_ in FORMS for word in text.split()}
    assert {row.name for row in rows if row.versions != ALL_VERSIONS} <= tried
    assert all(
        read_text(f"set {variable.name} 1", version).findings
        for variable in SET_VARIABLES.values()
        for version in set(ALL_VERSIONS) - set(variable.versions)
    )


def test_the_example_of_the_package_is_right():
    assert doctest.testmod(passthru.language).attempted > 5
    assert doctest.testmod(passthru.language).failed == 0
