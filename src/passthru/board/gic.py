# SPDX-License-Identifier: Apache-2.0
"""Arm's generic interrupt controller: its names in device trees, and how its lines are counted.

Sources: Arm IHI 0069H (GICv3 and v4), section 2.2; bindings/interrupt-controller/arm,gic.yaml and
arm,gic-v3.yaml. A device tree counts each kind of line from 0; all else counts interrupt ids.
"""

__all__ = [
    "COMPATIBLE",
    "EXTENDED_PRIVATE",
    "EXTENDED_SHARED",
    "FIRST_SHARED",
    "LINES",
    "PRIVATE",
    "SHARED",
]

COMPATIBLE = frozenset(
    (
        "arm,arm11mp-gic",
        "arm,cortex-a15-gic",
        "arm,cortex-a7-gic",
        "arm,cortex-a9-gic",
        "arm,eb11mp-gic",
        "arm,gic-400",
        "arm,gic-v3",
        "arm,pl390",
        "brcm,brahma-b15-gic",
        "qcom,msm-qgic2",
    )
)
"""The controllers that the processors are at; a GIC has further nodes for messages."""

FIRST_SHARED = 32
"""The interrupt id of SPI 0; KVM counts its lines from there, too."""

PRIVATE = range(16, FIRST_SHARED)
"""PPIs: each processor has them for itself."""

SHARED = range(FIRST_SHARED, 1020)
"""SPIs: any processor may take them."""

EXTENDED_PRIVATE = range(1056, 1120)
EXTENDED_SHARED = range(4096, 5120)

LINES = (range(SHARED.stop), EXTENDED_PRIVATE, EXTENDED_SHARED)
"""All ids of lines, those of messages between processors among them."""
