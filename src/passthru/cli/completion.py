# SPDX-License-Identifier: Apache-2.0
"""``passthru completion``: what makes a shell complete this command's words."""

from passthru.cli.command_line import UsageError, check_choice, parse
from passthru.cli.commands import COMPLETION, SHELLS
from passthru.cli.output import show
from passthru.diagnostics.errors import ExitStatus

__all__ = ["main"]

_USAGE = """\
usage: passthru completion bash|zsh|fish

Prints the completion script of a shell. To use it:

    bash    source <(passthru completion bash)         in ~/.bashrc
    zsh     source <(passthru completion zsh)          in ~/.zshrc, after compinit
    fish    passthru completion fish | source          in ~/.config/fish/config.fish
"""


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises UsageError."""
    line = parse(COMPLETION, arguments)
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    if len(line.operands) != 1:
        raise UsageError("completion", f"name one shell: {', '.join(SHELLS)}")
    (shell,) = line.operands
    check_choice("completion", "the shell", shell, SHELLS)
    show(_script(shell))
    return ExitStatus.OK


def _script(shell: str) -> str:
    if shell == "bash":
        from passthru.cli.shells.bash import bash_script

        return bash_script()
    if shell == "zsh":
        from passthru.cli.shells.zsh import zsh_script

        return zsh_script()
    from passthru.cli.shells.fish import fish_script

    return fish_script()
