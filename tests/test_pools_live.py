"""The pool of a live server: when it comes, when it leaves, and what it survives."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.accounts import public_folder
from tests.conftest import Serve
from tests.live import PATIENCE, Answer, Server
from tests.test_supervisor import has_ended, wait_until

CONFIG = """\
listen: ["127.0.0.1:0"]
sites:
  - scripts:
      - {url: /cgi-bin/, path: cgi-bin}
      - {url: /processes/, path: cgi-bin, runner: process}
"""
HEAD = "import os\nprint('Content-Type: text/plain\\n', flush=True)\n"


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the socket's folder is; nothing of it may stay."""
    with public_folder() as folder:
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
        yield folder


@pytest.fixture(autouse=True)
def site(tmp_path: Path) -> Path:
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "htdocs" / "index.html").write_text("page")
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "pid.py").write_text(HEAD + "print(os.getppid())\n")
    return tmp_path


def find_pool(server: Server) -> int:
    """Return the pid of the pool, which a run has as its parent."""
    answer = server.request("/processes/pid.py")
    assert answer.status == 200, (answer, server.stderr.text)
    return int(answer.text)


def find_children(pid: int) -> set[int]:
    """Return the processes that this one has started."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has just ended
        if int(text.rpartition(")")[2].split()[1]) == pid:
            found.add(int(path.parent.name))
    return found


def ask_at_once(server: Server, target: str, number: int) -> list[Answer]:
    answers: list[Answer] = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.request(target)))
        for _ in range(number)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


# --- coming and leaving


def test_requests_wake_a_sleeping_pool_and_none_is_lost(serve: Serve) -> None:
    server = serve(CONFIG)
    assert len(find_children(server.process.pid)) == 1
    answers = ask_at_once(server, "/processes/pid.py", 50)
    assert [one.status for one in answers] == [200] * 50, server.stderr.text
    assert len({one.text for one in answers}) == 1
    assert len(find_children(server.process.pid)) == 2


def test_one_that_is_always_there_comes_with_the_server(serve: Serve) -> None:
    server = serve(CONFIG + "pools: {start: always, idle: 1ms}")
    children = find_children(server.process.pid)
    assert len(children) == 2
    assert find_pool(server) in children


def test_an_idle_pool_leaves_and_comes_back(serve: Serve) -> None:
    server = serve(CONFIG + "pools: {idle: 500ms}")
    first = find_pool(server)
    wait_until(lambda: has_ended(first), "it does not leave")
    assert find_pool(server) != first
    assert "pool" not in server.stderr.text


def test_a_pool_that_leaves_again_and_again_loses_nothing(serve: Serve) -> None:
    server = serve(CONFIG + "pools: {idle: 1ms}")
    seen: set[int] = set()

    def are_enough() -> bool:
        seen.add(find_pool(server))
        return len(seen) > 3

    wait_until(are_enough, "it stays")


# --- dying


def test_a_pool_that_was_killed_is_replaced_at_the_next_request(serve: Serve) -> None:
    server = serve(CONFIG)
    for _ in range(3):
        pid = find_pool(server)
        os.kill(pid, signal.SIGKILL)
        assert find_pool(server) != pid
        server.stderr.wait_for(rf"pool {pid} ended with signal 9")


def test_one_that_cannot_start_harms_nobody_else(
    serve: Serve, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (site / "pool_breaker.py").write_text("import os\nos._exit(3)\n")
    # A pool imports what the supervisor imports.
    monkeypatch.setenv("PYTHONPATH", str(site))
    server = serve(CONFIG + "pools: {preload: [pool_breaker]}")
    for answer in ask_at_once(server, "/processes/pid.py", 5):
        assert answer.status == 503
        assert answer.fields["retry-after"]
    assert server.request("/").text == "page"
    assert server.request("/cgi-bin/pid.py").status == 200
    server.stderr.wait_for(r"pool \d+ ended with status 3 before it was ready")
    (site / "config.yaml").write_text(CONFIG)
    server.stderr.wait_for("reloaded")
    assert find_pool(server)


# --- the end


def test_nothing_is_left_after_the_end(serve: Serve, runtime: Path) -> None:
    server = serve(CONFIG)
    pid = find_pool(server)
    assert list(runtime.glob("*/socket"))
    assert server.stop() == 0
    assert has_ended(pid)
    assert not list(runtime.iterdir())
    assert "killed" not in server.stderr.text


def test_runs_are_finished_first(serve: Serve, site: Path) -> None:
    gate = site / "gate"
    os.mkfifo(gate)
    (site / "cgi-bin" / "slow.py").write_text(
        HEAD + f"open({str(gate)!r}).read()\nprint('done')\n"
    )
    server = serve(CONFIG)
    connection = server.connect()
    connection.request("GET", "/processes/slow.py")
    response = connection.getresponse()
    server.process.terminate()
    server.stderr.wait_for("stopping")
    with gate.open("w"):
        pass
    assert response.read() == b"done\n"
    connection.close()
    assert server.stop() == 0


def test_a_pool_can_be_woken_as_long_as_workers_need_it(serve: Serve) -> None:
    server = serve(CONFIG)
    connection = server.connect()
    connection.putrequest("POST", "/processes/pid.py")
    connection.putheader("Content-Length", "4")
    connection.endheaders(b"bo")
    # On another connection: the worker has read by now what came before.
    assert server.request("/").text == "page"
    server.process.terminate()
    server.stderr.wait_for("stopping")
    connection.send(b"dy")
    response = connection.getresponse()
    assert response.status == 200
    assert int(response.read())
    connection.close()
    assert server.process.wait(PATIENCE) == 0


def test_the_second_signal_ends_runs_at_once(serve: Serve, site: Path) -> None:
    (site / "cgi-bin" / "stuck.py").write_text(
        HEAD + "import signal\nprint(os.getpid(), flush=True)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: signal.pause()\n"
    )
    server = serve(CONFIG)
    pool = find_pool(server)
    connection = server.connect()
    connection.request("GET", "/processes/stuck.py")
    script = int(connection.getresponse().readline())
    server.process.terminate()
    server.stderr.wait_for("stopping")
    server.process.terminate()
    assert server.stop() == 0
    assert has_ended(pool)
    wait_until(lambda: has_ended(script), "the script goes on")
    connection.close()


def test_it_ends_with_a_supervisor_that_was_killed(serve: Serve, runtime: Path) -> None:
    server = serve(CONFIG)
    pid = find_pool(server)
    server.process.kill()
    server.process.wait()
    wait_until(lambda: has_ended(pid), "the pool goes on")
    server.stop()
    # The next server clears up.
    (left,) = runtime.iterdir()
    serve(CONFIG)
    assert not left.exists()


# --- other settings, other logs


def test_other_settings_replace_it_and_no_request_is_lost(
    serve: Serve, site: Path
) -> None:
    (site / "cgi-bin" / "files.py").write_text(
        HEAD + "import resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    server = serve(CONFIG + "pools: {limits: {open_files: 100}}")
    pid = find_pool(server)
    assert server.request("/processes/files.py").text == "100\n"
    (site / "config.yaml").write_text(CONFIG + "pools: {limits: {open_files: 200}}")

    def is_new() -> bool:
        answer = server.request("/processes/files.py")
        assert answer.status == 200
        return answer.text == "200\n"

    wait_until(is_new, "the old limits")
    wait_until(lambda: has_ended(pid), "the old pool stays")
    assert "pool" not in server.stderr.text


def test_a_change_elsewhere_leaves_it_alone(serve: Serve, site: Path) -> None:
    server = serve(CONFIG)
    pid = find_pool(server)
    (site / "config.yaml").write_text(CONFIG + "threads: 3")
    server.stderr.wait_for("reloaded")
    assert find_pool(server) == pid


def test_it_writes_to_the_new_log(serve: Serve, site: Path) -> None:
    log = site / "error.log"
    server = serve(
        CONFIG + "log: {error: {path: error.log}}\npools: {preload: [no_such_module]}"
    )
    find_pool(server)
    wait_until(lambda: "no_such_module" in log.read_text(), "not told")
    log.rename(site / "error.1")
    server.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: log.exists() and "reopened" in log.read_text(), "no log")

    def is_told() -> bool:
        find_pool(server)
        return "no_such_module" in log.read_text()

    wait_until(is_told, "the old log is used")
