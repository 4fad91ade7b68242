# SPDX-License-Identifier: Apache-2.0
"""KVM's routing table."""

import pytest

from fake_kernel import FakeKernel
from passthru.vmm.aarch64 import wired_routes as aarch64
from passthru.vmm.errors import RoutesExhausted
from passthru.vmm.interrupts import InterruptRoutes
from passthru.vmm.kvm import Kvm
from passthru.vmm.x86_64 import wired_routes as x86_64


@pytest.fixture
def kernel() -> FakeKernel:
    return FakeKernel()


@pytest.fixture
def routes(kernel: FakeKernel) -> InterruptRoutes:
    return InterruptRoutes(Kvm(kernel, {}).create_vm(), x86_64.wired_routes())


def test_pins_are_routed_to_ioapic_and_pic_but_the_cascade(kernel, routes):
    routes.commit()
    assert kernel.routes == 24 + 15


def test_messages_are_routed_once_they_are_set_and_until_they_are_freed(kernel, routes):
    gsis = routes.allocate_messages(3)
    routes.commit()
    assert kernel.routes == 39
    routes.set_message(gsis[1], 0xFEE00000, 0x41, 0x18)
    routes.commit()
    assert kernel.routes == 40
    routes.free_messages(gsis)
    routes.commit()
    assert kernel.routes == 39


def test_gsis_are_handed_out_once_and_again_when_free(routes):
    first = routes.allocate_messages(4)
    second = routes.allocate_messages(4)
    assert not set(first) & set(second)
    assert min(first) >= 24
    routes.free_messages(first)
    assert routes.allocate_messages(4) == first


def test_more_than_kvm_can_route_is_an_error_that_takes_nothing(routes):
    with pytest.raises(RoutesExhausted):
        routes.allocate_messages(5000)
    assert len(routes.allocate_messages(2048)) == 2048


@pytest.mark.parametrize("wired", [x86_64.wired_routes(), aarch64.wired_routes()])
def test_every_entry_that_the_pins_leave_can_be_a_message(kernel, wired):
    routes = InterruptRoutes(Kvm(kernel, {}).create_vm(), wired)
    gsis = routes.allocate_messages(4096 - len(wired.pins))
    assert max(gsis) < 4096
    for gsi in gsis:
        routes.set_message(gsi, 0xFEE00000, 0x41, 0x18)
    routes.commit()
    assert kernel.routes == 4096
    with pytest.raises(RoutesExhausted):
        routes.allocate_messages(1)
