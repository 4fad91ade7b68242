# SPDX-License-Identifier: Apache-2.0
"""The completions, as the real shells give them."""

import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from passthru.cli import main as main_module
from passthru.cli.command_line import Takes
from passthru.cli.commands import COMMANDS, HYPERVISORS, SHELLS
from passthru.cli.main import main
from passthru.cli.shells.candidates import takes_words, words_for
from passthru.language.query import QUERIES
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.registry import RULES

FILES = ("guest.qvmconf", "guest two.qvmconf")

BASH = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
_passthru
printf '%s\\n' "${{COMPREPLY[@]}}"
"""

ZSH_SET_UP = """\
PS1=; unsetopt zle_bracketed_paste 2>/dev/null; autoload -Uz compinit
compinit -u -D; source {script}
compadd() {{
    [[ "$*" == *-[OAD]\\ * ]] && {{ builtin compadd "$@"; return }}
    local -a hits; builtin compadd -A hits "$@"
    print -rl -- $hits >> {hits}; builtin compadd "$@"
}}
told() {{ print >> {hits}.done }}
zle -N told; bindkey '^X^X' told; bindkey '^I' complete-word
# Before a line is edited the terminal itself would take some of the keys.
zle-line-init() {{ print >> {hits}.ready }}
zle -N zle-line-init
"""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory):
    from passthru.cli.completion import _script

    folder = tmp_path_factory.mktemp("scripts")
    for shell in SHELLS:
        (folder / shell).write_text(_script(shell))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the shells are, with files to offer."""
    folder = tmp_path_factory.mktemp("files")
    for name in FILES:
        (folder / name).touch()
    return folder


@pytest.fixture(scope="module")
def zsh(scripts, folder):
    """One interactive zsh for all tests: it takes a second to begin."""
    if not shutil.which("zsh"):
        yield None
        return
    session = Zsh(scripts / "zsh", folder)
    yield session
    session.end()


@pytest.fixture
def complete(scripts, folder, zsh):
    """Gives what a shell offers for the last of some words."""

    def offered(shell, *words):
        if not shutil.which(shell):
            pytest.skip(f"{shell} is not installed")
        words = ["passthru", *words]
        if shell == "zsh":
            return zsh.offered(words)
        return {"bash": _bash, "fish": _fish}[shell](scripts / shell, folder, words)

    return offered


def _environment(folder):
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def _bash(script, folder, words):
    # Readline cuts words at these two.
    parts = [part for word in words for part in _cut(word)]
    program = BASH.format(script=script, words=" ".join(map(shlex.quote, parts)))
    return _lines(["bash", "--norc", "-c", program], folder)


def _cut(word):
    if word.startswith("@"):
        return ["@", word[1:]] if word[1:] else ["@"]
    name, equals, value = word.partition("=")
    return [name, *([equals, value] if value else [equals])] if equals else [word]


def _fish(script, folder, words):
    line = " ".join(words[:-1]) + " " + words[-1]
    program = f"source {script}; complete -C {shlex.quote(line)}"
    lines = _lines(["fish", "--no-config", "-c", program], folder)
    offered = [line.partition("\t")[0] for line in lines]
    # fish gives the whole word --name=value.
    return [each.partition("=")[2] if "=" in each else each for each in offered]


def _lines(command, folder):
    run = subprocess.run(
        command,
        cwd=folder,
        env=_environment(folder),
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert run.stderr == ""
    return [line for line in run.stdout.splitlines() if line]


class Zsh:
    """Types words and a tab into an interactive zsh, whose offers go into a file."""

    def __init__(self, script, folder):
        hidden = folder / ".hidden"
        hidden.mkdir()
        self._hits = hidden / "hits"
        set_up = hidden / "set-up"
        set_up.write_text(ZSH_SET_UP.format(script=script, hits=self._hits))
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            os.chdir(folder)
            os.execvpe("zsh", ["zsh", "-f", "-i"], _environment(folder))
        os.write(self._terminal, f"source {set_up}\n".encode())
        self._await(self._hits.with_suffix(".ready"))

    def offered(self, words):
        done = self._hits.with_suffix(".done")
        done.unlink(missing_ok=True)
        self._hits.unlink(missing_ok=True)
        # The words and a tab; that they are done; away with the line.
        os.write(self._terminal, " ".join(words).encode() + b"\t\x18\x18\x15")
        self._await(done)
        return self._hits.read_text().split("\n")[:-1] if self._hits.exists() else []

    def end(self):
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._terminal)

    def _await(self, path):
        end = time.monotonic() + 20
        shown = b""
        while not path.exists():
            assert time.monotonic() < end, shown
            if select.select([self._terminal], [], [], 0.02)[0]:
                shown += os.read(self._terminal, 4096)


