"""The end of a run in a pool: told before the kernel has freed what its process had."""

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pool_process import PoolProcess, Request, is_alive, pool_process, save, until

pytestmark = pytest.mark.skipif(
    not os.path.exists("/proc/self/stat"), reason="needs Linux's /proc"
)

# Stands for a process with much memory: it takes long to exit once its run is over.
SLOW_EXIT = """
import os, time
leave = os._exit
def leave_slowly(code):
    held = os.environ.get("HELD")
    if held:
        open(held + ".reached", "w").close()
        while os.path.exists(held):
            time.sleep(0.005)
    leave(code)
os._exit = leave_slowly
os.sched_getaffinity = lambda pid: range({processors})
"""
SCRIPT = "import os, sys; print(os.getpid()); sys.exit(3)"
WAITING = """
import os, time
print("on", flush=True)
while os.path.exists(os.environ["GATE"]):
    time.sleep(0.005)
"""


@contextlib.contextmanager
def slow_pool(
    folder: Path, monkeypatch: pytest.MonkeyPatch, processors: int = 9
) -> Iterator[PoolProcess]:
    """Start a pool whose children stay while the file exists that HELD names."""
    save(folder / "slowly.py", SLOW_EXIT.format(processors=processors))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    with pool_process(preload=["slowly"]) as pool:
        yield pool


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """Return a file that keeps children; they go at the end."""
    path = tmp_path / "held"
    path.touch()
    yield path
    path.unlink(missing_ok=True)


def gate(folder: Path) -> str:
    path = folder / "gate"
    path.touch()
    return str(path)


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def has_answer(request: Request, seconds: float) -> bool:
    return bool(select.select([request.connection], [], [], seconds)[0])


def test_a_response_does_not_wait_for_the_exit(
    tmp_path: Path, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.py", SCRIPT)
    with slow_pool(tmp_path, monkeypatch) as pool:
        answer = pool.ask(path, {"HELD": str(held)})
        assert answer.exit_code == 3
        pid = int(answer.output)
        assert is_there(pid)
        # The pool stays for what is still its child.
        pool.process.terminate()
        with pytest.raises(subprocess.TimeoutExpired):
            pool.process.wait(0.2)
        held.unlink()
        assert pool.leave() == 0
    assert not is_there(pid)


def test_who_does_not_exit_is_killed_without_those_that_it_left(
    tmp_path: Path, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"""
    import subprocess
    sleeper = subprocess.Popen(
        ["sleep", "600"], stdin=0, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    print(sleeper.pid)
    {SCRIPT}
    """
    path = save(tmp_path / "b.py", SCRIPT)
    with slow_pool(tmp_path, monkeypatch) as pool:
        # This one exits, and is not killed as well.
        assert pool.ask(path).exit_code == 3
        answer = pool.ask(save(tmp_path / "a.py", text), {"HELD": str(held)})
        sleeper, pid = map(int, answer.output.split())
        try:
            until(lambda: not is_there(pid))
            held.unlink()
            assert pool.ask(path).exit_code == 3
            assert is_alive(sleeper)
        finally:
            os.kill(sleeper, signal.SIGKILL)


def test_a_process_that_has_not_exited_counts_as_one(
    tmp_path: Path, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.py", SCRIPT)
    with slow_pool(tmp_path, monkeypatch) as pool:
        for _ in range(4):  # as many as there may be
            assert pool.ask(path, {"HELD": str(held)}).exit_code == 3
        request = pool.send(path)
        assert not has_answer(request, 0.2)
        held.unlink()
        assert request.read().exit_code == 3


def test_the_end_of_what_a_script_forked_is_not_that_of_the_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = """
    import os, sys
    if os.fork() == 0:
        sys.exit(7)
    os.wait()
    """
    path = save(tmp_path / "a.py", text)
    with path.open("a") as file:
        file.write(f"{WAITING}sys.exit(5)\n")
    with slow_pool(tmp_path, monkeypatch) as pool:
        request = pool.send(path, {"GATE": gate(tmp_path)})
        assert request.connection.recv(100) == b"on\n"
        # The pool has been through its loop since.
        assert pool.ask(save(tmp_path / "b.py", SCRIPT)).exit_code == 3
        assert request._status is not None
        assert not select.select([request._status], [], [], 0)[0]
        (tmp_path / "gate").unlink()
        assert request.read().exit_code == 5


def assert_response_waits(pool: PoolProcess, path: Path, held: Path) -> None:
    request = pool.send(path, {"HELD": str(held)})
    until(held.with_name("held.reached").exists)
    assert request.connection.recv(100)
    # The pool has been through its loop since.
    assert pool.ask(path).exit_code == 3
    assert not has_answer(request, 0)
    held.unlink()
    assert request.read().exit_code == 3


def test_with_threads_under_way_a_response_waits_for_the_exit(
    tmp_path: Path, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"""
    import threading
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    {SCRIPT}
    """
    path = save(tmp_path / "a.py", text)
    with slow_pool(tmp_path, monkeypatch) as pool:
        assert_response_waits(pool, path, held)


def test_an_exit_does_not_harm_the_next_peer(
    tmp_path: Path, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.py", SCRIPT)
    with slow_pool(tmp_path, monkeypatch) as pool:
        answer = pool.ask(path, {"HELD": str(held)})
        # Its connection has the number that the other's had.
        request = pool.send(save(tmp_path / "b.py", WAITING), {"GATE": gate(tmp_path)})
        assert request.connection.recv(100) == b"on\n"
        held.unlink()
        until(lambda: not is_there(int(answer.output)))
        # It is still watched.
        request.connection.close()
        assert request._status is not None
        assert int(request._status.readline()) == signal.SIGTERM
        request.close()


def test_with_all_processors_busy_a_response_waits_for_the_exit(
    tmp_path: Path, held: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.py", SCRIPT)
    with slow_pool(tmp_path, monkeypatch, processors=1) as pool:
        other = pool.send(save(tmp_path / "c.py", WAITING), {"GATE": gate(tmp_path)})
        assert other.connection.recv(100) == b"on\n"
        assert_response_waits(pool, path, held)
        (tmp_path / "gate").unlink()
        assert other.read().exit_code == 0


@pytest.mark.parametrize("processors", [1, 9])
def test_what_a_script_left_running_may_still_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int
) -> None:
    text = """
    import os, time
    print("first", flush=True)
    if os.fork() == 0:
        while os.path.exists(os.environ["GATE"]):
            time.sleep(0.005)
        print("last", flush=True)
    """
    with slow_pool(tmp_path, monkeypatch, processors) as pool:
        request = pool.send(save(tmp_path / "a.py", text), {"GATE": gate(tmp_path)})
        assert request.connection.recv(100) == b"first\n"
        assert request._status is not None
        assert request._status.readline() == b"0\n"
        (tmp_path / "gate").unlink()
        assert request.connection.recv(100) == b"last\n"
        assert request.connection.recv(100) == b""
        request.close()
