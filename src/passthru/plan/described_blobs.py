# SPDX-License-Identifier: Apache-2.0
"""What a configuration loads and passes as data, whatever is done with it."""

from passthru.language.model import BlobType, MemoryLocation, VmConfig
from passthru.lean import Iterator
from passthru.plan.model import Blob, BlobRole

__all__ = ["configured_blobs"]

_ROLES = {
    BlobType.ACPI: BlobRole.ACPI,
    BlobType.FDT: BlobRole.FDT,
    BlobType.GUEST: BlobRole.BOOT_IMAGE,
    BlobType.INITRD: BlobRole.INITRD,
}


def configured_blobs(config: VmConfig) -> Iterator[Blob]:
    """Every ``load``, then every ``pass`` with a type that the guest is told of.

    The first file without a type is what the guest starts with, unless one is given as
    ``guest``.
    """
    has_guest = any(load.blob is BlobType.GUEST for load in config.loads)
    has_boot = has_guest or any(passed.blob is BlobType.GUEST for passed in config.passes)
    for load in config.loads:
        role = BlobRole.DATA if load.blob is None else _ROLES.get(load.blob, BlobRole.DATA)
        if load.blob is None and not has_boot:
            role, has_boot = BlobRole.BOOT_IMAGE, True
        yield Blob(role, load.path, load.address, None, load.span, typed=load.blob is not None)
    for passed in config.passes:
        if passed.blob in _ROLES:
            for location in passed.locations:
                if isinstance(location, MemoryLocation):
                    guest = location.guest
                    role = _ROLES[passed.blob]
                    yield Blob(role, None, guest.start, guest, location.span, typed=True)
