"""What attributes a piece of code assigns or deletes: a guess from its bytecode.

It errs on the safe side: it may name too many.  Must not run anything.
"""

from __future__ import annotations

import dis
import sys
from bisect import bisect_right
from functools import lru_cache
from types import CodeType
from typing import Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Set, Tuple


def _codes(*names: str) -> Tuple[int, ...]:
    return tuple(dis.opmap[name] for name in names if name in dis.opmap)


_EXTENDED = dis.opmap["EXTENDED_ARG"]
_STORES = _codes("STORE_ATTR", "DELETE_ATTR")
_IMPORTS = _codes("IMPORT_NAME", "IMPORT_FROM")
_BINDS = _codes("STORE_NAME", "STORE_GLOBAL")
_BINDS_LOCAL = _codes("STORE_FAST")
_LOADS = _codes("LOAD_NAME", "LOAD_GLOBAL")
_LOADS_LOCAL = _codes("LOAD_FAST", "LOAD_FAST_CHECK", "LOAD_FAST_BORROW")
# Since Python 3.13 one operation may do two things; the second is in the lower bits.
_BINDS_AND_LOADS = _codes("STORE_FAST_LOAD_FAST")
_LOADS_SECOND = _BINDS_AND_LOADS + _codes(
    "LOAD_FAST_LOAD_FAST", "LOAD_FAST_BORROW_LOAD_FAST_BORROW"
)
_LOADS_ATTR = dis.opmap["LOAD_ATTR"]
_COPIES = _codes("DUP_TOP", "COPY")
# Where the lowest bit says something else.
_SHIFTS = {
    dis.opmap["LOAD_GLOBAL"]: 1 if sys.version_info >= (3, 11) else 0,
    _LOADS_ATTR: 1 if sys.version_info >= (3, 12) else 0,
}


class Assignments(NamedTuple):
    """``names`` are those of the attributes, ``owners`` what they are assigned to.

    ``words`` are all names that the code has, ``imported`` the parts of those that it
    imports, or imports from.  ``classes`` are the owners that may be in a module.
    ``finalizers`` is how many parts of it, classes for the most, name ``__del__``.
    """

    names: FrozenSet[str]
    owners: FrozenSet[str]
    words: FrozenSet[str]
    imported: FrozenSet[str]
    classes: FrozenSet[str]
    finalizers: int


class _Owner(NamedTuple):
    """What is on top of the stack: a name, perhaps with attributes behind it."""

    root: str
    is_local: bool = False
    attribute: Optional[str] = None


def find(code: CodeType) -> Assignments:
    """Look through a module's code."""
    words: Set[str] = set()
    imported: Set[str] = set()
    aliases: Dict[str, str] = {}
    stores: List[Tuple[str, Optional[_Owner]]] = []
    finalizers = 0
    todo = [code]
    while todo:
        part = todo.pop()
        todo += [const for const in part.co_consts if isinstance(const, CodeType)]
        words.update(part.co_names)
        finalizers += "__del__" in part.co_names
        stores += _stores(part)
        for operation, argument in _operations(part):
            if operation in _IMPORTS:
                imported.update(part.co_names[argument].split("."))
        aliases.update(_imports(part))
    owners, classes = _judge([owner for _, owner in stores if owner], aliases)
    names = frozenset(name for name, _ in stores)
    return Assignments(
        *(names, owners, frozenset(words), frozenset(imported), classes, finalizers)
    )


def _judge(
    owners: List[_Owner], aliases: Dict[str, str]
) -> Tuple[FrozenSet[str], FrozenSet[str]]:
    """Return the names that modules may have among them, and those that classes may."""
    modules = {one.root for one in owners if not (one.attribute or one.is_local)}
    classes: Set[str] = set()
    for owner in owners:
        if owner.root in aliases:
            classes.add(owner.attribute or aliases[owner.root])
    return frozenset(modules | classes), frozenset(classes)


