"""Where local modules are: in which folder, and in which file.

A folder is listed once and then checked by stat, as code is.  Must not import or
run anything.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from importlib.machinery import all_suffixes
from typing import Dict, NamedTuple, Optional, Tuple

from httpout_cgi.interpreter.file_state import look
from httpout_cgi.interpreter.source import Signature

# Imported before a script's folder is on the path: these are never local.
NEVER_LOCAL = frozenset(
    (
        *sys.builtin_module_names,
        *("_collections_abc", "_sitebuiltins", "abc", "codecs", "encodings"),
        *("genericpath", "io", "os", "posixpath", "site", "stat", "zipimport"),
    )
)

# What a name in a folder may be.
SOURCE, FOLDER, OTHER = 1, 2, 4

# The same bound as for code: see code_cache.py.
_SETTLED_NS = 50_000_000
_LIMIT = 1024
_SUFFIXES = tuple(all_suffixes())

Names = Dict[str, int]


class _Listing(NamedTuple):
    signature: Signature
    names: Names


_listings: Dict[str, _Listing] = {}
# Guards changes of _listings.
_lock = threading.Lock()


def list_names(folder: str) -> Optional[Names]:
    """Return what can be imported from a folder, by name.

    Nothing if the folder is missing or cannot be listed; None if it is a file.
    The values say what may be there: SOURCE, FOLDER, OTHER, or a sum of these.
    """
    try:
        signature = look(folder)
        listing = _listings.get(folder)
        if listing is not None and listing.signature == signature:
            return listing.names
        return _list_anew(folder, signature)
    except NotADirectoryError:
        return None
    except OSError:
        return {}


def recall_names(folder: str) -> Optional[Names]:
    """Return what ``list_names`` keeps of a folder: the same object until it changes.

    None where it keeps nothing, as the folder has changed just now.
    """
    listing = _listings.get(folder)
    return None if listing is None else listing.names


def _list_anew(folder: str, signature: Signature) -> Names:
    now = time.time_ns()
    names: Names = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            name, kind = _classify(entry)
            if kind:
                names[name] = names.get(name, 0) | kind
    if now - max(signature[3:]) > _SETTLED_NS:
        with _lock:
            while len(_listings) >= _LIMIT:
                del _listings[next(iter(_listings))]
            _listings[folder] = _Listing(signature, names)
    return names


def _classify(entry: os.DirEntry[str]) -> Tuple[str, int]:
    name, dot, _ = entry.name.partition(".")
    if entry.name.endswith(".py"):
        return name, SOURCE if entry.name == f"{name}.py" else 0
    if not dot:
        return name, FOLDER if entry.is_dir() else 0
    return name, OTHER if entry.name.endswith(_SUFFIXES) else 0
