# SPDX-License-Identifier: Apache-2.0
"""Sets of VMs at random: what was put in is found, once, and in clean sets there is nothing.

Here are some hundred sets; ``make soak`` has 10,000 of each.
"""

import pytest

from system_generator import KINDS, generate, told_of

SEEDS = range(150)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clean_set_has_no_findings(seed: int) -> None:
    assert told_of(generate(seed, clean=True)) == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_put_in_is_found_once_and_nothing_else(seed: int) -> None:
    system = generate(seed, clean=False)
    assert told_of(system) == system.expected


def test_every_kind_is_put_in() -> None:
    assert {kind for seed in SEEDS for kind in generate(seed, clean=False).kinds} == set(KINDS)


def test_the_sets_are_worth_a_look() -> None:
    sizes = [len(generate(seed, clean=True).texts) for seed in SEEDS]
    assert set(sizes) == {2, 3, 4}
    passes = ["\n".join(generate(s, clean=True).texts.values()).count("\npass") for s in SEEDS]
    assert sum(passes) > 4 * len(passes)


def test_a_number_stands_for_one_set() -> None:
    assert generate(17, clean=False) == generate(17, clean=False)
    assert generate(17, clean=False) != generate(18, clean=False)