def _imports(code: CodeType) -> Iterator[Tuple[str, str]]:
    """Yield the names that are bound to what is imported, and the last part of that."""
    last: Optional[str] = None
    for operation, argument in _operations(code):
        if operation in _IMPORTS:
            last = code.co_names[argument].rpartition(".")[2]
        elif last is not None:
            bound = _bound(code, operation, argument)
            if bound is not None:
                yield bound.root, last
                last = None


def _bound(code: CodeType, operation: int, argument: int) -> Optional[_Owner]:
    """Return the name that an operation binds."""
    if operation in _BINDS:
        return _Owner(code.co_names[argument])
    if operation in _BINDS_LOCAL:
        return _Owner(code.co_varnames[argument], is_local=True)
    if operation in _BINDS_AND_LOADS:
        return _Owner(code.co_varnames[argument >> 4], is_local=True)
    return None


def _operations(code: CodeType) -> Iterator[Tuple[int, int]]:
    for _, operation, argument in _locate(code):
        yield operation, argument


def _locate(code: CodeType) -> Iterator[Tuple[int, int, int]]:
    """Yield each operation with its offset and its argument."""
    text, argument = code.co_code, 0
    for index in range(0, len(text), 2):
        operation = text[index]
        argument = argument << 8 | text[index + 1]
        if operation != _EXTENDED:
            # Caches of Python 3.11 and newer are zero.
            if operation:
                yield index, operation, argument >> _SHIFTS.get(operation, 0)
            argument = 0


def _stores(code: CodeType) -> Iterator[Tuple[str, Optional[_Owner]]]:
    """Yield what is assigned, and the owner if it stands just there.

    Methods assign to themselves all the time: that is left out.
    """
    owner: Optional[_Owner] = None
    # Of a change in place (a.b += 1): what was copied, and by what is read of it.
    copied: Optional[_Owner] = None
    changing: Dict[str, _Owner] = {}
    for operation, argument in _operations(code):
        if operation in _STORES:
            name = code.co_names[argument]
            owner = owner or changing.pop(name, None)
            if owner is None or not _is_self(code, owner):
                yield name, owner
            owner = None
            continue
        if operation == _LOADS_ATTR and copied is not None:
            changing[code.co_names[argument]] = copied
        copied = owner if operation in _COPIES else None
        owner = _next_owner(code, owner, operation, argument)


def _next_owner(
    code: CodeType, owner: Optional[_Owner], operation: int, argument: int
) -> Optional[_Owner]:
    if operation in _LOADS:
        return _Owner(code.co_names[argument])
    if operation in _LOADS_SECOND:
        return _Owner(code.co_varnames[argument & 15], is_local=True)
    if operation in _LOADS_LOCAL and argument < len(code.co_varnames):
        return _Owner(code.co_varnames[argument], is_local=True)
    if operation == _LOADS_ATTR and owner is not None:
        return owner._replace(attribute=code.co_names[argument])
    return None


def _is_self(code: CodeType, owner: _Owner) -> bool:
    first = code.co_varnames[:1]
    return owner == _Owner("".join(first), is_local=True) and first in (
        ("self",),
        ("cls",),
    )


class Use(NamedTuple):
    """What code does with what it has just read of a module.

    ``attribute`` is what it assigns by a name that it imports just there.
    """

    is_assigned_to: bool = False
    attribute: Optional[str] = None


@lru_cache(maxsize=1024)
def use_at(code: CodeType, offset: int) -> Use:
    """Tell what the code does with what it reads at that offset."""
    found = list(_locate(code))
    # The offset may be that of a cache behind the operation.
    place = bisect_right(found, (offset, 256, 0)) - 1
    reading, following = found[place][1], found[place + 1 : place + 3]
    operations = [operation for _, operation, _ in following]
    if reading == _LOADS_ATTR:
        # A change in place reads the attribute first.
        is_change = operations[0] in _COPIES and operations[1] == _LOADS_ATTR
        return Use(is_assigned_to=is_change or operations[0] in _STORES)
    owner = _bound(code, *following[0][1:])
    if reading not in _IMPORTS or owner is None:
        return Use()
    assigned = [attribute for attribute, one in _stores(code) if one == owner]
    return Use(attribute=assigned[0] if assigned else None)
