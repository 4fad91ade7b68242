# SPDX-License-Identifier: Apache-2.0
"""The completion script for fish."""

from collections.abc import Iterator

from passthru.cli.command_line import Command, Flag, Takes
from passthru.cli.commands import COMMANDS
from passthru.cli.shells.candidates import flags_of, takes_words, words_for

__all__ = ["fish_script"]

_SCRIPT = """\
# Completions of passthru for fish: passthru completion fish | source

function __passthru_command
    set -l words (commandline -opc)
    set -q words[2]; and test $words[2] = $argv[1]
end

# Whether the command is $argv[1], and $argv[2] to $argv[3] operands stand before the cursor.
function __passthru_operand
    __passthru_command $argv[1]; or return 1
    set -l words (commandline -opc)
    set -l count 0
    set -l skip 0
    for word in $words[3..]
        if test $skip = 1
            set skip 0
            continue
        end
        switch "$argv[1]:$word"
            case {arguments}
                set skip 1
            case '*:-'
                set count (math $count + 1)
            case '*:-*'
            case '*'
                set count (math $count + 1)
        end
    end
    test $count -ge $argv[2]; and test $count -le $argv[3]
end

function __passthru_at_files
    for path in (__fish_complete_path (string replace -r '^@' '' -- (commandline -ct)))
        echo @$path
    end
end

complete -c passthru -f
{completions}
"""

_MOST = 9999
"""More operands than a command line has."""

_FILES = {
    Takes.FILE: "-F",
    Takes.DIRECTORY: "-a '(__fish_complete_directories)'",
    Takes.AT_FILE: "-a '(__passthru_at_files)'",
}


def fish_script() -> str:
    """The whole script."""
    completions = "\n".join(line for command in COMMANDS for line in _command(command))
    script = _SCRIPT.replace("{arguments}", " ".join(_with_arguments()))
    return script.replace("{completions}", completions)


def _with_arguments() -> Iterator[str]:
    for command in COMMANDS:
        for flag in command.flags:
            if flag.takes is not Takes.NOTHING:
                yield _quoted(f"{command.name}:{flag.name}")


def _command(command: Command) -> Iterator[str]:
    yield (
        "complete -c passthru -n 'test (count (commandline -opc)) -eq 1' "
        f"-a {command.name} -d {_quoted(command.help)}"
    )
    for flag in flags_of(command):
        yield _flag(command, flag)
    for place, takes in enumerate(command.operands):
        most = _MOST if place == len(command.operands) - 1 else place
        condition = _quoted(f"__passthru_operand {command.name} {place} {most}")
        yield f"complete -c passthru -n {condition} {_action(takes, command.choices)}".rstrip()


def _flag(command: Command, flag: Flag) -> str:
    condition = _quoted(f"__passthru_command {command.name}")
    name = flag.name.removeprefix("--")
    line = f"complete -c passthru -n {condition} -l {name} -d {_quoted(flag.help)}"
    if flag.takes is Takes.NOTHING:
        return line
    files = "-r" if flag.takes is Takes.FILE else "-x"
    return f"{line} {files} {_action(flag.takes, flag.choices)}".rstrip()


def _action(takes: Takes, choices: tuple[str, ...]) -> str:
    if takes_words(takes):
        return f"-a {_quoted(' '.join(words_for(takes, choices)))}"
    return _FILES.get(takes, "")


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
