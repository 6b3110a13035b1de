"""``__globals__.py`` of a folder of pages: what it defines is there for all of them.

Must not know for how many pages that is: those of a worker, or one.
"""

from __future__ import annotations

import logging
import os
import sys
from types import CodeType, ModuleType
from typing import Any, Callable, Dict, Optional

from httpout_cgi.interpreter import failures

FILE = "__globals__.py"

_log = logging.getLogger(__name__)

# Any: a namespace.
MakeBuiltins = Callable[[ModuleType], Dict[str, Any]]


class GlobalsError(RuntimeError):
    """``__globals__.py`` has failed.  No page runs then.

    Middleware of the file may be what asks for a password: what comes behind a failure
    is not there, and without it everybody would be let in.
    """


def load(
    root: str,
    read: Callable[[str], CodeType],
    make_builtins: Optional[MakeBuiltins] = None,
) -> ModuleType:
    """Return the module, empty if there is no such file.

    ``read`` returns the code of a file.  Raises GlobalsError, with the reason.
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
    except (Exception, SystemExit) as exc:
        if not isinstance(exc, FileNotFoundError) or exc.filename != path:
            _log.exception("%s has failed: no page runs until it is mended", path)
            reason = f"{type(exc).__name__}: {failures.text_of(exc, '?')}"
            raise GlobalsError(f"{FILE} has failed: {reason}") from None
    finally:
        sys.path.remove(root)
    return module
