# SPDX-License-Identifier: Apache-2.0
"""What can keep an arm64 machine from being built."""

from passthru.diagnostics.errors import PassthruError

__all__ = ["GicVersionMissing"]


class GicVersionMissing(PassthruError):
    """KVM on this host cannot show a guest the GIC that the configuration asks for."""

    def __init__(self, version: int) -> None:
        other = 5 - version
        super().__init__(
            f"this host gives its guests no GICv{version}: its own interrupt controller lacks "
            f"the part that guests would use"
        )
        self.fix = f"vdev gic version {other}"
