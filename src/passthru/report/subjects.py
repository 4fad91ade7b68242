# SPDX-License-Identifier: Apache-2.0
"""The rules by subject, as the documentation and ``explain`` list them."""

from collections.abc import Iterator

from passthru.diagnostics.rule import Rule
from passthru.rules.registry import RULES

__all__ = ["SUBJECTS", "rules_by_subject"]

SUBJECTS = {
    "Words and options": (
        "not-text",
        "unknown-option",
        "missing-argument",
        "bad-value",
        "unterminated-quote",
        "foreign-syntax",
        "option-order",
        "option-outside-context",
        "option-repeated",
        "version-only",
        "unexpanded-marker",
        "unknown-variable",
        "unused-allowance",
    ),
    "Numbers, locations and interrupts": (
        "bad-number",
        "ambiguous-number",
        "bad-location",
        "missing-loc-keyword",
        "missing-length",
        "host-address-ignored",
        "bad-interrupt",
        "missing-interrupt-controller",
        "unknown-access-type",
        "access-removed-nothing",
    ),
    "The machine": (
        "vdev-option-missing",
        "x86-only",
        "cpu-absent",
        "peer-of-itself",
        "device-path-taken",
        "guest-tree-disagrees",
        "boot-image-missing",
        "not-supported-by-run",
        "no-effect",
    ),
    "The guest's addresses and ports": (
        "address-overlap",
        "address-too-high",
        "memory-granularity",
        "not-page-aligned",
        "port-overlap",
        "no-room-for-pci",
        "load-outside-memory",
    ),
    "Interrupts": (
        "interrupt-controller-unknown",
        "interrupt-line-out-of-range",
        "interrupt-claimed-twice",
        "host-interrupt-claimed-twice",
        "host-interrupt-in-use",
        "interrupt-source-missing",
        "interrupt-not-of-device",
        "immediate-unmask-needs-edge",
    ),
    "DMA": (
        "dma-status-missing",
        "dma-status-conflict",
        "dma-on-system-memory",
        "dma-needs-read-write",
        "dma-manager-missing",
        "dma-externally-managed",
        "dma-device-declared-harmless",
        "smmu-vdev-not-allowed",
        "iova-reserved",
        "memory-lock-limit",
    ),
    "Blobs": (
        "blob-type-not-relevant",
        "blob-looks-swapped",
        "blob-without-dma",
    ),
    "Host memory": (
        "host-infrastructure",
        "host-memory-unknown",
        "host-memory-in-use",
        "host-memory-absent",
        "host-memory-not-zeroed",
        "host-memory-claimed-twice",
        "clock-dependent-device",
        "memory-support-missing",
        "access-not-enforceable",
    ),
    "PCI functions": (
        "pci-not-found",
        "pci-ambiguous",
        "pci-is-bridge",
        "pci-passed-twice",
        "pci-guest-bus",
        "pci-slot-taken",
        "pci-function-0-missing",
        "bar-does-not-fit",
        "pci-support-missing",
        "host-driver-active",
        "vfio-driver-missing",
        "iommu-group-split",
    ),
    "Several VMs": (
        "system-name-taken",
        "peer-missing",
        "memory-oversubscribed",
        "device-shared",
        "dma-device-shared",
        "host-port-claimed-twice",
    ),
}
"""The ids of the rules under the title of their subject, each under one."""


def rules_by_subject() -> Iterator[tuple[str, tuple[Rule, ...]]]:
    """Every subject with its rules, in the order in which they are to be read."""
    rules = {rule.id: rule for rule in RULES}
    for subject, ids in SUBJECTS.items():
        yield subject, tuple(rules[each] for each in ids)
