"""What one source file does that may matter for the choice of a runner.

Values, and the notes that become one; nothing is judged here.
"""

from __future__ import annotations

import ast
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

# What is done with what has a name.
USES, CALLS, SETS, CHANGES, VARIABLE, OPENS, RELOADS, STARTS = range(8)

# Everything below the package may be imported.
ANY = "*"

# Functions that run text.
RUN_TEXT = frozenset(("builtins.exec", "builtins.eval"))


class Named(NamedTuple):
    """An argument that is the value of what has a full name: ``locale.LC_ALL``."""

    name: str


class Arguments(NamedTuple):
    """What a call is given: literals, and Named."""

    positional: Tuple[object, ...]
    keywords: Dict[str, object]


class Use(NamedTuple):
    """``arguments`` are those of a call, None if they cannot be told."""

    kind: int
    name: str
    line: int
    arguments: Optional[Arguments] = None


class Import(NamedTuple):
    """A module, and names that may be modules in it."""

    module: str
    names: Tuple[str, ...]
    line: int
    is_guarded: bool


class Facts(NamedTuple):
    """``folders`` are those added to sys.path, with their lines; None is unknown.

    ``files`` are paths of what it may run; ``exports`` are the full names of what it
    has imported, by the names it has given them.
    """

    uses: Tuple[Use, ...]
    imports: Tuple[Import, ...]
    folders: Tuple[Tuple[Optional[str], int], ...]
    files: Tuple[str, ...]
    exports: Dict[str, Tuple[str, ...]]
    stars: Tuple[str, ...]


def list_names(facts: Facts, name: str) -> Iterator[str]:
    """Yield the full names of what the module calls by that name."""
    first, dot, rest = name.partition(".")
    for found in facts.exports.get(first, ()):
        yield found + dot + rest
    for module in facts.stars:
        yield f"{module}.{name}"


class Notes:
    """Facts while they are gathered."""

    def __init__(self) -> None:
        self.imports: List[Import] = []
        self.folders: List[Tuple[Optional[str], int]] = []
        self.files: List[str] = []
        # Sources that are opened: perhaps for exec().
        self.opened: List[str] = []
        # How many of these are around what is being read.
        self.guards = self.catchers = self.commands = 0
        self._uses: Dict[object, Use] = {}

    def add_use(
        self,
        kind: int,
        name: str,
        node: ast.AST,
        arguments: Optional[Arguments] = None,
    ) -> None:
        """Note that something with a name is used; once, but for calls."""
        if self.catchers and name.startswith("warnings."):
            return  # they are taken back
        use = Use(kind, name, getattr(node, "lineno", 1), arguments)
        key: object = (kind, name) if arguments is None else id(use)
        self._uses.setdefault(key, use)

    def add_import(self, module: str, names: Tuple[str, ...], line: int) -> None:
        """Note an import."""
        self.imports.append(Import(module, names, line, self.guards > 0))

    def finish(
        self, exports: Dict[str, Tuple[str, ...]], stars: Sequence[str]
    ) -> Facts:
        """Return the facts."""
        runs_text = any(use.name in RUN_TEXT for use in self._uses.values())
        files = [*self.files, *(self.opened if runs_text else ())]
        return Facts(
            tuple(self._uses.values()),
            tuple(dict.fromkeys(self.imports)),
            tuple(dict.fromkeys(self.folders)),
            tuple(dict.fromkeys(files)),
            exports,
            tuple(stars),
        )
