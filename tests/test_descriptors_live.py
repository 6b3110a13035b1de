"""Descriptors 0 to 2 and children, against a live server."""

import os
import re
import signal
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live import PATIENCE
from tests.live_site import EMPTY, Client, Site, start_site

HEAD = 'import os, subprocess, sys\nprint("Content-Type: text/plain\\n", flush=True)\n'
ONE_THREAD = f"threads: 1\n{EMPTY}"
BODY = b"some content"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory.mktemp("site"), ONE_THREAD) as site:
        yield site


def wait_until(condition: Callable[[], object], worker: int | None = None) -> None:
    """Wait for what another process brings about."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        late = time.monotonic() >= deadline
        assert not late, worker and descriptors_of(worker)
        time.sleep(0.02)


def worker_of(site: Site) -> int:
    """Return the process that runs the scripts."""
    site.write("worker.py", HEAD + "print(os.getpid())")
    return int(site.ask("/cgi-bin/worker.py").body)


def all_children_of(pid: int) -> list[int]:
    """Return the children of all its threads."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        found += [int(word) for word in (task / "children").read_text().split()]
    return found


def reset(client: Client) -> None:
    """Let a client leave so that the server must see it."""
    linger = struct.pack("ii", 1, 0)
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@pytest.mark.parametrize(
    ("source", "body"),
    [
        pytest.param(
            """\
            print("1 print", flush=True)
            os.write(1, b"2 write\\n")
            os.system("echo 3 system")
            print("4 print", flush=True)
            subprocess.run(["echo", "5 run"])
            with open(1, "wb", closefd=False) as out:
                out.write(b"6 open\\n")
            subprocess.run("echo 7 stdout", shell=True, stdout=sys.stdout)
            os.fdopen(sys.stdout.fileno(), "wb", 0).write(b"8 fdopen\\n")
            print("9 print")
            """,
            b"1 print\n2 write\n3 system\n4 print\n5 run\n6 open\n7 stdout\n8 fdopen\n"
            b"9 print\n",
            id="order",
        ),
        pytest.param(
            "print('late'); os.system('echo early')", b"early\nlate\n", id="no flush"
        ),
        pytest.param("os.system('cat')", BODY, id="body, inherited"),
        pytest.param(
            "subprocess.run(['tr', 'a-z', 'A-Z'], stdin=sys.stdin)",
            BODY.upper(),
            id="body, given",
        ),
        pytest.param(
            "os.write(1, os.read(0, 4)); print(open(0).read(), end='')", BODY, id="read"
        ),
        pytest.param(
            "print(os.environ['QUERY_STRING'] or 'none', flush=True)\n"
            "os.system('echo $REQUEST_METHOD; basename $PWD')",
            b"none\nPOST\ncgi-bin\n",
            id="environment and folder",
        ),
        pytest.param("sys.stdout.close()", b"", id="closed stream"),
        pytest.param("os.close(1); print('lost')", b"", id="closed descriptor"),
        pytest.param(
            "saved = os.dup(1)\nos.dup2(os.open(os.devnull, 1), 1)\n"
            "print('lost', flush=True); os.system('echo lost'); os.dup2(saved, 1)\n"
            "print('seen')",
            b"seen\n",
            id="away and back, and saved is left open",
        ),
    ],
)
def test_output(site: Site, source: str, body: bytes) -> None:
    path = site.write("output.py", source)
    path.write_text(HEAD + path.read_text())
    reply = site.ask("/cgi-bin/output.py", method="POST", body=BODY)
    assert reply.body == body


def test_a_large_body_is_read_by_a_child(site: Site) -> None:
    """It is on disk, not in memory."""
    site.write(
        "count.py",
        HEAD + "print(len(sys.stdin.buffer.read(5)), flush=True)\nos.system('wc -c')",
    )
    reply = site.ask("/cgi-bin/count.py", method="POST", body=b"x" * 3_000_000)
    # What the buffer above has read ahead is gone, as in a process of its own.
    assert reply.body.split() == [b"5", b"%d" % (3_000_000 - 8192)]


