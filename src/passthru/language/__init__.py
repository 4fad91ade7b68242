# SPDX-License-Identifier: Apache-2.0
"""The qvm configuration language: words, options, and the typed configuration.

``read`` makes a ``VmConfig`` of texts (``Source``), files (``open_source``) or a whole command
line of qvm (``sources_from_arguments``). It takes any text: what is wrong becomes a finding,
and is left out of the configuration. All of it is frozen and has types; each part has the
``span`` of text that it came from.

>>> from passthru.diagnostics.source import Source
>>> from passthru.language import read
>>> text = '''
... system cluster
... ram 0x80000000,512M
... pass loc 0x1c090000,0x1000,rwn=0x9c090000 intr gic:37=69
... vdev virtio-net peer /dev/qvm/other/p2p name p2p
... '''
>>> result = read([Source("guest.qvmconf", text)], environment={})
>>> result.complete, result.findings
(True, ())
>>> config = result.config
>>> config.name, config.memory[0].size >> 20
('cluster', 512)
>>> (location,) = config.passes[0].locations
>>> str(location.guest), hex(location.host.start), str(location.access)
('0x1c090000..0x1c091000', '0x9c090000', 'rwn')
>>> location.span.line, location.span.text
(4, '0x1c090000,0x1000,rwn=0x9c090000')
>>> [(vdev.type, vdev.values("peer")) for vdev in config.vdevs]
[('virtio-net', ('/dev/qvm/other/p2p',))]

A mistake is told with its place, its reason and, where there is one, the right text:

>>> result = read([Source("guest.qvmconf", "ram 4000,1G")], environment={})
>>> (finding,) = result.findings
>>> finding.id, finding.fix, (finding.span.line, finding.span.column)
('ambiguous-number', '0x4000', (1, 5))
"""

from passthru.lean import TYPE_CHECKING

if TYPE_CHECKING:
    from passthru.language.arguments import (
        UnreadableConfigurationError,
        open_source,
        sources_from_arguments,
    )
    from passthru.language.reader import ReadResult, read

__all__ = [
    "ReadResult",
    "UnreadableConfigurationError",
    "open_source",
    "read",
    "sources_from_arguments",
]


def __getattr__(name: str) -> object:
    # Imported when asked for: who needs one module of the package shall not get the reader.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from passthru.language import arguments, reader

    return getattr(reader if name in reader.__all__ else arguments, name)
