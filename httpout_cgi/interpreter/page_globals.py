"""``__globals__.py`` of a folder of pages: what it defines is there for all of them.

Must not know for how many pages that is: those of a worker, or one.
"""

from __future__ import annotations

import logging
import os
import sys
from types import CodeType, ModuleType
from typing import Any, Callable, Dict, Optional

FILE = "__globals__.py"

_log = logging.getLogger(__name__)

# Any: a namespace.
MakeBuiltins = Callable[[ModuleType], Dict[str, Any]]


def load(
    root: str,
    read: Callable[[str], CodeType],
    make_builtins: Optional[MakeBuiltins] = None,
) -> ModuleType:
    """Return the module, empty if there is no such file, or as far as it came.

    ``read`` returns the code of a file.
    """
    module = ModuleType("__globals__")
    path = os.path.join(root, FILE)
    namespace = module.__dict__
    namespace["__file__"] = path
    if make_builtins is not None:
        namespace["__builtins__"] = make_builtins(module)
    # What lies beside it can be imported while it runs.
    sys.path.insert(0, root)
    try:
        exec(read(path), namespace)
    except FileNotFoundError as exc:
        if exc.filename != path:
            _tell_failure(path)
    except (Exception, SystemExit):
        _tell_failure(path)
    finally:
        sys.path.remove(root)
    return module


def _tell_failure(path: str) -> None:
    _log.exception("%s has failed: pages find what it had defined until then", path)
