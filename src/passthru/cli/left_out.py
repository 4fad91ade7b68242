# SPDX-License-Identifier: Apache-2.0
"""Virtual devices that somebody leaves out of a run, because it does not have them."""

from passthru.board.model import Board
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.language.model import VmConfig
from passthru.language.vdevs import plain_type
from passthru.lean import Callable, Iterable, Sequence

__all__ = ["NotLeftOutError", "without_types"]


class NotLeftOutError(PassthruError):
    """A ``--without`` that leaves nothing out; ``problem`` tells why."""

    exit_status = ExitStatus.USAGE

    def __init__(self, type_: str, problem: str, fix: str) -> None:
        super().__init__(type_, problem, fix)
        self.type = type_
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"--without {self.type}: {self.problem}"


def without_types(
    config: VmConfig, names: Iterable[str], board: Board, say: Callable[[str], None]
) -> VmConfig:
    """The configuration but for its virtual devices of the types that are named.

    Each is told by ``say``. Raises NotLeftOutError for a type that it has none of, and for one
    that run has on the host ``board``: a guest that is to go without can be written so.
    """
    types = [plain_type(name) for name in names]
    for type_ in types:
        _check(config, type_, _types_of_run(board))
    left_out = tuple(each for each in config.vdevs if each.type in types)
    for vdev in left_out:
        say(f"[{vdev.span}] `vdev {vdev.type}` is left out of this run")
    kept = tuple(each for each in config.vdevs if each.type not in types)
    return config._replace(vdevs=kept, left_out=left_out)


def _check(config: VmConfig, type_: str, built: Sequence[str]) -> None:
    present = tuple(dict.fromkeys(vdev.type for vdev in config.vdevs))
    if type_ in built:
        raise NotLeftOutError(
            type_,
            f"run has `vdev {type_}`; only what it does not have can be left out",
            f"remove `--without {type_}`; for a guest without it, remove `vdev {type_}` from its "
            "configuration",
        )
    if type_ not in present:
        kinds = ", ".join(each for each in present if each not in built)
        has = f"those that run does not have are {kinds}" if kinds else "run has all that are"
        raise NotLeftOutError(
            type_,
            f"no `vdev {type_}` is in the configuration; {has}",
            f"remove `--without {type_}`",
        )


def _types_of_run(board: Board) -> tuple[str, ...]:
    if board.architecture == "aarch64":
        from passthru.plan.arm_devices import ARM_VDEVS

        return ARM_VDEVS
    from passthru.plan.vdevs import SUPPORTED_VDEVS

    return SUPPORTED_VDEVS
