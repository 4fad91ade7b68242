# SPDX-License-Identifier: Apache-2.0
"""Asks a configuration for one thing, in the words of the configuration itself.

``<option> [selector] [option]``: ``vdev pl011 loc`` is the `loc` of the `vdev pl011`, and
``pass 0`` the first `pass`. A selector is left out (all), a number counted from 0, or what
tells one from another: the type or name of a `vdev`, the variable of a `set`. Beside the
options there are a few words for what people ask of several of them: QUERIES lists all.
"""

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.language.locations import Space
from passthru.language.model import (
    BlobType,
    Cpu,
    Interrupt,
    Load,
    Location,
    MemoryKind,
    MemoryLocation,
    MemoryOption,
    Pass,
    PciLocation,
    PortLocation,
    Reserve,
    Setting,
    Variable,
    Vdev,
    VmConfig,
)
from passthru.language.options import CONTEXT_OPTIONS, Context
from passthru.language.spelling import nearest
from passthru.language.variables import SET_VARIABLES
from passthru.language.vdevs import VDEV_TYPES
from passthru.lean import Callable, Iterable, NamedTuple, Sequence

__all__ = ["QUERIES", "Answer", "BadQueryError", "DevicePlace", "Value", "ask", "device_places"]


class DevicePlace(NamedTuple):
    """Where a virtual device is in the guest's memory or ports; its size is its own business."""

    space: Space
    start: int


Value = (
    str
    | int
    | MemoryOption
    | Location
    | DevicePlace
    | Interrupt
    | Cpu
    | Load
    | Pass
    | Reserve
    | Vdev
    | Variable
    | Setting
)
"""What an answer is made of; a bool is for yes or no."""


class Answer(NamedTuple):
    """The values that a query has in a configuration, in the order of the text.

    ``single``: the query asks for what a VM has at most once, whatever this one has.
    """

    values: tuple[Value, ...]
    single: bool = False


class BadQueryError(PassthruError):
    """Words that ask for nothing; ``accepted`` is what may stand in the place of ``word``."""

    exit_status = ExitStatus.USAGE

    def __init__(self, word: str, after: Sequence[str], accepted: Iterable[str]) -> None:
        super().__init__(word, after, accepted)
        self.word = word
        self.after = tuple(after)
        self.accepted = tuple(accepted)

    def __str__(self) -> str:
        shown = "".join(c if c.isprintable() else "\ufffd" for c in self.word)
        what = f"`{shown}` behind `{' '.join(self.after)}`" if self.after else f"`{shown}`"
        if not self.accepted:
            return f"{what} asks for nothing; the query ends before it"
        guess = nearest(self.word, self.accepted)
        meant = f"the nearest is `{guess}`; " if guess else ""
        return f"{what} asks for nothing; {meant}it can be {', '.join(self.accepted)}"


_SETTINGS = ("logger", "dump", "unsupported", "safety", "generate")

QUERIES = {
    "system": "the name of the VM",
    "cmdline": "the command line for the guest's kernel",
    "image": "the file that the guest starts, or the memory it is passed in",
    **{blob.value: f"the files loaded as `{blob.value}`" for blob in BlobType},
    "cpus": "how many virtual CPUs the guest has",
    "cpu": "[N] [cluster|runmask|partition|sched]: the `cpu` contexts",
    "ram": "[total|N]: guest RAM; its total in bytes",
    "rom": "[total|N]: guest ROM; its total in bytes",
    "load": "[N]: all files that are loaded",
    "pass": "[N] [loc|intr|sched]: what is passed through",
    "reserve": "[N] [loc|intr]: what is reserved",
    "vdevs": "the types of the virtual devices",
    "vdev": "[TYPE|NAME|N] [OPTION]: the virtual devices, or an option of theirs",
    "set": "[VARIABLE]: the configuration variables; the value of one",
    "dryrun": "whether nothing is to be started",
    **{name: f"the words of `{name}`" for name in _SETTINGS},
}
"""The first word of every query, and what it asks for."""


def ask(config: VmConfig, query: Sequence[str]) -> Answer:
    """What ``config`` has to say to the words of ``query``; raises BadQueryError."""
    first = query[0] if query else ""
    question = _QUESTIONS.get(first)
    if question is None:
        raise BadQueryError(first, (), QUERIES)
    return question(config, query)


