#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Any bytes as a configuration: findings come out, no exception, and every place is in the text.

usage: fuzz/fuzz_reader.py [OPTION OF LIBFUZZER…]    (-max_total_time=60, a file to repeat, …)

Guided by the coverage of the project's code (needs atheris). It starts from the examples of
the findings and of what earlier runs met, and leaves an input that breaks something in .fuzz.
"""

import sys
from pathlib import Path

import atheris

_DIRECTORY = Path(__file__).resolve().parents[1] / ".fuzz"

_LIMITS = ("-timeout=10", "-max_len=2048")
"""Seconds for one input, and bytes of it: longer ones find the same, slower."""


def main(arguments: list[str]) -> None:
    """Run until libFuzzer's options or a failure end it; does not return."""
    corpus, seeds, dictionary = (_DIRECTORY / name for name in ("corpus", "seeds", "words"))
    for directory in (corpus, seeds):
        directory.mkdir(parents=True, exist_ok=True)
    (_DIRECTORY / ".gitignore").write_text("*\n")
    with atheris.instrument_imports(include=["passthru"]):
        from reader_target import examine, write_dictionary, write_seeds

        write_seeds(seeds)
        write_dictionary(dictionary)
        # Some modules are imported when they are needed; here they are.
        for seed in seeds.iterdir():
            examine(seed.read_bytes())
    program, *options = arguments
    repeats_files = any(not option.startswith("-") for option in options)
    inputs = () if repeats_files else (str(corpus), str(seeds))
    places = (f"-dict={dictionary}", f"-artifact_prefix={_DIRECTORY}/")
    atheris.Setup([program, *_LIMITS, *places, *options, *inputs], examine)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
