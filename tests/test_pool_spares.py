"""Children that a pool has forked ahead, and what it does for them once."""

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpout_cgi.processes.pool_run import Run
from httpout_cgi.processes.pool_spare import Spare
from tests.pool_process import PoolProcess, pool_process, save, until

HELLO = 'print("Hello")'
KIBIBYTES = 1024  # of a mebibyte

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/smaps_rollup"), reason="needs Linux's /proc"
)


@pytest.fixture(scope="module")
def pool() -> Iterator[PoolProcess]:
    with pool_process() as process:
        yield process


def list_children(pool: PoolProcess) -> list[int]:
    number = pool.process.pid
    text = Path(f"/proc/{number}/task/{number}/children").read_text()
    return [int(pid) for pid in text.split()]


def test_a_spare_that_was_killed_is_replaced(tmp_path: Path, pool: PoolProcess) -> None:
    path = save(tmp_path / "a.py", HELLO)
    assert pool.ask(path).output == b"Hello\n"
    spares = list_children(pool)
    assert spares
    for pid in spares:
        with contextlib.suppress(ProcessLookupError):  # the one that has just run
            os.kill(pid, signal.SIGKILL)
    until(lambda: not set(spares) & set(list_children(pool)))
    for _ in range(6):
        assert pool.ask(path).output == b"Hello\n"


def count_faults(pid: int) -> int:
    """Return how many pages a process has copied, or mapped."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        text = Path(f"/proc/{pid}/stat").read_text()
        return int(text.rpartition(")")[2].split()[7])
    return 0


def wait_for_warm(pool: PoolProcess, last: int) -> int:
    """Wait until one of three or four spares is warm, and return its process id.

    ``last`` is that of the run before, which has to have gone.
    """

    seen: dict[int, int] = {}

    def is_ready() -> bool:
        nonlocal seen
        before, seen = seen, {pid: count_faults(pid) for pid in list_children(pool)}
        if last in seen or len(seen) < 3 or seen != before:
            return False
        *_, second, first = sorted(seen.values())
        return first > 2 * second  # the others have copied what a fork needs

    until(is_ready)
    return max(seen, key=lambda pid: seen[pid])


def test_a_pool_prepares_for_the_next_run_while_nobody_comes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "import os; print(os.getpid())")
    with pool_process() as pool:
        assert not list_children(pool)
        warm = int(pool.ask(path).output)
        for _ in range(6):
            warm = wait_for_warm(pool, warm)
            assert int(pool.ask(path).output) == warm


LIMITED = """
import json, os, resource, sys
print(os.getpid())
kinds = resource.RLIMIT_NOFILE, resource.RLIMIT_CPU
print(json.dumps([
    os.nice(0), [resource.getrlimit(kind) for kind in kinds], os.umask(0), sys.argv,
    sys.path[0], os.getcwd(), sorted(os.environ), sorted(map(str, sys.modules)),
    [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/dev/fd/{name}")],
]))
"""


def test_a_warm_child_is_as_any_other(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", LIMITED)
    limits = {"open_files": 64, "cpu": 9}
    with pool_process(nice=3, limits=limits) as pool:
        pid, cold = pool.ask(path).output.split(b"\n", 1)
        prepared = wait_for_warm(pool, int(pid))
        answer = pool.ask(path)
    assert answer.output == b"%d\n%s" % (prepared, cold)
    assert not answer.log
    assert json.loads(cold)[:2] == [3, [[64, 64], [9, 9]]]


def test_what_comes_before_a_child_is_warm_is_not_kept_waiting() -> None:
    spare = Spare()
    with open(os.devnull, "rb") as null:
        run = Run("/a.py", {}, 0, is_python=True)
        spare.warm()
        assert spare.receive() is None
        spare.warm()
        spare.hand(run, [null.fileno()])
        told = spare.receive()
    spare.close()
    assert told is not None
    received, (number,) = told
    assert received == run
    os.close(number)


def test_a_request_may_be_larger_than_a_socket_takes_at_once(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(tmp_path / "a.py", 'import os; print(len(os.environ["LONG"]))')
    for _ in range(6):
        assert pool.ask(path, {"LONG": "x" * 700_000}).output == b"700000\n"


def test_no_spare_outlives_its_pool(tmp_path: Path) -> None:
    with pool_process() as pool:
        assert pool.ask(save(tmp_path / "a.py", HELLO)).output == b"Hello\n"
        spares = list_children(pool)
        pool.process.terminate()
        assert pool.leave() == 0
    assert spares
    assert not [pid for pid in spares if Path(f"/proc/{pid}").exists()]


def test_a_pool_learns_what_its_scripts_import(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import sys
        print("csv" in sys.modules)
        import csv
        """,
    )
    with pool_process() as pool:
        assert pool.ask(path).output == b"False\n"
        until(lambda: pool.ask(path).output == b"True\n")


