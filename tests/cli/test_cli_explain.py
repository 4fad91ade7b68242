# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from passthru.cli.main import main
from passthru.diagnostics.errors import ExitStatus
from passthru.rules.registry import RULES


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["explain", *words])
    printed = capsys.readouterr()
    return status, printed.out, printed.err


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_finding_is_explained(capsys, rule):
    status, out, err = run(capsys, rule.id)
    assert (status, err) == (ExitStatus.OK, "")
    assert out.startswith(f"{rule.id}: {rule.severity.value}\n")
    flowing = " ".join(out.split())
    assert rule.summary in flowing
    assert rule.reason in flowing


def test_an_explanation_has_both_examples_and_the_finding(capsys):
    _, out, _ = run(capsys, "dma-status-conflict")
    wrong, says, repaired = (out.index(word) for word in ("Wrong:", " says:", "Repaired:"))
    assert wrong < says < repaired
    assert ",rwdn\n" in out[wrong:says]
    assert "    wrong.qvmconf:7:10: error: " in out[says:repaired]
    assert "[dma-status-conflict]" in out[says:repaired]
    assert ",rwn\n" in out[repaired:]


@pytest.mark.parametrize(
    ("rule_id", "command"),
    [
        ("bad-number", "passthru check wrong.qvmconf"),
        ("version-only", "passthru check --hypervisor qnx-7.0 wrong.qvmconf"),
        ("boot-image-missing", "passthru check --hypervisor kvm wrong.qvmconf"),
        ("iommu-group-split", "passthru run @wrong.qvmconf"),
    ],
)
def test_an_explanation_says_which_command_has_the_finding(capsys, rule_id, command):
    assert f"`{command}` says:" in run(capsys, rule_id)[1]


def test_an_explanation_as_json(capsys):
    status, out, _ = run(capsys, "iommu-group-split", "--format", "json")
    value = json.loads(out)
    assert status == ExitStatus.OK
    assert (value["version"], value["id"], value["severity"]) == (1, "iommu-group-split", "error")
    assert value["hypervisor"] is None
    assert "LPC bridge" in value["host"]
    assert "pci:0:31.2" in value["wrong"]
    assert "[iommu-group-split]" in value["finding"]
    assert "pci:0:3.0" in value["repaired"]
    assert value["summary"]
    assert value["reason"]


def test_without_an_id_all_findings_are_listed_by_subject(capsys):
    status, out, _ = run(capsys)
    assert status == ExitStatus.OK
    listed = [line.split()[0] for line in out.splitlines() if line.startswith("  ")]
    assert sorted(listed) == sorted(rule.id for rule in RULES)
    assert "\nPCI functions\n" in out


def test_the_list_as_json(capsys):
    _, out, _ = run(capsys, "--format", "json")
    rules = {each["id"]: each for each in json.loads(out)["rules"]}
    assert rules.keys() == {rule.id for rule in RULES}
    assert rules["pci-slot-taken"]["subject"] == "PCI functions"
    assert rules["pci-slot-taken"]["severity"] == "error"


@pytest.mark.parametrize("wrong", ["dma-status-mising", "DMA-STATUS-MISSING", "dma-status"])
def test_an_unknown_finding_names_the_nearest(capsys, wrong):
    status, out, err = run(capsys, wrong)
    assert (status, out) == (ExitStatus.USAGE, "")
    assert f"there is no finding `{wrong}`" in err
    assert "fix: passthru explain dma-status-missing\n" in err


def test_an_unknown_finding_like_no_other_points_to_the_list(capsys):
    status, out, err = run(capsys, "x\x1b[2Jyz")
    assert (status, out) == (ExitStatus.USAGE, "")
    assert "\x1b" not in err
    assert err.endswith("fix: passthru explain\n")


@pytest.mark.parametrize("words", [["a", "b"], ["--colour"], ["--format"], ["--format", "xml"]])
def test_wrong_usage(capsys, words):
    status, out, err = run(capsys, *words)
    assert (status, out) == (ExitStatus.USAGE, "")
    assert err


def test_help_says_what_it_does(capsys):
    status, out, _ = run(capsys, "--help")
    assert status == ExitStatus.OK
    assert out.startswith("usage: passthru explain")


def test_the_board_of_an_example_is_shown_before_it(capsys):
    assert main(["explain", "cpu-absent"]) == 0
    text = capsys.readouterr().out
    assert text.index("The board, board.dts:") < text.index("    /dts-v1/;") < text.index("Wrong:")
    assert "`passthru check --board board.dts wrong.qvmconf` says:" in text
    assert main(["explain", "--format", "json", "cpu-absent"]) == 0
    board = json.loads(capsys.readouterr().out)["board"]
    assert (board["name"], board["text"][:9]) == ("board.dts", "/dts-v1/;")
    main(["explain", "--format", "json", "unknown-option"])
    assert json.loads(capsys.readouterr().out)["board"] is None
