# SPDX-License-Identifier: Apache-2.0
"""The device trees that a configuration loads, where they lie beside it."""

from pathlib import Path

from passthru.diagnostics.finding import Finding
from passthru.language.model import BlobType, Load, VmConfig
from passthru.rules.guest_tree import guest_tree_disagrees

__all__ = ["guest_tree_findings"]

_LARGEST = 16 << 20
"""Most bytes that are read of one file; a device tree has some 100 KiB."""


def guest_tree_findings(config: VmConfig) -> tuple[Finding, ...]:
    """What is wrong with the trees that the whole ``config`` loads by a relative path.

    Such a path counts from where the VM is started, which is the folder of its configuration.
    Paths from the root are the target's, and a file that is not here may be there; of both
    nothing is told.
    """
    findings: list[Finding] = []
    for load in config.loads:
        data = _content_beside(load) if load.blob is BlobType.FDT else None
        if data is not None:
            findings.extend(guest_tree_disagrees(config, load, data))
    return tuple(findings)


def _content_beside(load: Load) -> bytes | None:
    configuration = Path(load.span.file)
    path = configuration.parent / load.path
    if Path(load.path).is_absolute() or not configuration.is_file() or not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError:
        return None
    return data if len(data) <= _LARGEST else None
