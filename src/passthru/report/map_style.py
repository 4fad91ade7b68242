# SPDX-License-Identifier: Apache-2.0
"""The looks of the pictures: colours for light and dark, told apart by colour-blind people.

The colours of VMs are after Okabe and Ito (https://jfly.uni-koeln.de/color/); red is left to
conflicts, which are hatched, too. Kinds differ in lightness as well as in hue.
"""

from passthru.report.map_model import ItemKind

__all__ = ["STYLE", "VM_COLOURS", "class_of"]

VM_COLOURS = 6
"""So many VMs have a colour of their own; then the colours begin again."""

_CLASSES = {
    ItemKind.RAM: "ram",
    ItemKind.ROM: "rom",
    ItemKind.PASSED: "passed",
    ItemKind.PASSED_RAM: "passed-ram",
    ItemKind.RESERVED: "reserved",
    ItemKind.DEVICE: "device",
    ItemKind.WINDOW: "window",
    ItemKind.FIRMWARE: "firmware",
    ItemKind.LOADED: "loaded",
    ItemKind.HOST_RAM: "host-ram",
    ItemKind.HOST_RESERVED: "host-reserved",
    ItemKind.HOST_FIRMWARE: "host-firmware",
    ItemKind.HOST_DEVICES: "host-devices",
}


def class_of(kind: ItemKind) -> str:
    """The CSS class of things of this kind."""
    return _CLASSES[kind]


STYLE = """\
svg { color-scheme: light dark;
  --paper: #ffffff; --ink: #1b1f24; --faint: #5b6470; --line: #8b949e; --bad: #c8102e;
  --vm0: #0072b2; --vm1: #b06a00; --vm2: #00805a; --vm3: #a0488a; --vm4: #5b5bd6; --vm5: #6b5b00;
  --ram: #cfdbe6; --rom: #aebfce; --passed: #fbe6a3; --passed-ram: #bfe5d3; --reserved: #f1f2f4;
  --device: #e2d6f0; --window: #edf1f5; --firmware: #d5d0c6; --loaded: #ffffff;
  --host-ram: #dfe3e8; --host-reserved: #f3ead8; --host-firmware: #d5d0c6;
  --host-devices: #eeeaf4; }
@media (prefers-color-scheme: dark) { svg {
  --paper: #14181d; --ink: #e8ecf1; --faint: #a3adb8; --line: #77818c; --bad: #ff6b6b;
  --vm0: #56b4e9; --vm1: #e69f00; --vm2: #2cc295; --vm3: #dd8fc4; --vm4: #a3a3ff; --vm5: #d9c74a;
  --ram: #2b3d4f; --rom: #375068; --passed: #5c4911; --passed-ram: #1a523e; --reserved: #23292f;
  --device: #473a5c; --window: #1f2a35; --firmware: #4a4438; --loaded: #14181d;
  --host-ram: #2b333c; --host-reserved: #40361f; --host-firmware: #4a4438;
  --host-devices: #2f2939; } }
.paper { fill: var(--paper); }
text { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: var(--ink);
  white-space: pre; }
.title { font: bold 17px system-ui, "DejaVu Sans", sans-serif; }
.panel { font: bold 13px system-ui, "DejaVu Sans", sans-serif; }
.column { font: bold 12px system-ui, "DejaVu Sans", sans-serif; }
.note { font: 11px system-ui, "DejaVu Sans", sans-serif; }
.note, .size, .gap { fill: var(--faint); }
.size { text-anchor: end; }
.gap { text-anchor: middle; font-size: 10px; }
.bar { stroke: var(--line); stroke-width: 1; }
.reserved .bar { stroke-dasharray: 3 2; }
.loaded .bar { stroke-dasharray: 1 2; }
.ram .bar { fill: var(--ram); } .rom .bar { fill: var(--rom); }
.passed .bar { fill: var(--passed); } .passed-ram .bar { fill: var(--passed-ram); }
.reserved .bar { fill: var(--reserved); } .device .bar { fill: var(--device); }
.window .bar { fill: var(--window); } .firmware .bar { fill: var(--firmware); }
.loaded .bar { fill: var(--loaded); }
.host-ram .bar { fill: var(--host-ram); } .host-reserved .bar { fill: var(--host-reserved); }
.host-firmware .bar { fill: var(--host-firmware); }
.host-devices .bar { fill: var(--host-devices); }
.hatch { fill: url(#hatch); stroke: var(--bad); stroke-width: 2; }
.stripe { stroke: var(--bad); stroke-width: 2; opacity: .45; }
.mark { font-weight: bold; fill: var(--bad); }
.break { fill: none; stroke: var(--line); stroke-width: 1; }
.fair, .stretched { stroke: var(--faint); stroke-width: 2; }
.stretched { stroke-dasharray: 1 3; }
.vm0 { --vm: var(--vm0); } .vm1 { --vm: var(--vm1); } .vm2 { --vm: var(--vm2); }
.vm3 { --vm: var(--vm3); } .vm4 { --vm: var(--vm4); } .vm5 { --vm: var(--vm5); }
.item.bad text { paint-order: stroke; stroke: var(--paper); stroke-width: 3px;
  stroke-opacity: .7; }
.item.bad .bar { stroke: var(--bad); stroke-width: 2; }
.edge, .head { fill: var(--vm); }
.band { fill: var(--vm); opacity: .16; pointer-events: none; }
.reach { fill: none; stroke: none; stroke-width: 11; pointer-events: stroke; }
.arrow { fill: none; stroke: var(--vm); stroke-width: 1.6; }
.bad .band { fill: var(--bad); } .bad .head { fill: var(--bad); }
.bad .arrow { stroke: var(--bad); stroke-dasharray: 6 3; }
"""
"""The style sheet of a picture, alone or inside a page."""
