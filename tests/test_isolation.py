"""Runs beside each other and after each other: nothing leaks from one to the next."""

import math
import os
import random
import re
import select
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.isolation_site import (
    CONFIG,
    PID,
    Answer,
    ErrorLog,
    Question,
    ask_all,
    ask_one_by_one,
    make_questions,
    read_scripts,
    write_site,
)
from tests.live import PATIENCE
from tests.live_site import EMPTY, Client, Site, start_site

HELLO = b"hello\n"
# How many of the mixed runs, at least, and in which order: printed, to have it again.
RUNS = int(os.environ.get("ISOLATION_RUNS", "10000"))
SEED = int(os.environ.get("ISOLATION_SEED", random.randrange(10**6)))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    config = f"threads: 16\nqueue: 256\n{EMPTY}"
    # Not measured: an interrupt that strikes within coverage, as one of so many does at
    # times, leaves its lock held, for which all threads of the worker wait then.
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        with start_site(tmp_path_factory.mktemp("isolation"), config) as site:
            yield site


def find_worker(site: Site) -> int:
    """Return the id of the only worker, as a script sees it."""
    if not (site.folder / "cgi-bin/pid.py").exists():
        site.write("pid.py", PID)
    reply = site.ask("/cgi-bin/pid.py")
    assert reply.status == 200
    return int(reply.body)


def test_64_concurrent_runs_see_their_own_environment(site: Site) -> None:
    site.write(
        "own.py",
        """\
        import os, sys, time
        mine = os.environ["QUERY_STRING"]
        os.environ["MINE"] = mine
        os.putenv("ALSO_MINE", mine)
        sys.argv[1:] = [mine]
        seen_before = os.environ["MINE"]
        time.sleep(0.05)
        print("Content-Type: text/plain\\n")
        print(seen_before, os.environ["MINE"], os.getenv("QUERY_STRING"), sys.argv[1])
        """,
    )
    barrier = threading.Barrier(64)

    def ask(number: int) -> list[bytes]:
        with site.open() as client:
            barrier.wait(PATIENCE)
            bodies = []
            for turn in range(3):
                client.send(f"/cgi-bin/own.py?n{number}-{turn}")
                bodies.append(client.receive().body)
            return bodies

    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(ask, range(64)))
    for number, bodies in enumerate(answers):
        expected = [b" ".join([b"n%d-%d" % (number, turn)] * 4) for turn in range(3)]
        assert [body.strip() for body in bodies] == expected
    site.write(
        "leak.py",
        "import os; print('X-A: 1\\n\\n', os.environ.get('MINE'))",
    )
    assert site.ask("/cgi-bin/leak.py").body.strip() == b"None"


def ask_many(client: Client, target: str, times: int) -> None:
    for _ in range(times):
        client.send(target)
        reply = client.receive()
        assert (reply.status, reply.body) == (200, HELLO)


def count_entries(pid: int, folder: str) -> int:
    return len(os.listdir(f"/proc/{pid}/{folder}"))


def read_memory(pid: int) -> int:
    """Return the resident memory in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_10000_requests_leave_nothing_behind(site: Site) -> None:
    site.write(
        "hello.py",
        """\
        import helper
        print("Content-Type: text/plain\\n")
        print(helper.word)
        """,
    )
    site.write("helper.py", "word = 'hello'\nlist_of_its_own = [0] * 1000\n")
    worker = find_worker(site)
    with site.open() as client:
        ask_many(client, "/cgi-bin/hello.py", 500)
        threads = count_entries(worker, "task")
        files = count_entries(worker, "fd")
        memory = read_memory(worker)
        ask_many(client, "/cgi-bin/hello.py", 10_000)
        assert count_entries(worker, "task") == threads
        assert count_entries(worker, "fd") == files
        assert read_memory(worker) - memory <= 5 * 1024 * 1024


def list_children(pid: int) -> list[int]:
    """Return the ids of a process' children, dead ones that nobody reaped as well."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for t in tasks for child in (t / "children").read_text().split()]


class Footprint(NamedTuple):
    """What a worker holds; scripts must leave it as it was."""

    threads: int
    files: int
    children: int


def measure(pid: int) -> Footprint:
    return Footprint(
        count_entries(pid, "task"), count_entries(pid, "fd"), len(list_children(pid))
    )


def list_files(pid: int) -> list[str]:
    """Return what a process has open."""
    found = []
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            found.append(f"{entry.name} {entry.readlink()}")
    return found


def wait_for_footprint(site: Site, wanted: Footprint) -> int:
    """Wait until the worker holds no more than that; return its process id."""
    deadline = time.monotonic() + PATIENCE
    while True:
        worker = find_worker(site)
        now = measure(worker)
        if all(is_ <= was for is_, was in zip(now, wanted, strict=True)):
            return worker
        if time.monotonic() > deadline:
            pytest.fail(f"{now}, before {wanted}; open: {list_files(worker)}")


