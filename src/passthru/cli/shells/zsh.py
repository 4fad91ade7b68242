# SPDX-License-Identifier: Apache-2.0
"""The completion script for zsh, to be evaluated or put on ``fpath`` as ``_passthru``."""

from collections.abc import Iterator

from passthru.cli.command_line import Command, Flag, Takes
from passthru.cli.commands import COMMANDS
from passthru.cli.shells.candidates import flags_of, takes_words, words_for

__all__ = ["zsh_script"]

_SCRIPT = """\
#compdef passthru
# Completions of passthru for zsh: source <(passthru completion zsh), after compinit

_passthru_at_files() {
    compset -P @
    _files
}

_passthru() {
    if (( CURRENT == 2 )); then
        local -a commands=(
{commands}
        )
        _describe command commands
        return
    fi
    local command=$words[2]
    shift words
    (( CURRENT-- ))
    case $command in
{cases}
    esac
}

if [[ $funcstack[1] == _passthru ]]; then
    _passthru "$@"
else
    compdef _passthru passthru
fi
"""

_FILES = {
    Takes.FILE: "_files",
    Takes.DIRECTORY: "_files -/",
    Takes.AT_FILE: "_passthru_at_files",
}


def zsh_script() -> str:
    """The whole script."""
    commands = (f"            {_quoted(f'{each.name}:{each.help}')}" for each in COMMANDS)
    script = _SCRIPT.replace("{commands}", "\n".join(commands))
    return script.replace("{cases}", "\n".join(map(_case, COMMANDS)))


def _case(command: Command) -> str:
    lines = [f"        {command.name})", "            _arguments -S \\"]
    specs = [*map(_flag, flags_of(command)), *_operands(command)]
    lines += (f"                {_quoted(spec)} \\" for spec in specs)
    # The last line has nothing to continue to.
    lines[-1] = lines[-1].removesuffix(" \\")
    return "\n".join((*lines, "            ;;"))


def _flag(flag: Flag) -> str:
    text = flag.help.replace("[", "\\[").replace("]", "\\]")
    if flag.takes is Takes.NOTHING:
        return f"{flag.name}[{text}]"
    return f"*{flag.name}=[{text}]:{flag.takes.value}:{_action(flag.takes, flag.choices)}"


def _operands(command: Command) -> Iterator[str]:
    for place, takes in enumerate(command.operands, 1):
        number = "*" if place == len(command.operands) else str(place)
        yield f"{number}:{takes.value}:{_action(takes, command.choices)}"


def _action(takes: Takes, choices: tuple[str, ...]) -> str:
    if takes_words(takes):
        return f"({' '.join(words_for(takes, choices))})"
    return _FILES.get(takes, " ")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
