"""A worker whose threads are stuck for good is replaced, and nobody is refused."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.live_site import EMPTY, Site, start_site
from tests.raw import find_worker
from tests.test_supervisor import has_ended, wait_until

HEAD = 'print("Content-Type: text/plain\\n", flush=True)\n'

# Nothing that Python could interrupt: the C library waits, and so does a lock.
STUCK = {
    "pause.py": "import ctypes\nctypes.CDLL(None).pause()\n",
    "lock.py": "import threading\nlock = threading.Lock()\n"
    "lock.acquire()\nlock.acquire()\n",
}


CONFIG = "threads: 2\nlog: {access: {path: access.log}}\n" + EMPTY.replace(
    "runner: thread}",
    "runner: thread, timeout: 300ms}, {url: /slow/, path: slow, runner: thread},"
    " {url: /patient/, path: cgi-bin, runner: thread}",
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "slow").mkdir()
    with start_site(tmp_path, CONFIG) as site:
        for name, source in STUCK.items():
            site.write(name, source)
        site.write("hello.py", HEAD + "import os\nprint(os.getpid())")
        yield site


def occupy_threads(site: Site) -> None:
    """Let both threads of the worker be stuck."""
    for name in STUCK:
        assert site.ask(f"/cgi-bin/{name}").status == 504
    site.wait_for_log(r"pause\.py \w+\] its thread is stuck")


def write_slow(site: Site, go: Path, last: str = "") -> None:
    """Write a script that waits for a file."""
    (site.folder / "slow" / "slow.py").write_text(
        HEAD + "import time\nfrom pathlib import Path\n"
        f"while not Path({str(go)!r}).exists(): time.sleep(0.01)\n{last}"
    )


def test_a_worker_with_too_many_stuck_threads_is_replaced_without_a_refusal(
    site: Site,
) -> None:
    old = find_worker(site.server)
    go, finished = site.folder / "go", site.folder / "finished"
    write_slow(site, go, f"Path({str(finished)!r}).touch()\nprint('finished')\n")
    occupy_threads(site)
    with site.open() as slow:
        slow.send("/slow/slow.py")
        response = slow.begin()
        site.wait_for_log(r"lock\.py \w+\] its thread is stuck")
        pids: set[bytes] = set()

        def is_replaced() -> bool:
            reply = site.ask("/patient/hello.py")
            assert reply.status == 200
            pids.add(reply.body.strip())
            return len(pids) == 2

        wait_until(is_replaced, "the worker is not replaced")
        assert not finished.exists()
        go.touch()
        assert response.read() == b"finished\n"
    wait_until(lambda: has_ended(old), "the worker does not leave")
    log = site.server.stderr.text
    assert re.search(r"too many threads are stuck: this worker asks", log)
    assert f"worker {old} leaves, another one starts" in log
    assert "ended with" not in log
    # The successor is as good as the first.
    assert site.ask("/patient/hello.py").status == 200


def test_a_worker_that_leaves_ends_at_sigterm(site: Site) -> None:
    (site.folder / "slow" / "slow.py").write_text(
        HEAD + "import time\nwhile True: time.sleep(60)\n"
    )
    old = find_worker(site.server)
    occupy_threads(site)
    with site.open() as slow:
        slow.send("/slow/slow.py")
        slow.begin()
        site.wait_for_log(f"worker {old} leaves, another one starts")

        def is_replaced() -> bool:
            return site.ask("/patient/hello.py").body != b"%d\n" % old

        wait_until(is_replaced, "the worker is not replaced")
        assert site.server.stop() == 0
    assert has_ended(old)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="reads /proc")
def test_a_worker_that_leaves_writes_to_logs_that_are_reopened(site: Site) -> None:
    go = site.folder / "go"
    write_slow(site, go)
    old = find_worker(site.server)
    occupy_threads(site)
    with site.open() as slow:
        slow.send("/slow/slow.py")
        response = slow.begin()
        site.wait_for_log(f"worker {old} leaves, another one starts")

        def is_replaced() -> bool:
            return site.ask("/patient/hello.py").body != b"%d\n" % old

        wait_until(is_replaced, "the worker is not replaced")
        before = count_descriptors(old)
        for number in range(3):
            log, rotated = site.folder / "access.log", site.folder / f"access.{number}"
            log.rename(rotated)
            site.server.process.send_signal(signal.SIGUSR1)
            wait_until(partial(has_closed, old, rotated), "it is open")
        assert count_descriptors(old) == before
        go.touch()
        assert response.read() == b""
    wait_until(lambda: "/slow/slow.py" in log.read_text(), "no line")
    wait_until(lambda: has_ended(old), "the worker does not leave")


def has_closed(pid: int, file: Path) -> bool:
    return str(file) not in list_open(pid)


def list_open(pid: int) -> list[str]:
    """Return the files that a process has open."""
    found = []
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            found.append(os.readlink(link))
    return found


def count_descriptors(pid: int) -> int:
    return len(list_open(pid))
