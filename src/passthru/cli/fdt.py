# SPDX-License-Identifier: Apache-2.0
"""``passthru fdt``: the device tree that a guest needs, cut from its host's."""

import os
import sys
from pathlib import Path

from passthru.addresses import AddressRange
from passthru.board.load import load_tree
from passthru.cli.command_line import CommandLine, UsageError, parse
from passthru.cli.commands import FDT
from passthru.cli.output import colours_on, show, tell
from passthru.cli.tree_files import UnreadableTreeError, read_tree_file, write_tree_file
from passthru.diagnostics.errors import ExitStatus
from passthru.diagnostics.finding import Severity
from passthru.guest_tree.assembly import LARGEST_TREE, make_guest_tree
from passthru.guest_tree.flattened_writer import write_flattened_tree
from passthru.guest_tree.loaded_tree import LoadedTree
from passthru.guest_tree.problems import GuestTreeTooLargeError
from passthru.guest_tree.tree_source import tree_as_source
from passthru.language.arguments import open_source
from passthru.language.model import BlobType, Load, VmConfig
from passthru.language.options import EVERY_VERSION
from passthru.language.reader import read
from passthru.lean import Iterator

__all__ = ["main"]

_USAGE = """\
usage: passthru fdt FILE [--board TREE] [-o OUT.dtb|OUT.dts]

Makes the device tree of the guest that FILE configures; `-` is the standard input. It has the
guest's memory, processors, interrupt controller, timer and virtual devices, and cut from the
host's tree the nodes of passed devices, with the guest's addresses and interrupt lines. What
`fdt load` brings is merged with that. Clocks, power and resets that stay with the host are
refused; what is left out is told on the error output.

  --board TREE        the host's device tree (.dtb, .dts), or a directory with the /sys of a host
                      that runs with one; `/` is this host. Without it no device is cut.
  -o, --output FILE   a blob (.dtb) or source (.dts); without it the source is printed

Exit status: 0, 65 there is no such tree or the configuration is wrong, 64 a file could not be read
or written, 2 wrong usage.
"""

_SUFFIXES = (".dtb", ".dts")


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises PassthruError."""
    line = parse(FDT, ["--output" if word == "-o" else word for word in arguments])
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    if len(line.operands) != 1:
        raise UsageError("fdt", "it takes one FILE, the configuration of the guest")
    output = line.last("--output", "")
    if line.has("--output") and Path(output).suffix not in _SUFFIXES:
        raise UsageError("fdt", f"`{output}` ends in neither .dtb nor .dts")
    return _make(line, output)


def _make(line: CommandLine, output: str) -> int:
    source = open_source(line.operands[0].removeprefix("@"))
    result = read([source], environment=os.environ, version=EVERY_VERSION)
    if any(finding.severity is Severity.ERROR for finding in result.findings):
        from passthru.report.text import findings_as_text

        show(findings_as_text(result.findings, colours=colours_on(sys.stderr)), sys.stderr)
        return ExitStatus.CONFIGURATION
    config = result.config
    host = load_tree(line.last("--board", "")) if line.has("--board") else None
    made = make_guest_tree(config, host, tuple(_loaded(config)), initrd=_initrd(config))
    blob = write_flattened_tree(made.tree)
    if len(blob) > LARGEST_TREE:
        raise GuestTreeTooLargeError(len(blob), LARGEST_TREE)
    if output.endswith(".dtb"):
        write_tree_file(output, blob)
    elif output:
        write_tree_file(output, tree_as_source(made.tree).encode())
    else:
        show(tree_as_source(made.tree))
    for remark in made.remarks:
        tell(remark)
    return ExitStatus.OK


def _loaded(config: VmConfig) -> Iterator[LoadedTree]:
    """The trees that the configuration brings; relative paths count from its folder."""
    for load in config.loads:
        if load.blob is BlobType.FDT:
            yield read_tree_file(load, str(_beside(load)))
    for passed in config.passes:
        if passed.blob is BlobType.FDT:
            raise UnreadableTreeError(
                str(passed.span),
                passed.span.text,
                "it is in the memory of the host",
                "fdt load FILE, with the same tree as a file",
            )


def _beside(load: Load) -> Path:
    return Path(load.span.file).parent / load.path


def _initrd(config: VmConfig) -> AddressRange | None:
    """The place of a loaded RAM disk, where text and file tell it."""
    for load in config.loads:
        if load.blob is not BlobType.INITRD:
            continue
        path = _beside(load)
        if load.address is not None and path.is_file():
            return AddressRange(load.address, path.stat().st_size)
        why = "has no address" if load.address is None else "is not here to be measured"
        tell(f"[{load.span}] `{load.path}` {why}; the tree does not say where the RAM disk is")
    return None
