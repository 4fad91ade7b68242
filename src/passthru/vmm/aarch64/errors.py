# SPDX-License-Identifier: Apache-2.0
"""What can keep an arm64 machine from being built."""

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Span

__all__ = ["GicVersionMissing", "TreeOutsideRam"]


class GicVersionMissing(PassthruError):
    """KVM on this host cannot show a guest the GIC that the configuration asks for."""

    def __init__(self, version: int) -> None:
        other = 5 - version
        super().__init__(
            f"this host gives its guests no GICv{version}: its own interrupt controller lacks "
            f"the part that guests would use"
        )
        self.fix = f"vdev gic version {other}"


class TreeOutsideRam(PassthruError):
    """The configuration puts the device tree where the guest has no free RAM (GPA)."""

    exit_status = ExitStatus.CONFIGURATION

    def __init__(self, path: str, address: int, span: Span) -> None:
        super().__init__(f"[{span}] the device tree goes to {address:#x}, which is not free RAM")
        self.fix = f"`fdt load {path}` puts it where there is room"
