# SPDX-License-Identifier: Apache-2.0
"""The hypervisors that a configuration can be checked for."""

from passthru.language.options import EVERY_VERSION
from passthru.lean import Enum

__all__ = ["Hypervisor"]


class Hypervisor(Enum):
    """Who will read the configuration; the value is its name on the command line."""

    QNX_7_0 = "qnx-7.0"
    QNX_7_1 = "qnx-7.1"
    QNX_8_0 = "qnx-8.0"
    KVM = "kvm"

    @property
    def version(self) -> str:
        """The version of the language that it reads; ``run`` on KVM reads all of them."""
        return EVERY_VERSION if self is Hypervisor.KVM else self.value.removeprefix("qnx-")
