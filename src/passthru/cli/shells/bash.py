# SPDX-License-Identifier: Apache-2.0
"""The completion script for bash; it needs no bash-completion package."""

from collections.abc import Iterator

from passthru.cli.command_line import Command, Takes
from passthru.cli.commands import COMMANDS
from passthru.cli.shells.candidates import flags_of, takes_words, words_for

__all__ = ["bash_script"]

_SCRIPT = """\
# Completions of passthru for bash: source <(passthru completion bash)

_passthru_words() {
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
}

_passthru_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen "$1" -- "$word")
}

_passthru_at_files() {
    # The @ is a word of its own to readline, unless somebody has changed COMP_WORDBREAKS.
    local at=
    if [[ $word == @* && $COMP_WORDBREAKS != *@* ]]; then at=@; fi
    word=${word#@}
    _passthru_files -f
    COMPREPLY=("${COMPREPLY[@]/#/$at}")
}

_passthru() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} place=0 i
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        _passthru_words "{commands}"
        return
    fi
    # To readline, --name=value is three words.
    if [[ $word == = ]]; then
        word=
    elif [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD-2]}
    fi
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[1]}:${COMP_WORDS[i]} in
{arguments}
                [[ ${COMP_WORDS[i+1]} == = ]] && ((i++))
                ((i++)) ;;
            *:- | *:[!-@]* | *:) ((place++)) ;;
        esac
    done
    case ${COMP_WORDS[1]}:$before in
{values}
    esac
    case ${COMP_WORDS[1]}:$word in
{flags}
    esac
    case ${COMP_WORDS[1]}:$place in
{operands}
    esac
}

complete -F _passthru passthru
"""

_FILES = {
    Takes.FILE: "_passthru_files -f",
    Takes.DIRECTORY: "_passthru_files -d",
    Takes.AT_FILE: "_passthru_at_files",
}


def bash_script() -> str:
    """The whole script."""
    parts = {
        "commands": " ".join(command.name for command in COMMANDS),
        "arguments": f"            {' | '.join(_with_arguments())})",
        "values": "\n".join(line for command in COMMANDS for line in _values(command)),
        "flags": "\n".join(map(_flags, COMMANDS)),
        "operands": "\n".join(line for command in COMMANDS for line in _operands(command)),
    }
    script = _SCRIPT
    for name, text in parts.items():
        script = script.replace(f"{{{name}}}", text)
    return script


def _with_arguments() -> Iterator[str]:
    for command in COMMANDS:
        for flag in command.flags:
            if flag.takes is not Takes.NOTHING:
                yield f"{command.name}:{flag.name}"


def _values(command: Command) -> Iterator[str]:
    for flag in command.flags:
        if flag.takes is not Takes.NOTHING:
            action = _action(flag.takes, flag.choices)
            yield f"        {command.name}:{flag.name}) {action}; return ;;"


def _flags(command: Command) -> str:
    names = " ".join(flag.name for flag in flags_of(command))
    return f'        {command.name}:-*) _passthru_words "{names}"; return ;;'


def _operands(command: Command) -> Iterator[str]:
    for place, takes in enumerate(command.operands):
        is_last = place == len(command.operands) - 1
        number = "*" if is_last else str(place)
        yield f"        {command.name}:{number}) {_action(takes, command.choices)} ;;"


def _action(takes: Takes, choices: tuple[str, ...]) -> str:
    if takes_words(takes):
        return f'_passthru_words "{" ".join(words_for(takes, choices))}"'
    return _FILES.get(takes, ":")
