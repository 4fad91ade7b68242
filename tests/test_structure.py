# SPDX-License-Identifier: Apache-2.0
"""The structure of the source, as its imports draw it."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
FILES = sorted(SOURCE.glob("passthru/**/*.py"))


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in FILES}


def imported(file: Path) -> set[str]:
    """The project's modules that a file imports anywhere in it, in functions, too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            # What is no module is something that the module has.
            found.update(names & MODULES.keys() or {node.module})
    return found & MODULES.keys()


def test_no_module_imports_itself_in_a_circle() -> None:
    packages = {name for name, file in MODULES.items() if file.name == "__init__.py"}
    arrows = {
        # A package that hands on what its modules have is a door, not a part of the house.
        name: imported(file) - packages
        for name, file in MODULES.items()
        if name not in packages
    }
    try:
        tuple(TopologicalSorter(arrows).static_order())
    except CycleError as error:
        raise AssertionError(" -> ".join(error.args[1])) from None
