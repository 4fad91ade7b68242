# SPDX-License-Identifier: Apache-2.0
from passthru.language.access import ACCESS_LETTERS
from passthru.language.options import CONTEXT_OPTIONS, TOP_OPTIONS
from passthru.language.variables import SET_VARIABLES
from passthru.language.vdevs import VDEV_TYPES
from passthru.report.language_entries import all_entries
from passthru.report.language_page import language_page


def _sections():
    sections = {}
    for block in language_page().split("\n## ")[1:]:
        title, _, text = block.partition("\n")
        sections[title] = text
    return sections


def test_every_option_stands_in_its_section_with_its_help():
    sections = _sections()
    for entry in all_entries():
        rows = [row for row in sections[entry.section].splitlines() if row.startswith("| `")]
        name = entry.words[-1].replace("|", "\\|")
        called = (f"`{name}", f" {name}")
        meaning = entry.help.removesuffix(".")
        assert any(meaning in row and any(each in row for each in called) for row in rows), (
            entry.name
        )


def test_the_page_is_whole():
    page = language_page()
    names = [
        *TOP_OPTIONS,
        *(name for options in CONTEXT_OPTIONS.values() for name in options),
        *VDEV_TYPES,
        *SET_VARIABLES,
        *ACCESS_LETTERS,
    ]
    assert [name for name in names if f"`{name}" not in page] == []


def test_every_table_is_one():
    for title, text in _sections().items():
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len(rows) > 2, title
        columns = {row.replace("\\|", "").count("|") for row in rows}
        assert len(columns) == 1, title


def test_it_ends_with_one_line_end():
    assert language_page().endswith("|\n")
