# SPDX-License-Identifier: Apache-2.0
"""What a board that was captured on the bench's virtual host must have."""

from passthru.bench.boards import BenchBoard
from passthru.board.model import Board

IOMMUS = {"x86-64": "vt-d", "aarch64": "smmuv3"}


def check_inventory(board: Board, bench: BenchBoard) -> None:
    """Compare the captured board with what the bench's own description promises."""
    assert board.architecture == bench.architecture.name.replace("-", "_")
    assert board.cpu_count == bench.processors
    assert board.iommu_kind == IOMMUS[bench.architecture.name]
    for expected in bench.functions:
        function = board.pci_function(expected.address)
        assert function is not None, expected.description
        assert (function.vendor, function.device) == (expected.vendor, expected.device)
        if expected.driver is not None:
            assert function.driver == expected.driver
        assert function.iommu_group is not None
        group = board.iommu_group(function.iommu_group)
        assert group is not None
        assert set(group.members) == {expected.address, *expected.group_with}
        assert function.capabilities is not None
        for means in ("MSI-X", "MSI"):
            if f"({means})" in expected.description:
                vectors = function.capabilities._asdict()[
                    f"{means.lower().replace('-', '')}_vectors"
                ]
                assert vectors, expected.description
    reserved = [region.range for region in board.reserved]
    for kept in bench.reserved:
        assert kept.range in reserved, kept.name
        assert not any(kept.range.overlaps(each) for each in board.allocated)
