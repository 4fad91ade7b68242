# SPDX-License-Identifier: Apache-2.0
"""The ``set`` variables that change what a plan or a rule says."""

from passthru.language.model import Variable, VmConfig

__all__ = ["find_variable", "is_on", "smmu_externally_managed"]

_ON = ("on", "1", "yes", "true")


def find_variable(config: VmConfig, name: str) -> Variable | None:
    """The last ``set`` of that variable (the one that counts), or None."""
    return next((v for v in reversed(config.variables) if v.name == name), None)


def is_on(variable: Variable | None) -> bool:
    """Whether a boolean variable is set to a word for true; false where it is not set."""
    return variable is not None and variable.value.lower() in _ON


def smmu_externally_managed(config: VmConfig) -> bool:
    """Whether DMA containment is somebody else's business (``d`` then asks for nothing)."""
    return is_on(find_variable(config, "smmu-externally-managed"))