def test_the_standard_error_of_a_child_is_logged_line_by_line(site: Site) -> None:
    site.write(
        "errors.py",
        HEAD + "os.system('echo one >&2; printf two >&2')\n"
        "print('three', file=sys.stderr)",
    )
    assert site.ask("/cgi-bin/errors.py").body == b""
    site.wait_for_log(r"\[\* /cgi-bin/errors\.py \w+\] one\n")
    site.wait_for_log(r"\[\* /cgi-bin/errors\.py \w+\] twothree\n")


def test_a_child_in_the_background_holds_the_response_open(site: Site) -> None:
    """The script's thread, the only one, is free meanwhile."""
    site.write(
        "background.py",
        HEAD + "subprocess.Popen('echo begun; while [ ! -e go ]; do sleep 0.02; done;"
        " echo done', shell=True)\nprint('script is over', flush=True)",
    )
    site.write("hello.py", HEAD + "print('hello')")
    with site.open() as client:
        client.send("/cgi-bin/background.py")
        response = client.begin()
        lines = {response.readline(), response.readline()}
        assert lines == {b"begun\n", b"script is over\n"}
        assert site.ask("/cgi-bin/hello.py").body == b"hello\n"
        (site.folder / "cgi-bin/go").touch()
        assert response.read() == b"done\n"
    (site.folder / "cgi-bin/go").unlink()


def test_a_detached_child_does_not(site: Site) -> None:
    site.write(
        "detached.py",
        HEAD + "null = subprocess.DEVNULL\n"
        "child = subprocess.Popen(['sleep', '60'], stdin=null, stdout=null,"
        " stderr=null, start_new_session=True)\nprint(child.pid)",
    )
    pid = int(site.ask("/cgi-bin/detached.py").body)
    assert pid in all_children_of(worker_of(site))
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: pid not in all_children_of(worker_of(site)))


def test_errors_held_open_do_not_hold_the_response(site: Site) -> None:
    site.write(
        "held.py",
        HEAD + "print(subprocess.Popen('echo begun >&2; exec sleep 60', shell=True,"
        " stdout=subprocess.DEVNULL).pid)",
    )
    pid = int(site.ask("/cgi-bin/held.py").body)
    site.wait_for_log(r"held\.py \w+\] begun")
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize(
    "close",
    [
        pytest.param("sys.stdout.flush(); os.close(1); os.close(2)", id="close"),
        pytest.param("sys.stdout.fileno(); os.close(1)", id="close a pipe"),
        pytest.param("sys.stdout.close()", id="close the stream"),
        pytest.param("os.dup2(os.open(os.devnull, os.O_WRONLY), 1)", id="dup2"),
    ],
)
def test_a_script_that_closes_its_output_goes_on(site: Site, close: str) -> None:
    site.write(
        "goes_on.py",
        f"""\
        import os, sys, time
        print("Content-Type: text/plain\\n\\nanswer", flush=True)
        {close}
        while not os.path.exists("go"):
            time.sleep(0.02)
        open("finished", "w").close()
        """,
    )
    folder = site.folder / "cgi-bin"
    assert site.ask("/cgi-bin/goes_on.py").body == b"answer\n"
    (folder / "go").touch()
    wait_until((folder / "finished").exists)
    (folder / "finished").unlink()
    (folder / "go").unlink()


def test_a_client_that_leaves_ends_a_child_that_writes(site: Site) -> None:
    site.write("endless.py", HEAD + "subprocess.run(['yes'])\nprint(1, flush=True)")
    worker = worker_of(site)
    with site.open() as client:
        client.send("/cgi-bin/endless.py")
        assert client.begin().read(4) == b"y\ny\n"
        assert all_children_of(worker)
        reset(client)
    wait_until(lambda: not all_children_of(worker))


