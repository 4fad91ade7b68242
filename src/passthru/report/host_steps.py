# SPDX-License-Identifier: Apache-2.0
"""One list of what findings ask for on the host, in the order in which it is to be done."""

from collections.abc import Iterable, Iterator, Sequence

from passthru.diagnostics.finding import Finding, HostStep, StepKind
from passthru.report.text import findings_as_text, printable

__all__ = ["findings_and_steps_as_text", "host_steps_as_text"]

_HEAD = "to make the host ready, as root and in this order:"
_BOOT = "then, which takes a reboot:"
_ONLY_BOOT = "to make the host ready, which takes a reboot:"
_AGAIN = "and after that, the commands above once more: a reboot undoes them."


def findings_and_steps_as_text(findings: Sequence[Finding], *, colours: bool) -> str:
    """Every finding (see findings_as_text), and after them what is to be done on the host."""
    return findings_as_text(findings, colours=colours) + host_steps_as_text(findings)


def host_steps_as_text(findings: Iterable[Finding]) -> str:
    """The steps of all findings, each once; what needs a reboot is last.

    Empty where no two findings have any: a single one has its own under it. Within a kind the
    steps keep the order of the findings, which is that of the configuration.
    """
    asking = [finding for finding in findings if finding.steps]
    if len(asking) < 2:
        return ""
    steps = list(dict.fromkeys(step for finding in asking for step in finding.steps))
    return "".join(f"{line}\n" for line in _lines(steps))


def _lines(steps: list[HostStep]) -> Iterator[str]:
    commands = [
        step
        for kind in StepKind
        for step in steps
        if step.kind is kind and kind is not StepKind.BOOT
    ]
    boots = [step for step in steps if step.kind is StepKind.BOOT]
    if commands:
        yield _HEAD
        yield from _indented(commands)
    if boots:
        yield _BOOT if commands else _ONLY_BOOT
        yield from _indented(boots)
        if commands:
            yield _AGAIN


def _indented(steps: Iterable[HostStep]) -> Iterator[str]:
    for step in steps:
        for line in step.text.split("\n"):
            yield f"  {printable(line)}"