def _system(config: VmConfig, query: Sequence[str]) -> Answer:
    _end(query, 1)
    return _single(config.system.value if config.system else None)


def _cmdline(config: VmConfig, query: Sequence[str]) -> Answer:
    _end(query, 1)
    return _single(config.cmdline.value if config.cmdline else None)


def _dryrun(config: VmConfig, query: Sequence[str]) -> Answer:
    _end(query, 1)
    return _single(config.dryrun)


def _image(config: VmConfig, query: Sequence[str]) -> Answer:
    """The file of `guest load`, the memory of `guest pass`, or the first file without a type."""
    _end(query, 1)
    named = _blob(config, ("guest",)).values
    if named:
        return _single(named[0])
    return _single(next((load.path for load in config.loads if load.blob is None), None))


def _blob(config: VmConfig, query: Sequence[str]) -> Answer:
    _end(query, 1)
    files = [load.path for load in config.loads if load.blob and load.blob.value == query[0]]
    passed = [
        location
        for each in config.passes
        if each.blob and each.blob.value == query[0]
        for location in each.locations
    ]
    return Answer((*files, *passed))


def _cpus(config: VmConfig, query: Sequence[str]) -> Answer:
    _end(query, 1)
    return _single(max(1, len(config.cpus)))


def _cpu(config: VmConfig, query: Sequence[str]) -> Answer:
    chosen, option = _selected(query, tuple(CONTEXT_OPTIONS[Context.CPU]))
    cpus = config.cpus[chosen]
    if option is None:
        return Answer(cpus)
    texts = (getattr(cpu, option) for cpu in cpus)
    return Answer(tuple(text.value for text in texts if text is not None))


def _memory(config: VmConfig, query: Sequence[str]) -> Answer:
    kind = MemoryKind(query[0])
    chosen, total = _selected(query, ("total",))
    memory = tuple(each for each in config.memory if each.kind is kind)[chosen]
    if total is None:
        return Answer(memory)
    return _single(sum(each.size for each in memory) if memory else None)


def _load(config: VmConfig, query: Sequence[str]) -> Answer:
    chosen, _ = _selected(query, ())
    return Answer(config.loads[chosen])


def _pass(config: VmConfig, query: Sequence[str]) -> Answer:
    chosen, option = _selected(query, tuple(CONTEXT_OPTIONS[Context.PASS]))
    passes = config.passes[chosen]
    if option == "loc":
        return Answer(tuple(location for each in passes for location in each.locations))
    if option == "intr":
        return Answer(tuple(interrupt for each in passes for interrupt in each.interrupts))
    if option == "sched":
        return Answer(tuple(each.sched.value for each in passes if each.sched))
    return Answer(passes)


def _reserve(config: VmConfig, query: Sequence[str]) -> Answer:
    chosen, option = _selected(query, tuple(CONTEXT_OPTIONS[Context.RESERVE]))
    reserves = config.reserves[chosen]
    if option == "loc":
        return Answer(tuple(location for each in reserves for location in each.locations))
    if option == "intr":
        return Answer(tuple(interrupt for each in reserves for interrupt in each.interrupts))
    return Answer(reserves)


def _vdevs(config: VmConfig, query: Sequence[str]) -> Answer:
    _end(query, 1)
    return Answer(tuple(vdev.type for vdev in config.vdevs))


def _vdev(config: VmConfig, query: Sequence[str]) -> Answer:
    words = list(query[1:])
    vdevs: Sequence[Vdev] = config.vdevs
    if words and words[0] not in CONTEXT_OPTIONS[Context.VDEV]:
        vdevs = _vdevs_called(config, words.pop(0))
    if not words:
        return Answer(tuple(vdevs))
    _end(query, len(query) - len(words) + 1)
    option = words[0]
    _check_vdev_option(vdevs, query)
    return Answer(tuple(value for vdev in vdevs for value in _vdev_values(vdev, option)))


