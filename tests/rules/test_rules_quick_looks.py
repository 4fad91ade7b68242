# SPDX-License-Identifier: Apache-2.0
"""The quick looks of the reader and the rules: they find what the long way finds, only sooner."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from passthru.diagnostics.source import Source
from passthru.language.context_options import PLAIN_OPTIONS
from passthru.language.reader import ReadResult, read
from passthru.rules import check, interrupts, passed_memory, qvm
from passthru.rules.hypervisor import Hypervisor

_PAGES = ["0x1000", "0x2000", "0x3000", "0x3800", "3000"]
_LENGTHS = ["0x1000", "0x2000", "0x800", "0x0"]
_LETTERS = ["rwn", "rwd", "rw", "m", "rwnd", "m-x", "rwq"]
_LINES = ["gic:33", "gic:34=66", "gic:33=7", "gic:1020", "pic:4", "apic", "gic:35,u=5", "35"]

places = st.builds(
    "{},{},{}={}".format, *map(st.sampled_from, (_PAGES, _LENGTHS, _LETTERS, _PAGES))
)
options = st.one_of(
    st.builds("pass loc mem:{}".format, places),
    st.builds("reserve loc {}".format, places),
    st.builds("vdev pl011 loc {} intr {}".format, st.sampled_from(_PAGES), st.sampled_from(_LINES)),
    st.builds("loc {}".format, st.sampled_from(_PAGES) | places),
    st.builds("intr {}".format, st.sampled_from(_LINES)),
    st.builds("ram {},{}".format, st.sampled_from(_PAGES), st.sampled_from(["4k", "64k", "1023"])),
    st.builds("load {},file".format, st.sampled_from(_PAGES)),
    st.builds("guest pass loc {}".format, places),
    st.sampled_from(["vdev ioapic intr apic name pic", "vdev gic gicd 0x2000", "vdev mine", "cpu"]),
)
texts = st.lists(options, max_size=12).map("\n".join)


def _read(text: str) -> ReadResult:
    return read([Source("guest.qvmconf", text)], environment={})


@given(texts)
def test_what_is_taken_quickly_is_what_a_closer_look_takes(text: str) -> None:
    source = Source("guest.qvmconf", text)
    quick = read([source], environment={})
    with pytest.MonkeyPatch.context() as patch:
        for name in tuple(PLAIN_OPTIONS):
            patch.delitem(PLAIN_OPTIONS, name)
        assert read([source], environment={}) == quick


@given(texts, st.sampled_from(list(Hypervisor)))
@example("vdev gic\nvdev pl011 loc 0x1000 intr gic:1020", Hypervisor.QNX_8_0)
@example("vdev gic gicd 0x2000\nram 0x2000,4k", Hypervisor.QNX_8_0)
@example("ram 0x1000,4k\nguest pass loc 0x3000,0x1000,rwn=0x1000", Hypervisor.QNX_8_0)
@example("vdev gic\nram 0x1000,4k\nload 0x2000,file", Hypervisor.QNX_8_0)
def test_rules_that_are_spared_have_nothing_to_say(text: str, hypervisor: Hypervisor) -> None:
    config = _read(text).config
    quick = check.check_configuration(config, hypervisor)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interrupts, "are_plainly_right", lambda *_: False)
        patch.setattr(qvm, "_is_plainly_placed", lambda *_: False)
        patch.setattr(passed_memory, "unusual_memory", tuple)
        assert check.check_configuration(config, hypervisor) == quick
