# SPDX-License-Identifier: Apache-2.0
"""The rules of the language: what can be wrong with a text, whatever host it is for."""

from passthru.diagnostics.finding import Severity
from passthru.diagnostics.rule import Rule

__all__ = ["LANGUAGE_RULES"]

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING

NOT_TEXT = Rule(
    "not-text",
    _ERROR,
    "The file is not text in UTF-8.",
    "A configuration is plain text. Editors of other systems save it as UTF-16 now and then, and "
    "some files are no configurations at all; nothing of such a file is read.",
)
UNTERMINATED_QUOTE = Rule(
    "unterminated-quote",
    _ERROR,
    "A double quote is opened and never closed.",
    "Quoted text may run over several lines, so everything up to the next quote belongs to it. "
    "The rest is read as if the quote ended with its line.",
)
UNEXPANDED_MARKER = Rule(
    "unexpanded-marker",
    _WARNING,
    "A template's marker (`@NAME@`) is still in the text.",
    "Its value is not known, so nothing is said about what depends on it.",
)
UNKNOWN_VARIABLE = Rule(
    "unknown-variable",
    _ERROR,
    "`$env{…}`, `$asinfo_start{…}` or `$asinfo_length{…}` has no value; where no board is given "
    "this is information.",
    "Variables are replaced while the text is read; what depends on an unknown one is not looked "
    "at.",
)
UNKNOWN_OPTION = Rule(
    "unknown-option",
    _ERROR,
    "A word that is no option stands where an option must stand.",
    "The text is a stream of options, each followed by its arguments; here the option before has "
    "all of its arguments. Line ends have no meaning.",
)
FOREIGN_SYNTAX = Rule(
    "foreign-syntax",
    _ERROR,
    "Syntax of course notes and other tools (`addr=…`, `interrupt=…`, `name=…`), which the "
    "hypervisor does not have.",
    "The arguments of an option go by their order, each as one word. `=` only stands between the "
    "guest's side of `loc` or `intr`, on its left, and the host's side.",
)
MISSING_ARGUMENT = Rule(
    "missing-argument",
    _ERROR,
    "An option is followed by another option, or by the end of its file, instead of its argument.",
    "An argument comes directly after its option and in the same file. A word in quotes is always "
    "an argument.",
)
OPTION_OUTSIDE_CONTEXT = Rule(
    "option-outside-context",
    _ERROR,
    "An option of `pass`, `vdev`, `reserve` or `cpu` stands where none of them is open, or "
    "another one is.",
    "An option of a context must come after the word that opens it. A context ends at the next "
    "`pass`, `vdev`, `reserve` or `cpu`.",
)
OPTION_REPEATED = Rule(
    "option-repeated",
    _WARNING,
    "An option that counts once is given again in the same place.",
    "Of an option that is repeated the last one counts.",
)
OPTION_ORDER = Rule(
    "option-order",
    _ERROR,
    "`system` is not the first option, `load` comes before any `ram` or `rom`, or an interrupt "
    "controller is named before its `vdev`.",
    "The configuration is carried out from its start to its end, and qvm refuses a `system` that "
    "comes later.",
)
VERSION_ONLY = Rule(
    "version-only",
    _WARNING,
    "The chosen version of the hypervisor does not have this option, variable or form.",
    "A version refuses what it does not know, or gives it no effect.",
)
BAD_VALUE = Rule(
    "bad-value",
    _ERROR,
    "An argument is none of the words that its option takes.",
    "The option takes these words only.",
)
BAD_NUMBER = Rule(
    "bad-number",
    _ERROR,
    "A number is in no accepted notation, or out of range.",
    "Accepted are 0x1000 (hexadecimal), 0d4096 (decimal) and, for addresses and lengths, K, M and "
    "G behind the digits. Without a prefix an address is hexadecimal, every other number decimal.",
)
AMBIGUOUS_NUMBER = Rule(
    "ambiguous-number",
    _WARNING,
    "A number has no prefix, and the two radixes give different values.",
    "Addresses without a prefix are hexadecimal, all other numbers decimal; with a prefix nobody "
    "has to know that.",
)
BAD_LOCATION = Rule(
    "bad-location",
    _ERROR,
    "The argument of `loc` has none of its forms.",
    "The forms are [mem:]GUEST,LENGTH[,ACCESS][=HOST], io:PORT[,LENGTH][,ACCESS], "
    "pci:BUS:DEVICE[.FUNCTION][=pci:…] and pci:VENDOR/DEVICE.",
)
MISSING_LOC_KEYWORD = Rule(
    "missing-loc-keyword",
    _WARNING,
    "A location follows `pass` or `reserve` without `loc` before it.",
    "A location is the argument of `loc`. It is read as if `loc` were there.",
)
MISSING_LENGTH = Rule(
    "missing-length",
    _WARNING,
    "Memory is passed without a length; one page is assumed.",
    "The grammar asks for a length; QNX Hypervisor 7.0 and one example do without.",
)
HOST_ADDRESS_IGNORED = Rule(
    "host-address-ignored",
    _WARNING,
    "x86 ports are given a host address.",
    "x86 ports have the same numbers in the guest and on the host.",
)
UNKNOWN_ACCESS_TYPE = Rule(
    "unknown-access-type",
    _ERROR,
    "A letter is no access type.",
    "Access types are the letters r w x c e m d n s t, with + and - before those to add and to "
    "remove.",
)
ACCESS_REMOVED_NOTHING = Rule(
    "access-removed-nothing",
    _WARNING,
    "`-` stands before an access type that was not there.",
    "The letters count from left to right and start from none; rw is assumed only where there are "
    "no letters at all.",
)
BAD_INTERRUPT = Rule(
    "bad-interrupt",
    _ERROR,
    "The argument of `intr` has none of its forms.",
    "The form is CONTROLLER:LINE[,u][=VECTOR], or `apic` for the x86 local APIC.",
)
MISSING_INTERRUPT_CONTROLLER = Rule(
    "missing-interrupt-controller",
    _WARNING,
    "An interrupt is given by its line alone.",
    "A guest interrupt is a controller's name and one of its lines.",
)

LANGUAGE_RULES: tuple[Rule, ...] = (
    NOT_TEXT,
    UNTERMINATED_QUOTE,
    UNEXPANDED_MARKER,
    UNKNOWN_VARIABLE,
    UNKNOWN_OPTION,
    FOREIGN_SYNTAX,
    MISSING_ARGUMENT,
    OPTION_OUTSIDE_CONTEXT,
    OPTION_REPEATED,
    OPTION_ORDER,
    VERSION_ONLY,
    BAD_VALUE,
    BAD_NUMBER,
    AMBIGUOUS_NUMBER,
    BAD_LOCATION,
    MISSING_LOC_KEYWORD,
    MISSING_LENGTH,
    HOST_ADDRESS_IGNORED,
    UNKNOWN_ACCESS_TYPE,
    ACCESS_REMOVED_NOTHING,
    BAD_INTERRUPT,
    MISSING_INTERRUPT_CONTROLLER,
)
"""All rules of the language."""
