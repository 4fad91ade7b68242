# SPDX-License-Identifier: Apache-2.0
"""What can have locations and interrupts in a configuration."""

from passthru.language.model import Pass, Reserve, Vdev, VmConfig

__all__ = ["User", "users"]

User = Pass | Reserve | Vdev


def users(config: VmConfig) -> tuple[User, ...]:
    """Every virtual device, pass and reserve."""
    return (*config.vdevs, *config.passes, *config.reserves)
