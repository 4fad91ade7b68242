# SPDX-License-Identifier: Apache-2.0
"""What the demonstrations print, beside what the README shows of it."""

import re
from pathlib import Path

from passthru.bench.demo import Demo
from passthru.bench.guest import check_results

_README = Path(__file__).parent.parent / "README.md"

_OPEN = (
    (r"\d+(?= KiB, passed| from the )", "N"),  # as big as the kernel's drivers, as quick as they
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "NOW"),
)


def readme_shows(demo: Demo) -> str:
    """The block of the README with the checks of this demo."""
    blocks = re.findall(r"^```\w*\n(.*?)^```$", _README.read_text(), re.DOTALL | re.MULTILINE)
    (shown,) = (text for text in blocks if f"DEMO {demo.checks[-1]} " in text)
    return str(shown)


def shape(printed: str) -> list[str]:
    """The lines of the guest and of its run, with what another run may have otherwise left open."""
    pattern = r"^(?:DEMO|passthru:|waiting) .*"
    lines = re.findall(pattern, printed.replace("\r", ""), re.MULTILINE)
    for found, open_value in _OPEN:
        lines = [re.sub(found, open_value, line) for line in lines]
    return lines


def assert_shown(demo: Demo, printed: str) -> None:
    """The demo has passed, and printed at its end what the README shows."""
    assert_all_passed(demo, printed)
    shown = shape(readme_shows(demo))
    # A virtual host that hung has been started again.
    assert shape(printed)[-len(shown) :] == shown, printed


def assert_all_passed(demo: Demo, printed: str) -> None:
    """Every check of the demo has come, in its order, and is well."""
    results = {result.name: result for result in check_results(printed)}
    assert list(results) == list(demo.checks), printed
    assert all(result.passed for result in results.values()), printed