def describe(
    wrong: Iterable[tuple[Question, Answer | str]], alone: Mapping[Question, Answer]
) -> str:
    """Return what a reader needs of the differences, one of each script."""
    texts = {
        key.name: f"{key.target}:\n  got   {answer}\n  alone {alone[key]}"
        for key, answer in wrong
    }
    return "\n".join([f"seed {SEED}, {len(texts)} scripts", *texts.values()])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_mixed_runs_answer_as_if_they_were_alone(tmp_path: Path) -> None:
    scripts = read_scripts()
    assert len({script.source for script in scripts}) >= 200
    write_site(tmp_path, scripts)
    questions = make_questions(scripts)
    with start_site(tmp_path, CONFIG) as site:
        first = ask_one_by_one(site, questions)
    with start_site(tmp_path, CONFIG) as site:
        log = ErrorLog(tmp_path / "error.log")
        log.count_new()
        # The other way round: what a script leaves behind for good makes a difference
        # to all that follow, so that nobody would notice.
        alone = ask_one_by_one(site, reversed(questions))
        wrong = [(key, answer) for key, answer in first.items() if answer != alone[key]]
        assert not wrong, describe(wrong, alone)
        lines = log.count_new()
        assert list_failures(alone, lines) == {s.name for s in scripts if s.fails}
        check_mixed_runs(site, log, alone, lines)


def list_failures(
    alone: Mapping[Question, Answer], lines: Iterable[tuple[bytes, bytes]]
) -> set[str]:
    """Return the names of the scripts that do not do what they are written for."""
    failed = {name for name, text in lines if text.startswith(b"Traceback")}
    stems = {Path(os.fsdecode(name)).stem for name in failed if name}
    return stems | {key.name for key, answer in alone.items() if answer.status == 500}


def check_mixed_runs(
    site: Site,
    log: ErrorLog,
    alone: Mapping[Question, Answer],
    lines: Mapping[tuple[bytes, bytes], int],
) -> None:
    worker = find_worker(site)
    before = measure(worker)
    memory = read_memory(worker)
    rounds = math.ceil(RUNS / len(alone))
    mixed = list(alone) * rounds
    random.Random(SEED).shuffle(mixed)
    print(f"{len(mixed)} runs, seed {SEED}")
    answers = ask_all(site, mixed, connections=50)
    assert wait_for_footprint(site, before) == worker
    assert read_memory(worker) - memory <= 32 * 1024 * 1024
    assert len(answers) == len(mixed)
    wrong = [(key, answer) for key, answer in answers if answer != alone[key]]
    expected = Counter({line: count * rounds for line, count in lines.items()})
    found = log.count_new()
    more, less = found - expected, expected - found
    problems = [*wrong, *more, *less]
    assert not problems, f"{describe(wrong, alone)}\n{more=}\n{less=}"


def test_working_directory_and_umask_end_with_the_run(site: Site) -> None:
    folder = site.folder / "cgi-bin"
    site.write(
        "move.py",
        """\
        import os, sys, time
        before = os.getcwd(), os.umask(0o077)
        os.umask(before[1])
        if os.environ["QUERY_STRING"]:
            os.chdir("/")
            os.umask(0o007)
        time.sleep(0.02)
        print("Content-Type: text/plain\\n")
        print(before[0], oct(before[1]), os.getcwd())
        """,
    )

    def ask(number: int) -> bytes:
        moves = "?move" if number % 2 else "?"
        return site.ask(f"/cgi-bin/move.py{moves}").body.strip()

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(ask, range(96)))
    umask = answers[0].split()[1].decode()
    for number, answer in enumerate(answers):
        after = "/" if number % 2 else folder
        assert answer.decode() == f"{folder} {umask} {after}"


WAITING = """\
import time
from pathlib import Path
print("Content-Type: text/plain\\n", flush=True)
while not Path("go").exists():
    time.sleep(0.01)
print("went")
"""


def test_a_full_queue_is_unavailable_and_says_when_to_retry(tmp_path: Path) -> None:
    config = f"threads: 2\nqueue: 3\n{EMPTY}"
    with start_site(tmp_path, config) as site, ExitStack() as stack:
        site.write("wait.py", WAITING)
        site.write("hello.py", "print('Content-Type: text/plain\\n\\nhello')")
        (site.folder / "htdocs/page.txt").write_text("static")
        for _ in range(2):
            client = stack.enter_context(site.open())
            client.send("/cgi-bin/wait.py")
            assert client.begin().status == 200  # it runs
        waiting = {stack.enter_context(site.open()) for _ in range(7)}
        for client in waiting:
            client.send("/cgi-bin/hello.py")
        for _ in range(4):
            [first, *_], _, _ = select.select(
                [client.socket for client in waiting], [], [], PATIENCE
            )
            refused = next(client for client in waiting if client.socket is first)
            reply = refused.receive()
            assert reply.status == 503
            assert int(reply.get("Retry-After") or 0) > 0
            waiting.remove(refused)
        assert site.ask("/page.txt").body == b"static"
        (tmp_path / "cgi-bin/go").touch()
        assert [client.receive().body for client in waiting] == [HELLO] * 3
        assert site.ask("/cgi-bin/hello.py").body == HELLO
