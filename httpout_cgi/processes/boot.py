"""Boot: the command of a pool, and the environments of pools and workers.

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
    libc, PR_SET_PDEATHSIG, VERSION_3 = ctypes.CDLL(None), 1, 0x20080522
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.geteuid():
        # Capabilities that systemd gives to a service are the supervisor's alone.
        libc.capset((ctypes.c_uint32 * 2)(VERSION_3, 0), (ctypes.c_uint32 * 6)())
except (ImportError, AttributeError, OSError):
    pass  # not Linux: the pool looks for its parent now and then
if os.getppid() != supervisor:
    sys.exit()  # the supervisor died before it could be told
import importlib
sys.exit(importlib.import_module("httpout_cgi.processes." + module).main())
"""

_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
# What says how a process runs here, and is no secret: where the spool is, how times
# and texts look, how the dynamic linker, malloc and Python work, how tests measure it.
_WORKER_NAMES: Final = frozenset(("PATH", "TMPDIR", "TZ", "TZDIR", "LANG", "LANGUAGE"))
_WORKER_PREFIXES: Final = ("LC_", "LD_", "MALLOC_", "PYTHON", "COVERAGE_")
# Where this package is.
FOLDER: Final = str(Path(__file__).resolve().parents[2])


def make_command(
    supervisor: int, path: Sequence[str], module: str = "pool"
) -> list[str]:
    """Return how a module of ours is started by this Python, short of its arguments."""
    return _make(sys.executable, [*path], supervisor, module)


def make_other_command(python: str, supervisor: int) -> list[str]:
    """Return how another Python starts a pool, short of its arguments."""
    return _make(python, [], supervisor, "pool")


def _make(python: str, path: list[str], supervisor: int, module: str) -> list[str]:
    told = json.dumps([path, FOLDER, supervisor, module])
    return [python, "-c", _BOOT, told]


def make_environment() -> dict[str, str]:
    """Return what a pool needs for itself; the supervisor's secrets are not for it."""
    # Else each of its children would look for the same functions of libraries again.
    environment = {"PATH": _PATH, "LANG": "C.UTF-8", "LD_BIND_NOW": "1"}
    # This Python may not start without.
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {**environment, "LD_LIBRARY_PATH": libraries} if libraries else environment


def make_worker_environment() -> dict[str, str]:
    """Return what a worker keeps of the supervisor's environment.

    Scripts in threads have it before their eyes (/proc/self/environ, getenv() in C): a
    password that came with the service is not for them.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _WORKER_NAMES or name.startswith(_WORKER_PREFIXES)
    }
