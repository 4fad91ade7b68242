# SPDX-License-Identifier: Apache-2.0
"""What is generated is current, and every link in a document leads somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted((*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")))

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def test_the_generated_pages_are_current() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "write-docs"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def anchors(document: Path) -> set[str]:
    """The headings as links name them: small letters, hyphens for spaces, no punctuation."""
    text = FENCED.sub("", document.read_text(encoding="utf-8"))
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(text)
    }


def broken_links(document: Path, text: str) -> list[str]:
    """The links of a text that lead nowhere, as if ``document`` had it."""
    broken = []
    for link in LINK.findall(FENCED.sub("", text)):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if name.startswith("https://"):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.name))
def test_every_link_leads_somewhere(document: Path) -> None:
    assert broken_links(document, document.read_text(encoding="utf-8")) == []


def test_a_link_that_leads_nowhere_is_found() -> None:
    page = ROOT / "docs/design.md"
    good = (
        "[a](boards.md) [b](../README.md#check-a-configuration) [c](#principles) [d](https://x.y)"
    )
    assert broken_links(page, good) == []
    bad = "[a](README.md) [b](../README.md#nothing) [c](#nothing)"
    assert broken_links(page, bad) == ["README.md", "../README.md#nothing", "#nothing"]
