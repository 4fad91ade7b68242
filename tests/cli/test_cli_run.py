# SPDX-License-Identifier: Apache-2.0
"""`passthru run` up to the machine: what it refuses, and what it imports to say nothing."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from passthru.board.clusters import read_clusters
from passthru.board.host_files import HostFiles
from passthru.board.linux import read_board_without_resources
from passthru.cli import run
from passthru.cli.main import main
from passthru.diagnostics.errors import ExitStatus

CLEAN = (
    "system quick ram 0,640k rom 0xffff0000,64k cpu\n"
    "load 0xffff0000,image\n"
    "vdev ioapic loc 0xfec00000 intr apic name chip\n"
    "vdev ser8250 loc 0x3f8 intr chip:4 hostdev >-\n"
)

SLOW_TO_IMPORT = {
    "argparse",
    "ast",
    "collections",
    "contextlib",
    "dataclasses",
    "difflib",
    "enum",
    "functools",
    "inspect",
    "json",
    "logging",
    "pathlib",
    "re",
    "subprocess",
    "tempfile",
    "textwrap",
    "tomllib",
    "typing",
}
"""Each of these, with what it imports itself, takes a tenth of the start or more."""

NOT_FOR_A_CLEAN_GUEST = {
    "passthru.board.memory_map",
    "passthru.board.pci",
    "passthru.language.pci",
    "passthru.language.spelling",
    "passthru.language.substitution",
    "passthru.language.values",
    "passthru.language.variables",
    "passthru.plan.bars",
    "passthru.plan.functions",
    "passthru.plan.variables",
    "passthru.plan.verdicts",
    "passthru.report.text",
    "passthru.rules.dma",
    "passthru.rules.host_functions",
    "passthru.rules.host_memory",
    "passthru.rules.registry",
}

MOST_MODULES = 46
"""Of our own, up to the machine; each costs about an eighth of a millisecond."""

READ_AND_PLAN = """
import sys
from pathlib import Path
at_birth = set(sys.modules)
from passthru.cli import main, run
run._start = lambda *arguments, **options: 0  # all but the machine
status = main.main(["run", *sys.argv[1:]])
print(*sorted(set(sys.modules) - at_birth))
sys.exit(status)
"""


@pytest.fixture
def configuration(tmp_path):
    def write(text):
        path = tmp_path / "guest.qvmconf"
        path.write_text(text)
        return f"@{path}"

    return write


def test_a_clean_guest_loads_no_module_that_it_does_not_need(configuration):
    command = [sys.executable, "-c", READ_AND_PLAN, configuration(CLEAN)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert run.stderr == ""
    assert loaded & SLOW_TO_IMPORT == set()
    assert loaded & NOT_FOR_A_CLEAN_GUEST == set()
    assert "passthru.rules.guest_map" in loaded, "nothing was checked"
    assert len([name for name in loaded if name.startswith("passthru")]) <= MOST_MODULES


def test_a_plan_is_shown_and_nothing_is_started(configuration, capsys):
    assert main(["run", "--plan", configuration(CLEAN)]) == 0
    shown = capsys.readouterr()
    assert "VM quick: 1 virtual processor" in shown.out
    assert shown.err == ""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (CLEAN.replace("image", "@IMAGE@"), "error: the template's marker `@IMAGE@`"),
        (CLEAN + "ram $asinfo_start{sysram},1m", "error: `$asinfo_start{sysram}` is no memory"),
        (CLEAN + "ram $env{NOT_SET_ANYWHERE},1m", "export NOT_SET_ANYWHERE="),
        (CLEAN + "vdef ser8250", "the nearest is `vdev`"),
        (CLEAN + "ram 0,1m", "[address-overlap]"),
    ],
)
def test_a_wrong_or_unknown_configuration_is_not_run(configuration, capsys, text, says):
    for flags in (["--plan"], []):
        assert main(["run", *flags, configuration(text)]) == 65
        assert says in capsys.readouterr().err


def test_more_ram_than_the_host_has_is_refused(configuration, capsys, monkeypatch):
    def read_board(files):
        return read_board_without_resources(files)._replace(total_ram=(704 << 10) + 4096)

    monkeypatch.setattr(run, "read_board_without_resources", read_board)
    monkeypatch.setattr(run, "_start", lambda *arguments, **options: 0)
    assert main(["run", configuration(f"{CLEAN} ram 16m,8k")]) == 65
    told = capsys.readouterr().err
    assert "1 MiB are wanted in all, and the host allocates from 1 MiB" in told
    assert "ram 16m,8k" in told
    assert main(["run", configuration(f"{CLEAN} ram 16m,4k")]) == 0


def test_an_unknown_value_is_told_as_what_keeps_the_guest_from_starting(configuration, capsys):
    main(["run", configuration(CLEAN.replace("image", "@IMAGE@"))])
    assert "A VM is started only if all of its configuration is known." in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys):
    assert main(["run", "@/nowhere/guest.qvmconf"]) == 64
    assert "/nowhere/guest.qvmconf" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--wrong", "x"]])
def test_wrong_usage_shows_the_usage(capsys, words):
    assert main(["run", *words]) == 2
    assert "usage: passthru run" in capsys.readouterr().err


VIRTIO = CLEAN + "vdev virtio-blk loc 0x1c0c0000 intr chip:5\nvdev vdev-shmem.so loc 0x1c0d0000\n"


@pytest.fixture
def started(monkeypatch):
    """The types of virtual devices of every configuration that was started."""
    starts = []

    def start(plan, config, board, tree, *, hugepages):
        starts.append([vdev.type for vdev in config.vdevs])
        return 0

    monkeypatch.setattr("passthru.cli.run._start", start)
    return starts


def test_a_device_that_run_does_not_have_is_refused_with_the_way_to_go_without(
    configuration, capsys, started
):
    assert main(["run", configuration(VIRTIO)]) == 65
    told = capsys.readouterr().err
    assert "fix: passthru run --without virtio-blk, or remove the vdev" in told
    assert "fix: passthru run --without shmem, or remove the vdev" in told
    assert started == []


@pytest.mark.parametrize(
    "words",
    [
        ["--without", "virtio-blk", "--without", "shmem"],
        ["--without=vdev-virtio-blk.so", "--without=shmem"],
    ],
)
def test_what_is_left_out_by_name_is_told_and_the_rest_starts(
    configuration, capsys, started, words
):
    place = configuration(VIRTIO)
    assert main(["run", *words, place]) == 0
    assert started == [["ioapic", "ser8250"]]
    assert capsys.readouterr().err == (
        f"passthru: [{place[1:]}:5] `vdev virtio-blk` is left out of this run\n"
        f"passthru: [{place[1:]}:6] `vdev shmem` is left out of this run\n"
    )


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (["--without", "virtio-blk"], 65, "run has no `vdev shmem`"),
        (["--without", "ser8250"], 2, "--without ser8250: run has `vdev ser8250`"),
        (["--without", "virtio-net"], 2, "those that run does not have are virtio-blk, shmem"),
        (["--without"], 2, "usage: passthru run"),
        (["--without="], 2, "usage: passthru run"),
    ],
)
def test_what_leaves_nothing_out_is_an_error(configuration, capsys, started, words, status, says):
    assert main(["run", configuration(VIRTIO), *words]) == status
    assert says in capsys.readouterr().err
    assert started == []


def test_where_run_has_all_devices_none_can_be_left_out(configuration, capsys):
    assert main(["run", "--without", "hpet", configuration(CLEAN)]) == 2
    told = capsys.readouterr().err
    assert "no `vdev hpet` is in the configuration; run has all that are" in told
    assert "fix: remove `--without hpet`" in told


def test_a_plan_is_shown_without_them(configuration, capsys):
    words = ["--plan", "--without", "virtio-blk", "--without", "shmem"]
    assert main(["run", *words, configuration(VIRTIO)]) == 0
    assert "virtio" not in capsys.readouterr().out


WORDS = CLEAN.replace("cpu\n", "cpu sched 20f runmask 0\nset slog-buffer 8K\ndump /tmp\n")


def test_check_plan_and_run_say_the_same_of_words_without_effect(configuration, capsys, started):
    place = configuration(WORDS)
    said = []
    for command, status in (
        (["check", "--hypervisor", "kvm", place[1:]], 0),
        (["plan", "--hypervisor", "kvm", place[1:]], 0),
        (["run", "--plan", place], 0),
        (["run", place], 0),
    ):
        assert main(command) == status
        shown = capsys.readouterr()
        lines = (shown.out + shown.err).splitlines()
        said.append([line for line in lines if "[no-effect]" in line])
    assert len(said[0]) == 1
    assert "`set slog-buffer` (line 2) has no effect" in said[0][0]
    assert "`dump` (line 3) has no effect" in said[0][0]
    assert all(each == said[0] for each in said)


def test_a_plan_of_this_host_has_the_threads_of_virtual_processors(configuration, capsys):
    assert main(["run", "--plan", configuration(WORDS)]) == 0
    assert (
        "for the thread of virtual processor 0: keep it on the host's processor 0 and schedule "
        "it by SCHED_FIFO, priority 20"
    ) in " ".join(capsys.readouterr().out.split())


def test_a_processor_that_this_host_lacks_keeps_the_guest_from_starting(
    configuration, capsys, started
):
    for binding in ("runmask 65535", "cluster _cpu-65535", "cluster no-such"):
        assert main(["run", configuration(CLEAN.replace("cpu\n", f"cpu {binding}\n"))]) == 65
        assert "[cpu-absent]" in capsys.readouterr().err
    assert started == []


def test_a_cluster_of_this_host_is_known(configuration, capsys, started):
    clusters = read_clusters(HostFiles())
    if not clusters:
        pytest.skip("this host's sysfs names no clusters")
    text = CLEAN.replace("cpu\n", f"cpu cluster {clusters[0].name}\n")
    assert main(["run", configuration(text)]) == 0
    assert len(started) == 1


def test_the_help_and_the_readme_tell_every_exit_status_alike(capsys):
    assert main(["run", "--help"]) == 0
    told = dict(re.findall(r"^ +(\d+)  (.*)$", capsys.readouterr().out, re.MULTILINE))
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert told == dict(re.findall(r"^\| (\d+) \| (.*) \|$", readme, re.MULTILINE))
    assert sorted(map(int, told)) == sorted(ExitStatus)
