# SPDX-License-Identifier: Apache-2.0
"""20,000 sets of VMs at random; the quick tests have some hundred of them."""

from collections import Counter

from system_generator import KINDS, generate, told_of

SETS = 10_000


def test_clean_sets_have_no_findings() -> None:
    for seed in range(SETS):
        system = generate(seed, clean=True)
        assert told_of(system) == (), (seed, system.texts)


def test_what_is_put_in_is_found_once_and_nothing_else() -> None:
    kinds: Counter[str] = Counter()
    for seed in range(SETS):
        system = generate(seed, clean=False)
        assert told_of(system) == system.expected, (seed, system.kinds, system.texts)
        kinds.update(system.kinds)
    assert all(kinds[kind] >= SETS // 10 for kind in KINDS), kinds
