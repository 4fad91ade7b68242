# SPDX-License-Identifier: Apache-2.0
"""Plans as JSON for other programs (``plan --format json``), version 2.

docs/plan.md describes the document, docs/plan.schema.json is its schema. Every key is always
there, with null where there is none; addresses and sizes are numbers. Names and texts of other
programs depend on this: it changes only together with the version.
"""

import json
from collections.abc import Iterable

from passthru.addresses import AddressRange
from passthru.board.model import Board, PciFunction
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.plan.aarch64 import Gic
from passthru.plan.described_functions import DescribedFunction
from passthru.plan.described_ports import PortRange
from passthru.plan.host_places import claimed_things, host_place
from passthru.plan.interrupt_routes import InterruptRoute
from passthru.plan.model import Blob, GuestRegion, PciWindows, PlannedBar
from passthru.plan.vm_description import VmDescription
from passthru.report.findings_json import finding_as_data
from passthru.report.unicode import encodable

__all__ = ["VERSION", "plans_as_json"]

VERSION = 2
"""Version 1 had neither ``gic`` nor ``uio``."""

_Data = dict[str, object]


def plans_as_json(
    vms: Iterable[VmDescription],
    board: Board | None,
    findings: Iterable[Finding],
    *,
    hypervisor: str,
) -> str:
    """One JSON document in ASCII with a line end.

    ``board`` is the one that the ``vms`` were described for, ``findings`` is all that was
    found in their configurations.
    """
    document = {
        "version": VERSION,
        "hypervisor": hypervisor,
        "board": None if board is None else _board(board),
        "findings": [finding_as_data(finding) for finding in findings],
        "vms": [_vm(vm, board) for vm in vms],
    }
    return json.dumps(document, indent=2) + "\n"


def _board(board: Board) -> _Data:
    return {"name": encodable(board.name), "architecture": encodable(board.architecture)}


def _vm(vm: VmDescription, board: Board | None) -> _Data:
    now = {} if board is None else claimed_things(vm, board)
    plan = vm.plan
    return {
        "name": encodable(vm.name),
        "cpu_count": vm.cpu_count,
        "command_line": _text(vm.config.cmdline.value if vm.config.cmdline else None),
        "regions": [_region(region, board) for region in vm.regions],
        "holes": [_range(hole) for hole in vm.holes],
        "interrupts": [_interrupt(route) for route in vm.interrupts],
        "ports": [_ports(ports) for ports in vm.ports],
        "gic": None if vm.gic is None else _gic(vm.gic),
        "pci": None if plan is None or plan.pci is None else _windows(plan.pci),
        "functions": [_function(function) for function in vm.functions],
        "data": [_blob(blob) for blob in vm.blobs],
        "dma_windows": [_range(window) for window in vm.dma_windows],
        "locked_memory": vm.locked_memory,
        "claims": [
            {
                "resource": encodable(claim.resource),
                "now": _text(now.get(claim.span)),
                "place": _place(claim.span),
            }
            for claim in vm.claims
        ],
        "steps": [encodable(step) for step in vm.steps],
        "not_run_because": _text(vm.not_run_because),
    }


def _region(region: GuestRegion, board: Board | None) -> _Data:
    host = region.host
    there = None if host is None or board is None else host_place(host, board)
    return {
        **_range(region.range),
        "kind": region.kind.value,
        "name": encodable(region.name),
        "host": None if host is None else _range(host),
        "host_place": _text(there),
        "access": None if region.access is None else str(region.access),
        "verdicts": [
            {
                "letter": verdict.letter,
                "enforcement": verdict.enforcement.value,
                "explanation": verdict.explanation,
            }
            for verdict in region.verdicts
        ],
        "place": _place(region.span),
    }


def _interrupt(route: InterruptRoute) -> _Data:
    return {
        "controller": encodable(route.controller),
        "line": route.line,
        "vector": route.vector,
        "user": encodable(route.user),
        "is_passed": route.is_passed,
        "immediate_unmask": route.immediate_unmask,
        "owner": _text(route.owner),
        "uio": _text(route.uio),
        "place": _place(route.span),
    }


def _ports(ports: PortRange) -> _Data:
    return {
        **_range(ports.range),
        "name": encodable(ports.name),
        "is_passed": ports.is_passed,
        "place": _place(ports.span),
    }


def _gic(gic: Gic) -> _Data:
    return {
        "version": gic.version,
        "distributor": _range(gic.distributor),
        "processors": _range(gic.processors),
        "place": _place(gic.span),
    }


def _windows(windows: PciWindows) -> _Data:
    return {
        "config_space": _range(windows.ecam),
        "memory32": _range(windows.memory32),
        "memory64": _range(windows.memory64),
        "ports": _range(windows.ports),
    }


def _function(function: DescribedFunction) -> _Data:
    return {
        "guest": None if function.guest is None else str(function.guest),
        "selector": encodable(function.selector),
        "host": None if function.host is None else _host_function(function.host),
        "intx_line": function.gsi,
        "bars": [_bar(planned) for planned in function.bars],
        "place": _place(function.span),
    }


def _host_function(function: PciFunction) -> _Data:
    return {
        "address": str(function.address),
        "sysfs_name": function.address.sysfs_name,
        "vendor": function.vendor,
        "device": function.device,
        "driver": _text(function.driver),
        "iommu_group": function.iommu_group,
    }


def _bar(planned: PlannedBar) -> _Data:
    bar = planned.bar
    return {
        "number": bar.number,
        "kind": bar.kind.value,
        "prefetchable": bar.prefetchable,
        "guest_start": planned.guest_start,
        "host": _range(bar.range),
    }


def _blob(blob: Blob) -> _Data:
    return {
        "role": blob.role.value,
        "path": _text(blob.path),
        "address": blob.address,
        "passed": None if blob.passed is None else _range(blob.passed),
        "place": _place(blob.span),
    }


def _range(place: AddressRange) -> _Data:
    return {"start": place.start, "size": place.size}


def _place(span: Span | None) -> _Data | None:
    if span is None:
        return None
    return {"file": encodable(span.file), "line": span.line, "column": span.column}


def _text(text: str | None) -> str | None:
    return None if text is None else encodable(text)