RULE_IDS = [rule.id for rule in RULES]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ch"], ["check"]),
        (["comp"], ["completion"]),
        (["check", "--hyp"], ["--hypervisor"]),
        (["check", "--hypervisor", ""], HYPERVISORS),
        (["check", "--format", ""], ["text", "json", "sarif"]),
        (["check", "--format=j"], ["json"]),
        (["check", "--allow", "dma-status-"], ["dma-status-missing", "dma-status-conflict"]),
        (["check", "guest"], FILES),
        (["check", "--format", "json", "--fix", "guest"], FILES),
        (["check", "--from-buildfile", "guest"], FILES),
        (["fmt", "guest"], FILES),
        (["explain", ""], RULE_IDS),
        (["options", "exit-"], ["exit-on-halt"]),
        (["get", "guest"], FILES),
        (["get", "x", "vdev"], ["vdev", "vdevs"]),
        (["get", "--format", "json", "x", "sys"], ["system"]),
        (["get", "x", "vdev", "pl0"], ["pl011"]),
        (["get", "x", ""], list(QUERIES)),
        (["run", "--h"], ["--hugepages", "--help"]),
        (["bench", "sh"], ["shell"]),
        (["bench", "run", "guest"], FILES),
        (["completion", ""], SHELLS),
    ],
)
def test_what_is_offered(complete, shell, words, offered):
    got = {each.rstrip("= ").replace("\\ ", " ") for each in complete(shell, *words)}
    assert got == set(offered)


@pytest.mark.parametrize("shell", SHELLS)
def test_a_file_behind_an_at_sign(complete, shell):
    got = {each.removeprefix("@").replace("\\ ", " ") for each in complete(shell, "run", "@guest")}
    assert got == set(FILES)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_printed_and_the_shell_reads_it(capsys, shell):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "passthru" in script
    if shutil.which(shell):
        command = [shell, "-n"]
        run = subprocess.run(command, input=script, text=True, capture_output=True, check=False)
        assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "bash, zsh, fish"),
        (["bash", "zsh"], "name one shell"),
        (["bassh"], "`bassh` is unknown; the nearest is `bash`"),
        (["powershell"], "it takes bash, zsh, fish"),
    ],
)
def test_wrong_usage(capsys, words, says):
    assert main(["completion", *words]) == 2
    assert says in capsys.readouterr().err


def test_help(capsys):
    assert main(["completion", "--help"]) == 0
    assert "usage: passthru completion" in capsys.readouterr().out


def test_the_table_has_every_command():
    names = {command.name for command in COMMANDS}
    assert names == main_module._COMMANDS | {"run"}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_the_table_has_what_the_help_of_a_command_has(command, capsys):
    if command.name == "bench":
        source = Path(main_module.__file__).with_name("bench.py").read_text()
    else:
        assert main([command.name, "--help"]) == 0
        source = capsys.readouterr().out
        told = {
            word.strip("[],.;`") for word in source.split() if word.strip("[`").startswith("--")
        }
        assert told - {"--help"} <= {flag.name for flag in command.flags}
    for flag in command.flags:
        assert flag.name in source
    for word in command.choices:
        assert word in source


def test_the_hypervisors_are_those_that_there_are():
    assert tuple(each.value for each in Hypervisor) == HYPERVISORS


def test_no_offered_word_needs_quotes():
    for takes in Takes:
        if takes_words(takes) and takes is not Takes.CHOICE:
            words = words_for(takes, ())
            assert words
            assert [word for word in words if shlex.quote(word) != word] == []
