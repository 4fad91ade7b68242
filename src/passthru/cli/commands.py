# SPDX-License-Identifier: Apache-2.0
"""The whole command line as one table.

Most commands read their arguments by it, and the completions of all shells are made from it.
"""

from passthru.cli.command_line import Command, Flag, Takes

__all__ = [
    "BOARD",
    "CHECK",
    "COMMANDS",
    "COMPLETION",
    "EXPLAIN",
    "FDT",
    "FMT",
    "GET",
    "HYPERVISORS",
    "MAP",
    "OPTIONS",
    "PLAN",
    "SHELLS",
]

HYPERVISORS = ("qnx-7.0", "qnx-7.1", "qnx-8.0", "kvm")
SHELLS = ("bash", "zsh", "fish")

_BOARD = Flag("--board", "the host, from any description of it", Takes.FILE)
_TEXT_OR_JSON = Flag("--format", "how the answer is printed", Takes.CHOICE, ("text", "json"))

CHECK = Command(
    "check",
    "what is wrong in configurations, and the fix",
    (
        _BOARD,
        Flag("--hypervisor", "who will read them", Takes.CHOICE, HYPERVISORS),
        Flag("--format", "how findings are printed", Takes.CHOICE, ("text", "json", "sarif")),
        Flag("--allow", "leave these findings out", Takes.RULE),
        Flag("--fix", "carry out the fixes that are certain"),
        Flag("--from-buildfile", "check the configurations inside a buildfile", Takes.FILE),
    ),
    (Takes.FILE,),
)

PLAN = Command(
    "plan",
    "what becomes of a configuration on a host",
    (
        _BOARD,
        Flag("--hypervisor", "who runs the VMs", Takes.CHOICE, HYPERVISORS),
        _TEXT_OR_JSON,
    ),
    (Takes.FILE,),
)

FMT = Command(
    "fmt",
    "the same configurations in one layout",
    (
        Flag("--check", "write nothing, name the files that differ"),
        Flag("--diff", "write nothing, show the differences"),
    ),
    (Takes.FILE,),
)

EXPLAIN = Command(
    "explain",
    "a finding: its reason, an example, the repair",
    (_TEXT_OR_JSON,),
    (Takes.RULE,),
)

GET = Command(
    "get",
    "a value of a configuration",
    (_TEXT_OR_JSON,),
    (Takes.FILE, Takes.QUERY, Takes.QUERY_PART),
)

OPTIONS = Command(
    "options",
    "the options of the language",
    (_TEXT_OR_JSON,),
    (Takes.OPTION,),
)

BOARD = Command(
    "board",
    "a host as a file, for checks elsewhere",
    (
        Flag("--output", "the file that the board is written to", Takes.FILE),
        Flag("--raw", "an empty directory for copies of what was read", Takes.DIRECTORY),
        Flag("--qnx", "the files are texts of QNX's own tools"),
        Flag("--live", "this host instead of a file"),
        _TEXT_OR_JSON,
    ),
    (Takes.CHOICE, Takes.FILE),
    ("capture", "import", "show"),
)

MAP = Command(
    "map",
    "guests beside their host, as a picture",
    (
        _BOARD,
        Flag("--hypervisor", "who runs the VMs", Takes.CHOICE, HYPERVISORS),
        Flag("--output", "the SVG or HTML file that is written", Takes.FILE),
    ),
    (Takes.FILE,),
)

FDT = Command(
    "fdt",
    "the device tree that a guest needs",
    (
        Flag("--board", "the host's device tree", Takes.FILE),
        Flag("--output", "the blob (.dtb) or source (.dts) that is written", Takes.FILE),
    ),
    (Takes.FILE,),
)

COMPLETION = Command(
    "completion",
    "completions for a shell",
    (),
    (Takes.CHOICE,),
    SHELLS,
)

COMMANDS = (
    CHECK,
    PLAN,
    FMT,
    EXPLAIN,
    GET,
    OPTIONS,
    Command(
        "run",
        "run a VM, as qvm takes it",
        (
            Flag("--plan", "show what would be done, and stop"),
            Flag("--hugepages", "guest RAM from the host's huge pages"),
            Flag("--without", "leave out a type of virtual devices", Takes.TEXT),
        ),
        (Takes.AT_FILE,),
    ),
    Command(
        "bench",
        "virtual hosts, without hardware",
        (
            Flag("--board", "the virtual board", Takes.TEXT),
            Flag("--silence", "seconds without output after which to give up", Takes.TEXT),
        ),
        (Takes.CHOICE, Takes.FILE),
        ("list", "run", "shell", "demo", "guest"),
    ),
    BOARD,
    MAP,
    FDT,
    COMPLETION,
)
"""Every command; each also takes ``--help``."""
