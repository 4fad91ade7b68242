# SPDX-License-Identifier: Apache-2.0
"""The sentences of the reference page of ``pass``, and what becomes of each."""

import tomllib
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import NamedTuple

ROWS = Path(__file__).parent / "conformance.toml"


class Verdict(Enum):
    """What a sentence comes to on hosts of one architecture."""

    ENFORCED = "enforced"
    TRAPPED = "enforced by trapping"
    ADVISORY = "advisory"
    REFUSED = "refused"
    CHECKED = "checked"
    NOT_YET = "not yet"
    NO_CLAIM = "no claim"


OF_A_RUN = (Verdict.ENFORCED, Verdict.TRAPPED, Verdict.ADVISORY, Verdict.REFUSED)
"""The verdicts that only ``run`` can bear out."""


class Row(NamedTuple):
    """A sentence; ``letter`` is the access type in the examples whose verdict the row's is."""

    id: str
    says: str
    x86_64: Verdict
    arm64: Verdict
    note: str = ""
    example: str = ""
    letter: str = ""
    arm64_example: str = ""

    @property
    def verdicts(self) -> tuple[Verdict, Verdict]:
        return self.x86_64, self.arm64

    @property
    def claims_nothing(self) -> bool:
        return set(self.verdicts) == {Verdict.NO_CLAIM}


class Section(NamedTuple):
    title: str
    rows: tuple[Row, ...]


def sections() -> tuple[Section, ...]:
    """The whole reference page, in its order."""
    document = tomllib.loads(ROWS.read_text(encoding="utf-8"))
    return tuple(
        Section(section["title"], tuple(_row(**row) for row in section["row"]))
        for section in document["section"]
    )


def rows() -> Iterator[Row]:
    for section in sections():
        yield from section.rows


def _row(**fields: str) -> Row:
    x86_64, arm64 = Verdict(fields.pop("x86-64")), Verdict(fields.pop("arm64"))
    on_arm64 = fields.pop("arm64-example", fields.get("example", "").replace("ioapic:", "gic:4"))
    return Row(x86_64=x86_64, arm64=arm64, arm64_example=on_arm64, **fields)