def test_a_pool_lists_the_folders_of_modules(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, sys
        folders = os.getcwd(), os.path.join(os.getcwd(), "package")
        print([folder in sys.path_importer_cache for folder in folders])
        import package.module
        """,
    )
    save(tmp_path / "package/module.py", "")
    with pool_process() as pool:
        assert pool.ask(path).output.endswith(b" False]\n")
        until(lambda: pool.ask(path).output == b"[True, True]\n")


def test_a_pool_does_not_learn_what_it_does_not_know(tmp_path: Path) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import sys
        print("wsgiref.handlers" in sys.modules, "antigravity" in sys.modules)
        import wsgiref.handlers
        sys.modules[1] = sys.modules["antigravity"] = None
        """,
    )
    with pool_process() as pool:
        assert {pool.ask(path).output for _ in range(9)} == {b"False False\n"}


FORKING = """
import logging, os, sys, threading
logging.warning("one")
thread = threading.Thread(target=logging.warning, args=("two",))
thread.start()
thread.join()
pid = os.fork()
if not pid:
    logging.warning("three")
    own = threading._after_fork.__code__.co_filename
    os._exit(0 if own == threading.__file__ and threading.active_count() == 1 else 1)
print(os.waitpid(pid, 0)[1])
"""


def test_a_script_that_forks_has_what_modules_do_then(
    tmp_path: Path, pool: PoolProcess
) -> None:
    answer = pool.ask(save(tmp_path / "a.py", FORKING))
    assert answer.output == b"0\n"
    words = ("one", "two", "three")
    assert answer.log == "".join(f"WARNING:root:{word}\n" for word in words)


SIZES = r"""
import json, re
with open("/proc/self/smaps_rollup") as file:
    text = file.read()
print(json.dumps({n: int(v) for n, v in re.findall(r"(\w+): +([0-9]+) kB", text)}))
"""


def test_a_child_adds_at_most_6_mebibytes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", SIZES)
    with pool_process() as pool:
        sizes = [json.loads(pool.ask(path).output) for _ in range(9)]
    # What is clean is the page cache's.
    assert max(one["Private_Dirty"] for one in sizes) < 6 * KIBIBYTES


def test_a_variable_of_the_pool_is_none_of_the_run(
    tmp_path: Path, pool: PoolProcess
) -> None:
    path = save(
        tmp_path / "a.py",
        """
        import os, subprocess
        print(sorted({**os.environ}), flush=True)
        subprocess.run(["/usr/bin/env"])
        """,
    )
    output = pool.ask(path, {"A": "1"}).output.decode()
    names = ["A", "SCRIPT_FILENAME"]
    first, *rest = output.splitlines()
    assert first == str(names)
    assert sorted(line.partition("=")[0] for line in rest) == names


def test_each_run_warns_of_what_its_script_warns_of(tmp_path: Path) -> None:
    path = save(tmp_path / "a.py", "print(1 is 1)")
    with pool_process() as pool:
        logs = {pool.ask(path).log for _ in range(9)}
        path.write_text("print(2)")
        assert pool.ask(path).log == ""
    (log,) = logs
    assert "SyntaxWarning" in log
