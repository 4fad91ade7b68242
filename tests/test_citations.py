# SPDX-License-Identifier: Apache-2.0
"""What comments and docstrings cite is in the repository."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ("benchmarks", "fuzz", "scripts", "soak", "src", "tests")
PACKAGES = sorted(path.parent.name for path in (ROOT / "src/passthru").glob("*/__init__.py"))

FOLDERS = "|".join((*PLACES, "docs", "examples", "spec"))
PATH = re.compile(rf"(?P<owner>(?:Linux|QEMU|Xen): )?\b(?P<path>(?:{FOLDERS})/[\w./*-]*[\w*/])")
"""A path of ours, unless the project that has it is named before it."""

PAGE = re.compile(r"(?<![\w/.-])[A-Za-z][\w-]*\.md\b")
TEST = re.compile(r"\btest_\w+\.py\b")
MODULE = re.compile(rf"``(?:passthru\.)?((?:{'|'.join(PACKAGES)})\.\w+)``")
NO_MODULES = (".dts", ".json", ".txt", ".md", ".toml")
SECTION = re.compile(r"(docs/[\w-]+\.md), \"([^\"]+)\"")
PRINCIPLE = re.compile(r"(docs/[\w-]+\.md), principle (\d+)")
UNRESOLVED = re.compile(r"\bdesign: |\bdesign\.md(?<!docs/design\.md)")
"""An unnamed design, which a reader cannot open."""


def sources() -> Iterator[Path]:
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.suffix == ".py" or (path.is_file() and is_script(path)):
                yield path


def is_script(path: Path) -> bool:
    return path.parent == ROOT / "scripts" and "python" in path.read_text().partition("\n")[0]


def prose(text: str) -> Iterator[str]:
    """Docstrings, the strings that stand below a constant, and blocks of comments."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            value = node.value.value
            if isinstance(value, str):
                yield one_line(value)
    comments: list[str] = []
    following = 0
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            if comments and token.start[0] != following:
                yield one_line(" ".join(comments))
                comments = []
            comments.append(token.string.lstrip("#! "))
            following = token.start[0] + 1
    yield one_line(" ".join(comments))


def one_line(text: str) -> str:
    return " ".join(text.split())


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def is_there(pattern: str) -> bool:
    return any(ROOT.glob(pattern.rstrip("/")))


def led_nowhere(text: str) -> Iterator[str]:
    """The citations in a piece of prose that a reader of the repository cannot follow."""
    for found in PATH.finditer(text):
        # A word in capitals stands for any name.
        if not found["owner"] and not is_there(re.sub(r"\b[A-Z]+\b", "*", found["path"])):
            yield found["path"]
    for page in PAGE.findall(text):
        if not is_there(page) and not is_there(f"docs/{page}"):
            yield page
    for test in TEST.findall(text):
        if not is_there(f"tests/**/{test}"):
            yield test
    for module in MODULE.findall(text):
        path = f"src/passthru/{module.replace('.', '/')}"
        if not module.endswith(NO_MODULES) and not is_there(f"{path}.py") and not is_there(path):
            yield module
    for page, section in SECTION.findall(text):
        if section not in headings(ROOT / page):
            yield f'{page}, "{section}"'
    for page, number in PRINCIPLE.findall(text):
        if not any(heading.startswith(f"{number}. ") for heading in headings(ROOT / page)):
            yield f"{page}, principle {number}"
    yield from UNRESOLVED.findall(text)


@pytest.mark.parametrize("place", PLACES)
def test_what_the_source_cites_is_there(place: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {citation}"
        for path in sources()
        if path.is_relative_to(ROOT / place)
        for text in prose(path.read_text(encoding="utf-8"))
        for citation in led_nowhere(text)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "see docs/nowhere.md",
        "see nowhere.md",
        "src/passthru/nowhere.py has it",
        "(spec/pass-reference.txt)",
        "(design: principle 1)",
        "docs/design.md, principle 99",
        'docs/reference-readings.md, "Nothing"',
        "test_nowhere.py has the cases",
        "see ``plan.nowhere``",
    ],
)
def test_a_citation_that_leads_nowhere_is_found(text: str) -> None:
    assert list(led_nowhere(text)) != []


@pytest.mark.parametrize(
    "text",
    [
        "see docs/design.md, principle 1",
        'docs/reference-readings.md, "Guest and host"',
        "tests/boards/NAME.recording.json",
        "Xen: docs/misc/pvh.pandoc",
        "``board.dts`` beside it",
        "test_meta.py, and ``plan.model``",
    ],
)
def test_a_citation_that_can_be_followed_is_not_told(text: str) -> None:
    assert list(led_nowhere(text)) == []


def test_the_prose_of_a_source_is_its_comments_and_docstrings() -> None:
    text = '"""One\ntwo."""\nA = "docs/no.md"  # three\n"""Four."""\n\n# five\n# six\n'
    assert list(prose(text)) == ["One two.", "Four.", "three", "five six"]
