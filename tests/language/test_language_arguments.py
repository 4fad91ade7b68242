# SPDX-License-Identifier: Apache-2.0
import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from passthru.language import UnreadableConfigurationError, read, sources_from_arguments
from passthru.language.words import read_words


def config_of(argv):
    result = read(sources_from_arguments(argv), environment={})
    assert result.findings == ()
    return result.config


@pytest.fixture
def guest(tmp_path):
    path = tmp_path / "guest.qvmconf"
    path.write_text("system guest\nram 1G\n")
    return path


def test_files_and_words_are_read_in_their_order(guest, tmp_path):
    more = tmp_path / "more.qvmconf"
    more.write_text("cpu sched 8")
    argv = [f"@{guest}", "load", "my image", f"@{more}", "cluster", "a", "dryrun"]
    config = config_of(argv)
    assert config.name == "guest"
    assert config.loads[0].path == "my image"
    assert config.cpus[0].cluster.value == "a"
    assert config.dryrun
    names = [source.name for source in sources_from_arguments(argv)]
    assert names == [str(guest), "<command line>", str(more), "<command line>"]


def test_an_argument_is_not_taken_from_the_file_behind_the_words(guest):
    result = read(sources_from_arguments(["ram", f"@{guest}"]), environment={})
    assert [f.id for f in result.findings] == ["missing-argument", "option-order"]


@given(
    st.lists(st.text(max_size=10).filter(lambda t: t[:1] != "@" and "\r\n" not in t), max_size=4)
)
@example(["\ufeff"])
def test_each_element_is_one_word_whatever_is_in_it(argv):
    words = [
        word.value for source in sources_from_arguments(argv) for word in read_words(source)[0]
    ]
    assert words == argv


def test_standard_input():
    end, start = os.pipe()
    os.write(start, b"system piped")
    os.close(start)
    saved = os.dup(0)
    os.dup2(end, 0)
    try:
        (source,) = sources_from_arguments(["@-"])
        os.fstat(0)  # stays open: the guest's console may use it
    finally:
        os.dup2(saved, 0)
        os.close(saved)
        os.close(end)
    assert (source.name, source.text) == ("<stdin>", "system piped")


@pytest.mark.parametrize("name", ["absent", ".", "a\0b", ""])
def test_a_file_that_cannot_be_read(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnreadableConfigurationError) as caught:
        sources_from_arguments([f"@{name}"])
    assert caught.value.path == name
    assert str(caught.value).startswith(f"cannot read the configuration `{name}`: ")
    assert caught.value.problem in str(caught.value)
    assert caught.value.exit_status == 64


def test_a_file_without_end_is_refused():
    with pytest.raises(UnreadableConfigurationError, match="longer than 16 MiB"):
        sources_from_arguments(["@/dev/zero"])


def test_bytes_that_are_no_text_are_read_and_kept(tmp_path):
    path = tmp_path / "latin1.qvmconf"
    path.write_bytes("# gerät\nsystem gerät\n".encode("latin-1"))
    (source,) = sources_from_arguments([f"@{path}"])
    assert source.text.encode("utf-8", "surrogateescape") == path.read_bytes()
    result = read([source], environment={})
    assert result.findings == ()
    # A file name on the host has the same bytes as the configuration.
    assert os.fsencode(result.config.name) == "gerät".encode("latin-1")
