# SPDX-License-Identifier: Apache-2.0
"""What several tests share: the C compiler as an oracle for kernel headers, and signals that end
what a test starts, however the tests themselves were started.
"""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says something about the machine, not about the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What a program is started with ignored stays so in all that it starts: SIGHUP by `nohup`, SIGINT
# and SIGQUIT in the background of a shell.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        own = signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL
        signal.signal(number, own)

HeaderProbe = Callable[[list[str], list[str]], dict[str, int]]


@pytest.fixture
def header_probe(tmp_path: Path) -> HeaderProbe:
    """Evaluates C constant expressions with the installed kernel headers."""

    def evaluate(headers: list[str], expressions: list[str]) -> dict[str, int]:
        source = tmp_path / "probe.c"
        source.write_text(
            "#include <stdio.h>\n#include <stddef.h>\n"
            + "".join(f"#include <{header}>\n" for header in headers)
            + "int main(void) {\n"
            + "".join(
                f'printf("%lld\\n", (long long)({expression}));\n' for expression in expressions
            )
            + "return 0; }\n"
        )
        program = tmp_path / "probe"
        subprocess.run(["cc", "-o", str(program), str(source)], check=True)
        printed = subprocess.run([str(program)], check=True, capture_output=True, text=True)
        return dict(zip(expressions, map(int, printed.stdout.split()), strict=True))

    return evaluate
