"""Where modules would come from, told without importing any.

Local ones are found as local_modules.py finds them, without a run.
"""

from __future__ import annotations

import glob
import os
import re
import sys
import sysconfig
from importlib.machinery import PathFinder
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from httpout_cgi.interpreter import local_files
from httpout_cgi.interpreter.local_files import NEVER_LOCAL

# More of a package is not looked at when any of its modules may be imported.
_MOST_MODULES = 100

_STANDARD = tuple(
    os.path.realpath(folder) + os.sep
    for folder in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
)
_THIRD_PARTY = ("site-packages", "dist-packages")

# A package that does this when it is imported changes all scripts' imports.  What is
# appended to the finders is asked only for what nobody else has.
_TAKES_OVER = re.compile(
    rb"^[ \t]*(?:builtins|__builtin__)\.__import__\s*="
    rb"|\bsys\.meta_path\.insert\(\s*0|\bsys\.meta_path(?:\[[^\]]*\])?\s*=[^=]"
    rb"|\bos\.(?:register_at_fork|fork)\(|\bpatch_all\(\)",
    re.MULTILINE,
)
# These only look as if they did, or do it for names of their own.
_INNOCENT = frozenset(
    ("six", "setuptools", "pkg_resources", "_distutils_hack", "pip", "pytest", "py")
)
_LARGEST_SOURCE = 1 << 20


class Local(NamedTuple):
    """A file of a local module, and the package that its imports are relative to."""

    path: str
    package: str


class Folders:
    """The folders in which local modules are; remembers what was asked of each."""

    def __init__(self, folders: Sequence[str]) -> None:
        self._folders: List[str] = []
        # For each folder: names that were looked for there, and what was found.
        self.asked: Dict[str, Dict[str, int]] = {}
        for folder in folders:
            self.add(folder)

    def add(self, folder: str) -> bool:
        """Add a folder to the search path; tell whether it is new."""
        if folder in self._folders or folder in sys.path[1:]:
            return False
        self._folders.append(folder)
        return True

    def is_local(self, name: str) -> bool:
        """Tell whether the first part of a module's name leads to a local one."""
        top = name.partition(".")[0]
        return top not in NEVER_LOCAL and self._find_top(top) is not None

    def find(self, name: str, names: Sequence[str] = ()) -> List[Local]:
        """Return the files that ``from name import names`` loads, packages first.

        A name of "*" stands for all modules of a package.  Empty if it is not local.
        """
        top, *rest = name.split(".")
        base = None if top in NEVER_LOCAL else self._find_top(top)
        found: List[Local] = []
        package = top
        for part in [*rest, ""]:
            if base is None:
                break
            found += _files(base, package)
            base, package = os.path.join(base, part), f"{package}.{part}"
        if base is not None and os.path.isdir(os.path.dirname(base)):
            for one in _expand(os.path.dirname(base), names):
                found += _files(
                    os.path.join(os.path.dirname(base), one), f"{name}.{one}"
                )
        return found

    def _find_top(self, name: str) -> Optional[str]:
        """Return the path of a module without its suffix, or None."""
        for folder in self._folders:
            kind = self._ask(folder, name)
            base = os.path.join(folder, name)
            is_package = os.path.exists(os.path.join(base, "__init__.py"))
            if kind & local_files.SOURCE or (kind & local_files.FOLDER and is_package):
                return base
            # A folder of data beside the script: any real module of the name wins.
            if kind & local_files.FOLDER and find_shared(name) is None:
                return base
        return None

    def _ask(self, folder: str, name: str) -> int:
        names = local_files.list_names(folder) or {}
        kind = names.get(name, 0)
        self.asked.setdefault(folder, {})[name] = kind
        return kind


def _files(base: str, package: str) -> List[Local]:
    init = os.path.join(base, "__init__.py")
    if os.path.isfile(init):
        return [Local(init, package)]
    if os.path.isfile(base + ".py"):
        return [Local(base + ".py", package.rpartition(".")[0])]
    return []


def _expand(folder: str, names: Sequence[str]) -> List[str]:
    if "*" not in names:
        return list(names)
    files = sorted(glob.glob(os.path.join(glob.escape(folder), "*.py")))
    return [os.path.basename(file)[:-3] for file in files[:_MOST_MODULES]]


class Shared(NamedTuple):
    """A module that all runs share; ``path`` is that of its source, if it has one."""

    path: str
    is_third_party: bool


def find_shared(name: str) -> Optional[Shared]:
    """Return where the server's own environment has a top-level module, or None."""
    if name in sys.builtin_module_names:
        return Shared("", False)
    spec = PathFinder.find_spec(name)
    if spec is None:
        return None
    origin = os.path.realpath(spec.origin) if spec.origin else ""
    is_standard = origin.startswith(_STANDARD) and not any(
        f"/{folder}/" in origin for folder in _THIRD_PARTY
    )
    return Shared(spec.origin or "", not is_standard)


def takes_over(name: str, shared: Shared) -> bool:
    """Tell whether a package seems to patch the import system, or the process.

    Looks at the file that is imported, and at that of a submodule if it is one.
    """
    top, *rest = name.split(".")
    if top in _INNOCENT or not shared.path.endswith(".py"):
        return False
    paths = [shared.path]
    if rest:
        base = os.path.join(os.path.dirname(shared.path), *rest)
        paths += [f"{base}.py", os.path.join(base, "__init__.py")]
    return any(_matches(path) for path in paths)


# By path and time of change.
_matched: Dict[Tuple[str, int], bool] = {}


def _matches(path: str) -> bool:
    try:
        seen = os.stat(path)
        key = path, seen.st_mtime_ns
        if key not in _matched:
            with open(path, "rb") as file:
                source = file.read(_LARGEST_SOURCE)
            _matched[key] = _TAKES_OVER.search(source) is not None
    except OSError:
        return False
    return _matched[key]


def find_offered(program: str, name: str) -> bool:
    """Tell whether another Python has a top-level module, by what is on the disk."""
    return any(
        os.path.exists(os.path.join(folder, name + suffix))
        for folder in library_folders(program)
        for suffix in ("", ".py")
    ) or any(
        glob.glob(os.path.join(glob.escape(folder), f"{glob.escape(name)}.*.so"))
        for folder in library_folders(program)
    )


def library_folders(program: str) -> List[str]:
    """Return where a Python keeps its libraries; its prefix is the folder above."""
    prefixes = [os.path.dirname(os.path.dirname(os.path.abspath(program)))]
    real = os.path.dirname(os.path.dirname(os.path.realpath(program)))
    is_virtual = os.path.exists(os.path.join(prefixes[0], "pyvenv.cfg"))
    if real not in prefixes and not is_virtual:
        prefixes.append(real)
    folders: List[str] = []
    for prefix in prefixes:
        roots = glob.glob(os.path.join(glob.escape(prefix), "lib*", "python*"))
        if prefix == "/usr":
            roots += glob.glob("/usr/local/lib/python*")
        for root in sorted(roots):
            folders += [root, *(os.path.join(root, name) for name in _THIRD_PARTY)]
    return folders


def is_own(program: str) -> bool:
    """Tell whether a shebang's program is the Python that the server runs in.

    One that env looks for is; so is one that is not there.
    """
    if "/" not in program or not os.path.exists(program):
        return True
    if os.path.realpath(program) != os.path.realpath(sys.executable):
        return False
    # The program of a virtual environment is a link to that of another.
    folder = os.path.realpath(os.path.dirname(program))
    return os.path.dirname(folder) == os.path.realpath(sys.prefix)
