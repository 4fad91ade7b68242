# SPDX-License-Identifier: Apache-2.0
"""What a device is, where the host's tree calls it something else to give it to a guest.

uio_pdrv_genirq takes the devices whose ``compatible`` has the word that its parameter ``of_id``
says, ``generic-uio`` by custom (Documentation/driver-api/uio-howto.rst). It is a driver of
platform devices; Linux makes one of a PrimeCell only if its node does not say ``arm,primecell``
(drivers/of/platform.c), though the bindings of ARM's own demand that word and the drivers in the
guest count on it (bindings/arm/primecell.yaml).
"""

import re

from passthru.board.tree_nodes import TreeNode

__all__ = ["PRIMECELL", "own_compatible", "uio_words"]

PRIMECELL = "arm,primecell"

_UIO = "generic-uio"
_OF_ID = "uio_pdrv_genirq.of_id"
_PRIMECELL_NAME = re.compile(r"arm,(pl|sp)[0-9]{3}")


def uio_words(root: TreeNode) -> frozenset[str]:
    """The words by which a host with this tree binds devices to UIO.

    ``of_id`` is known where it is on the kernel's command line.
    """
    chosen = root.child("chosen")
    arguments = " ".join(chosen.strings("bootargs")) if chosen is not None else ""
    named = (argument.partition("=") for argument in arguments.split())
    # To Linux both dashes are the same in the name of a parameter.
    wanted = {value for name, _, value in named if name.replace("-", "_") == _OF_ID}
    return frozenset((_UIO, *wanted))


def own_compatible(node: TreeNode, words: frozenset[str]) -> tuple[str, ...]:
    """The node's ``compatible`` as it would be if nobody had wanted it for UIO.

    Where it was not wanted, that is how it is.
    """
    names = node.strings("compatible")
    own = tuple(name for name in names if name not in words)
    if own != names and own and PRIMECELL not in own and _PRIMECELL_NAME.fullmatch(own[-1]):
        return (*own, PRIMECELL)
    return own
