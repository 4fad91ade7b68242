# SPDX-License-Identifier: Apache-2.0
"""What is found in the examples of the rules, and the hosts on which some of it comes up."""

import subprocess
from itertools import chain
from typing import NamedTuple

from passthru.addresses import AddressRange
from passthru.board.load import load_board
from passthru.board.model import BarKind, Board, HostRegion
from passthru.cli.checking import check_together, examine_source
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.language.suppression import without_allowed
from passthru.plan.planner import plan_vm
from passthru.report.explanation import Example, board_path, example_of
from passthru.report.text import findings_as_text
from passthru.rules.check import check
from passthru.rules.guest_tree import guest_tree_disagrees
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.registry import RULES
from sample_board import BOARD, NET, NVME, UNBOUND, bar, function, with_functions


class Hosts(NamedTuple):
    """The host of the wrong example, and that of the repaired one."""

    wrong: Board = BOARD
    repaired: Board = BOARD


def _abilities(**changes: object) -> Board:
    return BOARD._replace(abilities=BOARD.abilities._replace(**changes))


def _with_window(window: HostRegion) -> Board:
    groups = tuple(group._replace(reserved=(window,)) for group in BOARD.iommu_groups)
    return BOARD._replace(iommu_groups=groups)


_NO_IOMMU = with_functions(NVME._replace(iommu_group=None))
_ONE_GIBIBYTE = bar(0, BarKind.MEMORY32, 0x80000000, 0x40000000)
_LARGE_BAR = with_functions(function("0000:00:03.0", (0x1234, 0x11E9), _ONE_GIBIBYTE, group=3))
_FIRMWARE_WINDOW = _with_window(HostRegion(AddressRange(0x7B000000, 0x1000000), "direct"))
_WITH_IOMMU = BOARD._replace(
    infrastructure=(HostRegion(AddressRange(0xFED90000, 0x1000), "IOMMU dmar0"),)
)
HOSTS = {
    "dma-device-declared-harmless": Hosts(),
    "dma-manager-missing": Hosts(
        _NO_IOMMU._replace(abilities=BOARD.abilities._replace(iommu=False))
    ),
    "pci-not-found": Hosts(),
    "pci-ambiguous": Hosts(),
    "pci-is-bridge": Hosts(),
    "bar-does-not-fit": Hosts(_LARGE_BAR, _LARGE_BAR),
    "pci-support-missing": Hosts(_abilities(vfio_pci=False)),
    "host-driver-active": Hosts(BOARD, with_functions(NET._replace(driver="vfio-pci"))),
    "vfio-driver-missing": Hosts(BOARD, with_functions(UNBOUND._replace(driver="vfio-pci"))),
    "iommu-group-split": Hosts(),
    "iova-reserved": Hosts(_FIRMWARE_WINDOW, _FIRMWARE_WINDOW),
    "memory-lock-limit": Hosts(
        _abilities(locked_memory_limit=64 << 20), _abilities(locked_memory_limit=1 << 30)
    ),
    "host-infrastructure": Hosts(_WITH_IOMMU, _WITH_IOMMU),
    "host-memory-unknown": Hosts(BOARD._replace(memory=(), allocated=(), reserved=())),
    "host-memory-in-use": Hosts(),
    "host-memory-absent": Hosts(),
    "host-memory-not-zeroed": Hosts(),
    "access-not-enforceable": Hosts(),
}
"""The hosts of the examples that say `# host:`; the others need none."""


class Examined(NamedTuple):
    """Everything that is found in the two configurations of an example."""

    example: Example
    wrong: tuple[Finding, ...]
    repaired: tuple[Finding, ...]

    @property
    def finding_text(self) -> str:
        """What is printed about the wrong one."""
        return findings_as_text(self.wrong)


def examine(rule: Rule) -> Examined:
    """Check the example of the rule as `check` does, or on its hosts as `run` does."""
    example = example_of(rule)
    wrong = Source("wrong.qvmconf", example.wrong)
    repaired = Source("repaired.qvmconf", example.repaired)
    if rule.id in HOSTS:
        hosts = HOSTS[rule.id]
        return Examined(example, _found_on(hosts.wrong, wrong), _found_on(hosts.repaired, repaired))
    hypervisor = Hypervisor(example.hypervisor or Hypervisor.QNX_8_0.value)
    path = board_path(rule)
    board = load_board(str(path)) if path else None
    if example.tree is not None:
        return Examined(
            example, _found_with(example.tree, wrong), _found_with(example.tree, repaired)
        )
    others = [Source("other.qvmconf", example.other)] if example.other is not None else []
    return Examined(
        example,
        _found([*others, wrong], hypervisor, board),
        _found([*others, repaired], hypervisor, board),
    )


def _found(
    sources: list[Source], hypervisor: Hypervisor, board: Board | None
) -> tuple[Finding, ...]:
    alone = [examine_source(source, hypervisor, board) for source in sources]
    found = [finding for each in check_together(alone, board) for finding in each.findings]
    known = frozenset(rule.id for rule in RULES)
    return without_allowed(found, sources, frozenset(), known)[0]


def _found_on(host: Board, source: Source) -> tuple[Finding, ...]:
    result = read([source], environment={})
    planned = plan_vm(result.config, host)
    return (*result.findings, *planned.findings, *check(result.config, planned.plan, host))


def _found_with(tree: str, source: Source) -> tuple[Finding, ...]:
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb"]
    data = subprocess.run(command, input=tree.encode(), capture_output=True, check=True).stdout
    config = read([source], environment={}).config
    loads = [load for load in config.loads if load.path == "guest.dtb"]
    compared = (guest_tree_disagrees(config, load, data) for load in loads)
    return (*_found([source], Hypervisor.QNX_8_0, None), *chain.from_iterable(compared))
