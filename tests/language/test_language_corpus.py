# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from passthru.language import open_source, read

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
FILES = sorted(CORPUS.glob("*.qvmconf"))

pytestmark = pytest.mark.skipif(not FILES, reason="the corpus of real configurations is not here")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_real_configuration_is_read_whole_and_without_a_word(path):
    result = read([open_source(str(path))], environment={})
    assert result.findings == ()
    assert result.complete
    assert result.config.system is not None
    assert result.config.memory
    assert result.config.loads
    assert result.config.vdevs


def test_what_is_in_the_android_configuration():
    (path,) = (path for path in FILES if path.name.startswith("31-"))
    config = read([open_source(str(path))], environment={}).config
    assert config.name == "android"
    assert len(config.cpus) == 2
    assert (config.memory[0].start, config.memory[0].size) == (0x80000000, 4 << 30)
    assert [vdev.type for vdev in config.vdevs] == ["gic", "pl011", "virtio-blk"]
    assert config.vdevs[0].values("gicd") == ("0x09000000",)
    assert config.vdevs[2].name.value == "virtio-blk_android"
    assert [load.path.rpartition("/")[2] for load in config.loads] == [
        "bcm2711.dtb",
        "Image",
        "ramdisk.img",
    ]


def test_what_is_in_the_graphics_configuration():
    (path,) = (path for path in FILES if path.name.startswith("19-"))
    config = read([open_source(str(path))], environment={}).config
    gpu = config.vdevs[-1]
    assert gpu.type == "virtio-gpu"
    assert gpu.interrupts[0].line == 44
    assert gpu.values("scanout-width") == ("1024",)