def _vdevs_called(config: VmConfig, word: str) -> list[Vdev]:
    called = [
        vdev
        for vdev in config.vdevs
        if vdev.type == word or (vdev.name is not None and vdev.name.value == word)
    ]
    # There is a type whose name is a number.
    if called or word in VDEV_TYPES:
        return called
    if _is_index(word):
        return list(config.vdevs[int(word) : int(word) + 1])
    known = {*VDEV_TYPES, *CONTEXT_OPTIONS[Context.VDEV]}
    if nearest(word, known) is not None:
        raise BadQueryError(word, ("vdev",), sorted(known))
    return []


def _check_vdev_option(vdevs: Sequence[Vdev], query: Sequence[str]) -> None:
    """Raises BadQueryError for what none of the devices can have."""
    option = query[-1]
    known = dict(CONTEXT_OPTIONS[Context.VDEV])
    for vdev in vdevs:
        if vdev.type not in VDEV_TYPES or vdev.values(option):
            return
        known.update(VDEV_TYPES[vdev.type].options)
    if vdevs and option not in known:
        raise BadQueryError(option, query[:-1], sorted(known))


def _vdev_values(vdev: Vdev, option: str) -> tuple[Value, ...]:
    if option == "loc":
        return device_places(vdev)
    if option == "intr":
        return vdev.interrupts
    if option == "name":
        return (vdev.name.value,) if vdev.name else ()
    return tuple(each.value or "" for each in vdev.options if each.name == option)


def device_places(vdev: Vdev) -> tuple[DevicePlace | PciLocation, ...]:
    """Where the guest finds a virtual device, without the sizes that nobody wrote."""
    return tuple(map(_device_place, vdev.locations))


def _device_place(location: Location) -> DevicePlace | PciLocation:
    if isinstance(location, MemoryLocation):
        return DevicePlace(Space.MEMORY, location.guest.start)
    if isinstance(location, PortLocation):
        return DevicePlace(Space.PORT, location.ports.start)
    return location


def _set(config: VmConfig, query: Sequence[str]) -> Answer:
    _end(query, 2)
    if len(query) == 1:
        return Answer(config.variables)
    name = query[1]
    values = [variable.value for variable in config.variables if variable.name == name]
    if not values and name not in SET_VARIABLES and nearest(name, SET_VARIABLES):
        raise BadQueryError(name, ("set",), SET_VARIABLES)
    # A variable of a virtual device has one value for each.
    variable = SET_VARIABLES.get(name)
    return Answer(tuple(values), single=variable is None or not variable.per_vdev)


def _setting(config: VmConfig, query: Sequence[str]) -> Answer:
    _end(query, 1)
    return Answer(tuple(each for each in config.settings if each.name == query[0]))


def _selected(query: Sequence[str], options: Sequence[str]) -> tuple[slice, str | None]:
    """The parts that a number chooses, or all, and the option behind it; raises BadQueryError."""
    words = list(query[1:])
    chosen = slice(None)
    if words and _is_index(words[0]):
        place = int(words.pop(0))
        chosen = slice(place, place + 1)
    if not words:
        return chosen, None
    before = query[: len(query) - len(words)]
    if words[0] not in options:
        accepted = (*options, "a number from 0") if len(before) == 1 else options
        raise BadQueryError(words[0], before, accepted)
    _end(query, len(before) + 1)
    return chosen, words[0]


def _is_index(word: str) -> bool:
    return word.isdecimal() and word.isascii() and len(word) < 10


def _end(query: Sequence[str], most: int) -> None:
    """Raises BadQueryError if the query goes on."""
    if len(query) > most:
        raise BadQueryError(query[most], query[:most], ())


def _single(value: Value | None) -> Answer:
    return Answer(() if value is None else (value,), single=True)


_QUESTIONS: dict[str, Callable[[VmConfig, Sequence[str]], Answer]] = {
    "system": _system,
    "cmdline": _cmdline,
    "image": _image,
    **dict.fromkeys((blob.value for blob in BlobType), _blob),
    "cpus": _cpus,
    "cpu": _cpu,
    "ram": _memory,
    "rom": _memory,
    "load": _load,
    "pass": _pass,
    "reserve": _reserve,
    "vdevs": _vdevs,
    "vdev": _vdev,
    "set": _set,
    "dryrun": _dryrun,
    **dict.fromkeys(_SETTINGS, _setting),
}
