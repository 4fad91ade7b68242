# SPDX-License-Identifier: Apache-2.0
"""Words that `run` has nothing for: each is told once for a VM, refused, or done."""

from pathlib import Path

import pytest

from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language import open_source
from passthru.language.options import TOP_OPTIONS
from passthru.language.reader import read
from passthru.language.variables import SET_VARIABLES
from passthru.plan.without_effect import WORDS
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor

KVM = Hypervisor.KVM
X86 = "system guest ram 0,0xa0000 ram 0x100000,63m guest load kernel\n"
ARM = "system guest ram 0x80000000,64m guest load kernel vdev gic\n"

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*.qvmconf"))
SUBJECTS = ("logger", "unsupported", "cpu", "safety", "dump", "set")


def told(text: str, base: str = X86) -> list[tuple[str, str]]:
    result = read([Source("test", base + text)], environment={}, version=KVM.version)
    found = (*result.findings, *check_configuration(result.config, KVM))
    return [(finding.id, finding.message) for finding in found]


def test_all_of_a_vm_are_told_in_one_finding_that_names_their_lines() -> None:
    text = "set slog-buffer 8K\ndump /tmp\ncpu partition a\ncpu partition b\nset grow-heap 1M"
    ((rule, message),) = told(text)
    assert rule == "no-effect"
    assert "`set slog-buffer` (line 2) and `set grow-heap` (line 6) have no effect" in message
    assert "`cpu partition` (line 4) and `cpu partition` (line 5) have no effect" in message
    assert "`dump` (line 3) has no effect" in message


def test_of_several_texts_each_line_has_its_file() -> None:
    sources = [Source("a", X86 + "dump /tmp"), Source("b", "\nset grow-heap 1M")]
    result = read(sources, environment={}, version=KVM.version)
    (finding,) = check_configuration(result.config, KVM)
    assert "`dump` (line 2)" in finding.message
    assert "`set grow-heap` (b, line 2)" in finding.message


def test_a_text_with_thousands_of_them_has_a_short_finding() -> None:
    ((_, message),) = told("\nlogger info slog" * 5000)
    assert len(message) < 1000
    assert "and 4993 more have no effect" in message


@pytest.mark.parametrize(
    "text",
    [
        "logger fatal,error,info stdout logger debug stderr logger verbose none",
        "unsupported instruction fail unsupported reference ignore unsupported register fail",
        "safety none set exit-on-halt on set gic-hwassist yes set psci-supported auto",
        "set pointer-authentication off set debug TRUE set smmu-externally-managed on",
    ],
)
def test_of_what_holds_anyway_nothing_is_told(text) -> None:
    assert told(text) == []


def test_a_device_tree_is_written_and_generated_on_arm64() -> None:
    text = "fdt generate set fdt-dump-file /tmp/x.dtb"
    assert told(text, ARM) == []
    assert [rule for rule, _ in told(text)] == ["not-supported-by-run", "no-effect"]


def test_every_variable_of_the_language_has_its_place_in_the_table() -> None:
    done = {"smmu-externally-managed"}
    in_table = {name.removeprefix("set ") for name in WORDS if name.startswith("set ")}
    assert in_table == set(SET_VARIABLES) - done


def test_undocumented_options_are_refused() -> None:
    undocumented = [name for name, option in TOP_OPTIONS.items() if option.undocumented]
    assert undocumented
    for name in undocumented:
        assert [rule for rule, _ in told(f"{name} 1")] == ["not-supported-by-run"]


def test_other_hypervisors_hear_nothing_of_it() -> None:
    source = Source("test", X86 + "dump /tmp cpu sched 200")
    config = read([source], environment={}).config
    assert check_configuration(config, Hypervisor.QNX_8_0) == ()


@pytest.mark.skipif(not FILES, reason="the corpus of real configurations is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_real_configuration_is_refused_for_such_a_word(path: Path) -> None:
    result = read([open_source(str(path))], environment={}, version=KVM.version)
    found = (*result.findings, *check_configuration(result.config, KVM, complete=result.complete))
    errors = [each for each in found if each.severity is Severity.ERROR and each.span]
    lines = [each.span.source.line_text(each.span.line).split() for each in errors]
    assert [line for line in lines if line[0] in SUBJECTS] == []
    assert "version-only" not in {each.id for each in found}


@pytest.mark.skipif(not FILES, reason="the corpus of real configurations is not here")
def test_real_configurations_have_such_words() -> None:
    first_words = {
        line.split()[0] for path in FILES for line in path.read_text().splitlines() if line.strip()
    }
    assert {"logger", "unsupported", "cpu", "set"} <= first_words
