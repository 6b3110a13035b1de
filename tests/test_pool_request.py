"""What a pool is told of a run."""

import os
import tracemalloc
from pathlib import Path

from httpout_cgi.runners.pool_request import PoolRequest
from httpout_cgi.scripts import Invocation, Mount, Script


def ask(path: Path, words: tuple[str, ...]) -> None:
    mount = Mount("/", str(path.parent))
    script = Script(str(path), os.stat(path), "/a.py", "", None, "/", mount, "test")
    errors = os.open(os.devnull, os.O_WRONLY)
    request = PoolRequest(Invocation("id7", script, {}, words), errors, 0o022)
    request.close()
    os.close(request.status)


def test_clients_cannot_fill_the_memory_with_search_words(tmp_path: Path) -> None:
    """CWE-770: they make up as many as they like."""
    path = tmp_path / "a.py"
    path.touch()
    tracemalloc.start()
    try:
        for number in range(30):
            ask(path, tuple(f"{number}-{word}" for word in range(1000)))
        assert tracemalloc.get_traced_memory()[0] < 1 << 20
    finally:
        tracemalloc.stop()
