"""Boot: the command of a pool, and its environment.

Of the server it gets no more than it needs: under another Python no package but ours.
Imports little: the first stage of a pool needs it as well.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

# Arguments: what follows in JSON; the others are for the module.
_BOOT: Final = """\
import json, os, signal, sys
path, folder, supervisor, module = json.loads(sys.argv.pop(1))
if path:
    own = getattr(sys.modules.get("site"), "USER_SITE", None)
    own = [own] if own in sys.path else []
    sys.path[:] = path
    # What an account has installed for itself is for its scripts as well.
    sys.path += [one for one in own if one not in sys.path]
else:
    # Another Python: of the server's packages, which are not for it, only ours.
    sys.path[:] = [folder, *filter(None, sys.path)]
    import httpout_cgi
    sys.path_importer_cache.pop(sys.path.pop(0), None)
try:
    import ctypes
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
except (ImportError, AttributeError, OSError):
    pass  # not Linux: the pool looks for its parent now and then
if os.getppid() != supervisor:
    sys.exit()  # the supervisor died before it could be told
import importlib
sys.exit(importlib.import_module("httpout_cgi.processes." + module).main())
"""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
# Where this package is.
_FOLDER: Final = str(Path(__file__).resolve().parents[2])


def make_command(
    supervisor: int, path: Sequence[str], module: str = "pool"
) -> list[str]:
    """Return how a module of ours is started by this Python, short of its arguments."""
    return _make(sys.executable, [*path], supervisor, module)


def make_other_command(python: str, supervisor: int) -> list[str]:
    """Return how another Python starts a pool, short of its arguments."""
    return _make(python, [], supervisor, "pool")


def _make(python: str, path: list[str], supervisor: int, module: str) -> list[str]:
    told = json.dumps([path, _FOLDER, supervisor, module])
    return [python, "-c", _BOOT, told]


def make_environment() -> dict[str, str]:
    """Return what a pool needs for itself; the supervisor's secrets are not for it."""
    environment = {"PATH": _PATH, "LANG": "C.UTF-8"}
    # This Python may not start without.
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {**environment, "LD_LIBRARY_PATH": libraries} if libraries else environment