def test_a_child_is_ended_by_the_time_limit(tmp_path: Path) -> None:
    config = ONE_THREAD.replace("path: cgi-bin", "path: cgi-bin, timeout: 500ms")
    with start_site(tmp_path, config) as site:
        site.write("slow.py", HEAD + "subprocess.Popen(['sleep', '60'])")
        with site.open() as client:
            client.send("/cgi-bin/slow.py")
            # Cut off: the last chunk is missing.
            assert not client.receive_all().endswith(b"0\r\n\r\n")
        site.wait_for_log(r"slow\.py \w+\] .*time limit of 0\.5 s")
        for pid in all_children_of(worker_of(site)):
            os.kill(pid, signal.SIGKILL)


def test_a_child_before_a_slow_reader_takes_bounded_memory(site: Site) -> None:
    size = 20_000_000
    site.write("large.py", HEAD + f"os.system('head -c {size} /dev/zero')")
    worker = worker_of(site)
    with site.open() as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send("/cgi-bin/large.py")
        response = client.begin()
        before = resident(worker)
        received = len(response.read(1_000_000))
        wait_until_stalled(worker)
        assert resident(worker) - before < 8_000_000
        received += len(response.read())
    assert received == size


def resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


def wait_until_stalled(worker: int) -> None:
    """Wait until a child has written nothing for a while: all buffers are full."""
    counts: list[str] = []

    def is_stalled() -> bool:
        texts = [Path(f"/proc/{pid}/io").read_text() for pid in family_of(worker)]
        counts.append(str([re.findall("wchar: .*", text) for text in texts]))
        return len(set(counts[-10:])) == 1 < len(counts)

    wait_until(is_stalled)


def family_of(worker: int) -> list[int]:
    """Return the worker's children and their children."""
    pids = all_children_of(worker)
    return pids + [child for pid in pids for child in all_children_of(pid)]


def test_fifty_at_a_time_do_not_meet(tmp_path: Path) -> None:
    with start_site(tmp_path, EMPTY) as site:
        site.write(
            "mixed.py",
            HEAD + "print(os.environ['QUERY_STRING'], flush=True)\n"
            "os.system('echo $QUERY_STRING; cat')\n"
            "os.write(1, os.environ['QUERY_STRING'].encode() + b'\\n')\n"
            "sys.stdout.fileno()\nprint(subprocess.check_output('echo $QUERY_STRING',"
            " shell=True, text=True), end='')\n",
        )

        def ask(number: int) -> None:
            name = f"n{number}"
            body = f"body of {number}\n".encode() * (1 + number % 3 * 1000)
            reply = site.ask(f"/cgi-bin/mixed.py?{name}", method="POST", body=body)
            line = f"{name}\n".encode()
            assert reply.body == line + line + body + line + line

        with ThreadPoolExecutor(50) as pool:
            list(pool.map(ask, range(300)))


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with start_site(tmp_path, EMPTY) as site:
        site.write(
            "uses.py",
            HEAD + "saved = os.dup(1)\nsys.stdout.fileno()\nsys.stderr.fileno()\n"
            "os.read(0, 1)\nout = open(1, 'wb')\nout.cycle = out\n"
            "subprocess.Popen(['true'])\nos.spawnlp(os.P_NOWAIT, 'true', 'true')\n"
            "print('used')",
        )
        worker = worker_of(site)

        def ask(_: int) -> None:
            reply = site.ask("/cgi-bin/uses.py", method="POST", body=b"x")
            assert reply.body == b"used\n"

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(50)))
            before = wait_for_quiet(worker)
            list(pool.map(ask, range(1000)))
        wait_until(lambda: descriptors_of(worker) <= before, worker)
        wait_until(lambda: not all_children_of(worker))


def wait_for_quiet(worker: int) -> Counter[str]:
    """Return the descriptors when connections and children are gone."""
    wait_until(lambda: not all_children_of(worker))
    return descriptors_of(worker)


def descriptors_of(pid: int) -> Counter[str]:
    """Count descriptors by what is behind them."""
    kinds: Counter[str] = Counter()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            kinds[re.sub(r"\d+", "", str(path.readlink()))] += 1
    return kinds
