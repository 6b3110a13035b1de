"""What attributes a piece of code assigns or deletes: a guess from its bytecode.

It errs on the safe side: it may name too many.  Must not run anything.
"""

from __future__ import annotations

import dis
from types import CodeType
from typing import FrozenSet, Iterator, NamedTuple, Optional, Set, Tuple

_EXTENDED = dis.opmap["EXTENDED_ARG"]
_STORES = (dis.opmap["STORE_ATTR"], dis.opmap["DELETE_ATTR"])
_IMPORTS = (dis.opmap["IMPORT_NAME"], dis.opmap["IMPORT_FROM"])
_LOADS_LOCAL = dis.opmap["LOAD_FAST"]
_LOADS_NAME = (dis.opmap["LOAD_NAME"], dis.opmap["LOAD_GLOBAL"])
# Since Python 3.11 the lowest bit says something else.
_GLOBAL_SHIFT = 1 if "PUSH_NULL" in dis.opmap else 0


class Assignments(NamedTuple):
    """``names`` are those of the attributes, ``owners`` what they are assigned to.

    ``words`` are all names that the code has, ``imported`` the parts of those that it
    imports, or imports from.
    """

    names: FrozenSet[str]
    owners: FrozenSet[str]
    words: FrozenSet[str]
    imported: FrozenSet[str]


def find(code: CodeType) -> Assignments:
    """Look through a module's code."""
    names: Set[str] = set()
    owners: Set[str] = set()
    words: Set[str] = set()
    imported: Set[str] = set()
    todo = [code]
    while todo:
        part = todo.pop()
        todo += [const for const in part.co_consts if isinstance(const, CodeType)]
        words.update(part.co_names)
        for name, owner in _stores(part):
            names.add(name)
            if owner is not None:
                owners.add(owner)
        for operation, argument in _operations(part):
            if operation in _IMPORTS:
                imported.update(part.co_names[argument].split("."))
    return Assignments(*map(frozenset, (names, owners, words, imported)))


def _operations(code: CodeType) -> Iterator[Tuple[int, int]]:
    operations, argument = code.co_code, 0
    for index in range(0, len(operations), 2):
        argument = argument << 8 | operations[index + 1]
        if operations[index] != _EXTENDED:
            yield operations[index], argument
            argument = 0


def _stores(code: CodeType) -> Iterator[Tuple[str, Optional[str]]]:
    """Yield what is assigned, and the name of the object if it stands just there."""
    owner: Optional[str] = None
    is_self = False
    for operation, argument in _operations(code):
        if operation in _STORES:
            if not is_self:
                yield code.co_names[argument], owner
        # Caches of Python 3.11 and newer are zero.
        elif operation:
            owner = None
            if operation in _LOADS_NAME:
                is_global = operation == _LOADS_NAME[1]
                owner = code.co_names[argument >> (_GLOBAL_SHIFT if is_global else 0)]
            # Methods assign to themselves all the time.
            is_self = (
                operation == _LOADS_LOCAL
                and argument == 0
                and code.co_varnames[:1] in (("self",), ("cls",))
            )
