"""What a pool rehearses before it forks: it leaves the process as it was."""

import json
import subprocess
import sys
from typing import NamedTuple

import pytest

_LOOK = """
import atexit, dis, json, os, sys, threading
sys.dont_write_bytecode = True
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.processes.pool_child import Preparation, perform
from httpout_cgi.processes.pool_rehearsal import rehearse
from httpout_cgi.processes.pool_warmth import warm_up

def look():
    descriptors = {}
    for name in os.listdir("/dev/fd"):
        try:
            descriptors[name] = os.readlink(f"/dev/fd/{name}").partition(":")[0]
        except OSError:
            pass
    return {
        "descriptors": descriptors,
        "folder": os.getcwd(),
        "main": id(sys.modules["__main__"]),
        "modules": sorted(sys.modules),
        "path": [*sys.path],
        "words": [[*sys.argv], [*getattr(sys, "orig_argv", ())]],
        "variables": dict(os.environ),
        "finders": sorted(sys.path_importer_cache),
        "mask": [os.umask(0o22), os.umask(0o22)][0],
        "streams": [id(sys.stdin), id(sys.stdout), id(sys.stderr)],
        "exit callbacks": [atexit._ncallbacks(), *ended],
        "takes threads": threading.main_thread().is_alive(),
    }

def adapted():
    if sys.version_info < (3, 11):
        return []
    names = {one.opname for one in dis.get_instructions(perform, adaptive=True)}
    return sorted(names - {*dis.opmap})

# As a module would that is preloaded.
ended = []
atexit.register(ended.append, "first")
atexit.register(ended.append, "second")
os.chdir("/")
warm_up(())
preparation = Preparation(CodeCache())
before = look()
fresh = adapted()
code = rehearse(preparation)
after = look()
print(json.dumps([code, before, after, fresh, adapted()]))
"""


class Seen(NamedTuple):
    """The exit code, what the process looks like, and what CPython has adapted."""

    code: int
    before: dict[str, object]
    after: dict[str, object]
    adapted_before: list[str]
    adapted_after: list[str]


@pytest.fixture(scope="module")
def seen() -> Seen:
    command = [sys.executable, "-c", _LOOK]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    return Seen(*json.loads(done.stdout))


def test_a_rehearsal_runs_well_and_leaves_the_process_as_it_was(seen: Seen) -> None:
    assert seen.code == 0
    assert seen.after == seen.before


@pytest.mark.skipif(sys.version_info < (3, 11), reason="CPython does not adapt code")
def test_a_rehearsal_adapts_what_children_do(seen: Seen) -> None:
    assert seen.adapted_before == []
    assert seen.adapted_after
