# SPDX-License-Identifier: Apache-2.0
"""The x86 ports of a guest as people look at them."""

from passthru.addresses import AddressRange
from passthru.diagnostics.source import Span
from passthru.language.model import Pass, Vdev, VmConfig
from passthru.lean import Iterable, Iterator, NamedTuple
from passthru.plan.interrupt_routes import user_name
from passthru.plan.ports import port_uses
from passthru.plan.users import Uses

__all__ = ["PortRange", "configured_port_ranges", "sorted_ports"]


class PortRange(NamedTuple):
    """x86 ports that something of the guest has; ``span`` is None for the machine's own."""

    range: AddressRange
    name: str
    is_passed: bool
    span: Span | None


def configured_port_ranges(config: VmConfig, uses: Uses) -> Iterator[PortRange]:
    """The ports that the configuration gives to something, in its order."""
    for user, ports, span in port_uses(config, uses):
        name = user_name(user) if isinstance(user, Vdev) else span.text
        yield PortRange(ports, name, isinstance(user, Pass), span)


def sorted_ports(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """By their numbers."""
    return tuple(sorted(ports, key=lambda each: each.range))
