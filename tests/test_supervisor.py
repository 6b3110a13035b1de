"""The supervisor and its workers, as processes."""

import contextlib
import os
import pty
import re
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from httpout_cgi import config as settings
from httpout_cgi.config import Config
from httpout_cgi.errors import StartError
from httpout_cgi.processes import control
from httpout_cgi.processes.fleet import START_ATTEMPTS, Fleet
from httpout_cgi.processes.supervisor import Supervisor
from tests.conftest import Serve
from tests.live import PATIENCE, ROOT, Server

LISTEN = "listen: ['127.0.0.1:0']\n"
# Whoever waits for what runs is told from whoever does not: PATIENCE is shorter.
WAITS_LONG = "shutdown_timeout: 60s\n"
# Not os.getpid(): a script that asks for that gets a process of its own.
PID = (
    "from multiprocessing import current_process\n"
    "print('Content-Type: text/plain\\n')\nprint(current_process().pid, end='')\n"
)


@pytest.fixture(autouse=True)
def site(tmp_path: Path) -> Path:
    """A folder with a page and a script that tells the worker's pid."""
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "htdocs" / "index.html").write_text("page")
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "cgi-bin" / "pid.py").write_text(PID)
    return tmp_path


def get_worker(server: Server) -> int:
    """Return the pid of a worker that answers."""
    return int(server.request("/cgi-bin/pid.py").text)


def get_workers(server: Server, number: int) -> set[int]:
    """Return the pids of all workers."""
    seen: set[int] = set()

    def are_all_seen() -> bool:
        seen.add(get_worker(server))
        return len(seen) == number

    wait_until(are_all_seen, "too few workers")
    return seen


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that nobody announces."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        select.select([], [], [], 0.02)


def has_ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def load_default(folder: Path) -> Config:
    """Return settings that listen on any port."""
    (folder / "config.yaml").write_text(LISTEN)
    return settings.load(folder / "config.yaml")


def write_script(site: Path, name: str, text: str) -> None:
    (site / "cgi-bin" / name).write_text(
        "print('Content-Type: text/plain\\n', flush=True)\n" + text
    )


# --- start and stop


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_all_with_exit_code_0(serve: Serve, number: int) -> None:
    server = serve(LISTEN + "workers: 2")
    pid = get_worker(server)
    server.process.send_signal(number)
    assert server.process.wait(PATIENCE) == 0
    assert has_ended(pid)


def test_idle_connections_do_not_delay_the_end(serve: Serve) -> None:
    server = serve(LISTEN + WAITS_LONG)
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"page"
        assert server.stop() == 0


def test_a_worker_that_is_ready_too_late_is_not_announced(tmp_path: Path) -> None:
    config = load_default(tmp_path)
    announced: list[object] = []
    supervisor = Supervisor(lambda: config, lambda *said: announced.append(said))
    supervisor._listeners.take(supervisor._listeners.bind(config, config))
    supervisor._stop(1)
    supervisor._on_first_ready()
    assert not announced


def test_what_runs_is_finished(serve: Serve, site: Path) -> None:
    gate = site / "gate"
    os.mkfifo(gate)
    write_script(site, "slow.py", f"open({str(gate)!r}).read()\nprint('done')")
    server = serve(LISTEN)
    connection = server.connect()
    connection.request("GET", "/cgi-bin/slow.py")
    response = connection.getresponse()
    server.process.terminate()
    server.stderr.wait_for("stopping")
    with gate.open("w"):
        pass
    assert response.read() == b"done\n"
    connection.close()
    assert server.process.wait(PATIENCE) == 0


def test_no_connection_is_accepted_while_stopping(serve: Serve, site: Path) -> None:
    gate = site / "gate"
    os.mkfifo(gate)
    write_script(site, "slow.py", f"open({str(gate)!r}).read()")
    server = serve(LISTEN)
    connection = server.connect()
    connection.request("GET", "/cgi-bin/slow.py")
    response = connection.getresponse()
    server.process.terminate()

    def is_refused() -> bool:
        try:
            with contextlib.closing(server.connect()) as other:
                other.connect()
        except ConnectionError:
            return True
        return False

    wait_until(is_refused, "still accepting")
    with gate.open("w"):
        pass
    response.read()
    connection.close()


def test_the_second_signal_ends_it_at_once(serve: Serve, site: Path) -> None:
    write_script(site, "stuck.py", "import threading\nthreading.Event().wait(60)")
    server = serve(LISTEN + WAITS_LONG)
    connection = server.connect()
    connection.request("GET", "/cgi-bin/stuck.py")
    connection.getresponse()
    server.process.terminate()
    server.stderr.wait_for("stopping")
    server.process.terminate()
    assert server.process.wait(PATIENCE) == 0
    connection.close()


def test_workers_end_when_the_supervisor_is_killed(serve: Serve) -> None:
    server = serve(LISTEN)
    pid = get_worker(server)
    server.process.kill()
    server.process.wait()
    wait_until(lambda: has_ended(pid), "the worker goes on")
    server.stop()


def test_interrupts_of_the_terminal_are_left_to_the_supervisor(serve: Serve) -> None:
    server = serve(LISTEN)
    pid = get_worker(server)
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        os.kill(pid, number)
    assert get_worker(server) == pid


def test_it_ends_with_its_terminal(site: Path) -> None:
    (site / "config.yaml").write_text(LISTEN)
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        config = str(site / "config.yaml")
        command = [sys.executable, "-m", "httpout_cgi", "--config", config]
        os.execv(command[0], command)
    output = b""
    while b"/cgi-bin/" not in output:
        output += os.read(terminal, 4096)
    os.close(terminal)
    ended: list[int] = []
    waiter = threading.Thread(target=lambda: ended.append(os.waitpid(pid, 0)[1]))
    waiter.start()
    waiter.join(PATIENCE)
    if not ended:
        os.kill(pid, signal.SIGKILL)
        waiter.join()
    assert ended == [0]


# --- workers that die


def test_a_dead_worker_is_replaced(serve: Serve) -> None:
    server = serve(LISTEN)
    pid = get_worker(server)
    os.kill(pid, signal.SIGKILL)
    server.stderr.wait_for(rf"worker {pid} ended with signal 9, another one starts")
    assert get_worker(server) != pid


def test_requests_of_several_workers_share_a_listener(serve: Serve) -> None:
    server = serve(LISTEN + "workers: 2")
    assert len(get_workers(server, 2)) == 2


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as one:
        yield one


CONFIGURATION = control.Configuration("", 1, 2, (), "")


def make_fleet(selector: selectors.BaseSelector, code: str) -> Fleet:
    return Fleet(selector, None, [sys.executable, "-c", code])


def wait_for_death(fleet: Fleet, now: float) -> None:
    before = len(fleet)

    def died() -> bool:
        fleet.reap(now)
        return len(fleet) < before

    wait_until(died, "no death")


def test_the_pause_before_a_restart_grows(selector: selectors.BaseSelector) -> None:
    fleet = make_fleet(selector, "import sys; sys.exit(3)")
    fleet.want(1)
    pauses = []
    now = 1000.0
    for _ in range(START_ATTEMPTS - 1):
        fleet.tend(now, CONFIGURATION)
        wait_for_death(fleet, now)
        start = fleet.next_start()
        assert start
        fleet.tend(start - 0.01, CONFIGURATION)
        assert len(fleet) == 0
        pauses.append(round(start - now, 3))
        now = start
    assert pauses == [0.1, 0.2, 0.4, 0.8]
    fleet.tend(now, CONFIGURATION)
    with pytest.raises(StartError, match=r"the workers cannot start: .* status 3"):
        wait_for_death(fleet, now)


def test_a_worker_that_says_it_cannot_start_is_not_tried_again(
    selector: selectors.BaseSelector,
) -> None:
    fleet = make_fleet(selector, f"import sys; sys.exit({control.CANNOT_START})")
    fleet.want(1)
    fleet.tend(0.0, CONFIGURATION)
    with pytest.raises(StartError, match="the workers cannot start"):
        wait_for_death(fleet, 0.0)


READY = (
    "import socket, sys; s = socket.socket(fileno=int(sys.argv[1]));"
    " s.recv(1); s.send(b'R'); s.recv(1)"
)


def run_until_ready(fleet: Fleet, selector: selectors.BaseSelector) -> None:
    ready: list[bool] = []
    fleet.on_ready = lambda: ready.append(True)

    def turn() -> bool:
        for key, _ in selector.select(0.1):
            key.data()
        return bool(ready)

    wait_until(turn, "not ready")


def test_workers_that_were_ready_are_restarted_for_ever(
    selector: selectors.BaseSelector,
) -> None:
    fleet = make_fleet(selector, READY)
    fleet.want(1)
    now, pauses = 0.0, []
    for _ in range(START_ATTEMPTS + 4):
        fleet.tend(now, CONFIGURATION)
        run_until_ready(fleet, selector)
        fleet.configure(CONFIGURATION)  # makes it end
        wait_for_death(fleet, now)
        start = fleet.next_start()
        assert start
        pauses.append(round(start - now, 3))
        now = start
    assert pauses[-2:] == [10.0, 10.0]
    # One that lived for long was healthy: the count begins anew.
    fleet.tend(now, CONFIGURATION)
    run_until_ready(fleet, selector)
    fleet.configure(CONFIGURATION)
    wait_for_death(fleet, now + 60)
    assert fleet.next_start() == pytest.approx(now + 60.1)


def test_a_worker_that_never_reads_is_killed(
    selector: selectors.BaseSelector, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = make_fleet(selector, "import threading; threading.Event().wait(60)")
    fleet.want(1)
    fleet.tend(0.0, CONFIGURATION)
    for _ in range(5000):
        fleet.configure(CONFIGURATION)
        if caplog.messages:
            break
    assert re.fullmatch(r"worker \d+ does not answer, killed", caplog.messages[0])
    fleet.want(0)
    wait_for_death(fleet, 0.0)


def test_kill_leaves_nothing(selector: selectors.BaseSelector) -> None:
    fleet = make_fleet(selector, READY)
    fleet.want(2)
    fleet.tend(0.0, CONFIGURATION)
    fleet.kill()
    assert len(fleet) == 0
    assert fleet.next_start() is None
    assert not selector.get_map()


def test_a_python_that_cannot_be_run_is_named(
    selector: selectors.BaseSelector,
) -> None:
    fleet = Fleet(selector, None, ["/nowhere/python"])
    fleet.want(1)
    with pytest.raises(StartError, match=r"cannot start /nowhere/python: No such"):
        fleet.tend(0.0, CONFIGURATION)


def test_a_message_of_a_worker_that_was_reaped_meanwhile_is_none(
    selector: selectors.BaseSelector,
) -> None:
    fleet = make_fleet(selector, "pass")
    fleet.want(1)
    fleet.tend(0.0, CONFIGURATION)
    events = selector.select(20)
    assert events
    wait_for_death(fleet, 1.0)
    for key, _ in events:
        key.data()
    assert len(fleet) == 0


def test_a_worker_that_cannot_be_started_leaves_the_others_alone(
    selector: selectors.BaseSelector, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    fleet = Fleet(selector, None, [str(python), "-c", "import time; time.sleep(60)"])
    fleet.want(1)
    fleet.tend(0.0, CONFIGURATION)
    python.unlink()
    fleet.want(2)
    fleet.tend(1.0, CONFIGURATION)
    assert len(fleet) == 1
    start = fleet.next_start()
    assert start is not None
    assert start > 1.0
    fleet.kill()


def test_modules_of_the_current_folder_do_not_shadow_the_standard_library(
    site: Path,
) -> None:
    (site / "secrets.py").write_text("raise SystemExit('shadowed')")
    (site / "config.yaml").write_text(LISTEN)
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path[0] = {str(ROOT)!r}; sys.argv[0] = 'x';"
            "from httpout_cgi.cli import main; main()",
        ],
        cwd=site,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    assert process.stderr
    with process.stdout, process.stderr:
        assert "ready" in process.stdout.readline()
        process.terminate()
        assert process.wait(PATIENCE) == 0, process.stderr.read()


def test_too_many_listeners_are_refused(site: Path) -> None:
    many = ", ".join(f"'unix:{number}.sock'" for number in range(251))
    (site / "config.yaml").write_text(f"listen: [{many}]")
    done = subprocess.run(
        [sys.executable, "-m", "httpout_cgi", "--config", site / "config.yaml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert "httpout-cgi: more than 250 listeners" in done.stderr


def test_a_worker_that_cannot_start_ends_the_supervisor(site: Path) -> None:
    broken = site / "broken" / "httpout_cgi"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('half an upgrade')")
    code = (
        f"import sys; sys.path[0] = {str(ROOT)!r}; sys.argv[0] = 'x';"
        f"from httpout_cgi.cli import main; sys.path.insert(0, {str(broken.parent)!r});"
        "main()"
    )
    (site / "config.yaml").write_text(LISTEN)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.count("a worker cannot start: ImportError") == 1
    assert "httpout-cgi: the workers cannot start" in done.stderr
    assert "Traceback" not in done.stderr


# --- reload


def test_an_edited_config_is_used_without_dropping_a_connection(
    serve: Serve, site: Path
) -> None:
    server = serve(LISTEN)
    (site / "other").mkdir()
    (site / "other" / "index.html").write_text("other page")
    with contextlib.closing(server.connect()) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().read() == b"page"
        port = connection.sock.getsockname()
        (site / "config.yaml").write_text(LISTEN + "sites: [{docroot: other}]")
        server.stderr.wait_for(f"reloaded; listening on {server.url}/")

        def is_other() -> bool:
            connection.request("GET", "/")
            return connection.getresponse().read() == b"other page"

        wait_until(is_other, "the old page")
        assert connection.sock.getsockname() == port


def test_an_invalid_config_is_logged_and_the_old_one_stays(
    serve: Serve, site: Path
) -> None:
    server = serve(LISTEN)
    (site / "config.yaml").write_text(LISTEN + "threds: 3")
    server.stderr.wait_for(r"not reloaded: .*config\.yaml:2: threds: unknown key")
    assert server.request("/").text == "page"
    (site / "config.yaml").write_text("listen: ['192.0.2.1:1']\nallow_root: true\n")
    server.stderr.wait_for(r"not reloaded: cannot listen on 192\.0\.2\.1:1")
    assert server.request("/").text == "page"


def test_a_removed_listener_is_closed(serve: Serve, site: Path) -> None:
    # Another spelling of the same host: port 0 can be given only once.
    server = serve("listen: ['localhost:0', '127.0.0.1:0']\n")
    server.stdout.wait_for("/cgi-bin/")
    port = int(server.stdout.wait_for(r"http://127\.0\.0\.1:(\d+)/").group(1))
    with socket.create_connection(("127.0.0.1", port), PATIENCE):
        pass
    (site / "config.yaml").write_text("listen: ['localhost:0']\n")
    server.stderr.wait_for("reloaded")

    def is_refused() -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), PATIENCE):
                return False
        except ConnectionRefusedError:
            return True

    wait_until(is_refused, "still open")


def test_listeners_are_taken_all_or_none(serve: Serve, site: Path) -> None:
    server = serve(LISTEN)
    (site / "config.yaml").write_text(
        "listen: ['127.0.0.1:0', 'unix:new.sock', '192.0.2.1:1']\nallow_root: true\n"
    )
    server.stderr.wait_for("not reloaded")
    assert not (site / "new.sock").exists()
    assert server.request("/").text == "page"


def test_edits_of_included_files_are_seen(serve: Serve, site: Path) -> None:
    more = site / "more.yaml"
    more.write_text("threads: 2")
    server = serve(LISTEN)
    (site / "config.yaml").write_text(LISTEN + "include: [more.yaml]")
    server.stderr.wait_for("reloaded")
    more.write_text("threds: 2")
    server.stderr.wait_for(r"not reloaded: .*more\.yaml:1")
    more.unlink()
    server.stderr.wait_for(r"(?s)(not reloaded.*){2}")
    assert server.request("/").text == "page"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        pytest.param("threds: 2", r"more\.yaml:1: threds", id="wrong"),
        pytest.param("workers: [", r"more\.yaml:", id="unreadable"),
        pytest.param(None, "does not exist", id="missing"),
        pytest.param("listen: ['unix:missing/a.sock']", "missing", id="unusable"),
    ],
)
def test_what_a_failed_reload_has_read_is_watched(
    serve: Serve, site: Path, wrong: str | None, problem: str
) -> None:
    more = site / "more.yaml"
    if wrong is not None:
        more.write_text(wrong)
    server = serve(LISTEN)
    (site / "config.yaml").write_text(LISTEN + "include: [more.yaml]")
    server.stderr.wait_for(f"not reloaded: .*{problem}")
    more.write_text("loop: asyncio")
    server.stderr.wait_for("a changed loop needs a restart")
    server.stderr.wait_for(r"\breloaded; listening")


def test_script_folders_that_are_new_are_watched(serve: Serve, site: Path) -> None:
    server = serve(LISTEN)
    (site / "config.yaml").write_text(
        LISTEN + "sites: [{scripts: [{url: /new/, path: new}]}]"
    )
    (site / "new").mkdir()
    file = site / "new" / "a.py"
    file.write_text(PID)
    # The folder is missing in the first look, if that came in between.
    server.stderr.wait_for(r"\breloaded; listening")
    wait_until(lambda: server.request("/new/a.py").status == 200, "the old mounts")

    def is_told() -> bool:
        file.write_text(PID + "# edited\n")
        return f"reloaded {file}" in server.stderr.text

    wait_until(is_told, "nothing told")


def test_hangup_reloads(serve: Serve) -> None:
    server = serve(LISTEN + "reload: {watch: 'off'}")
    server.process.send_signal(signal.SIGHUP)
    server.stderr.wait_for("reloaded; listening on")
    assert server.request("/").text == "page"


def test_listeners_come_and_go(serve: Serve, site: Path) -> None:
    path = site / "http.sock"

    def ask() -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while data := client.recv(4096):
                answer += data
            return answer

    server = serve(LISTEN)
    (site / "config.yaml").write_text(
        "listen: ['127.0.0.1:0', 'unix:http.sock']\nworkers: 1\n"
    )
    server.stderr.wait_for("reloaded; listening on .*, unix:")
    assert ask().endswith(b"\r\n\r\npage")
    (site / "config.yaml").write_text(LISTEN)
    server.stderr.wait_for(r"reloaded; listening on http://[^,]*\n")
    assert not path.exists()
    assert server.request("/").text == "page"


def test_the_number_of_workers_follows_the_config(serve: Serve, site: Path) -> None:
    server = serve(LISTEN + "workers: 2")
    seen = get_workers(server, 2)
    (site / "config.yaml").write_text(LISTEN + "workers: 1")
    server.stderr.wait_for("reloaded")
    wait_until(lambda: sum(map(has_ended, seen)) == 1, "two workers")
    (site / "config.yaml").write_text(LISTEN + "workers: auto")
    server.stderr.wait_for("(?s)reloaded.*reloaded")
    assert server.request("/").text == "page"


def test_the_number_of_threads_follows_the_config(serve: Serve, site: Path) -> None:
    gate = site / "gate"
    os.mkfifo(gate)
    write_script(site, "slow.py", f"open({str(gate)!r}).read()\nprint('done')")
    server = serve(LISTEN + "threads: 1")
    connection = server.connect()
    connection.request("GET", "/cgi-bin/slow.py")
    response = connection.getresponse()
    (site / "config.yaml").write_text(LISTEN + "threads: 2")
    server.stderr.wait_for("reloaded")
    assert get_worker(server)
    with gate.open("w"):
        pass
    assert response.read() == b"done\n"
    connection.close()


def test_what_needs_a_restart_is_told(serve: Serve, site: Path) -> None:
    server = serve(LISTEN)
    (site / "config.yaml").write_text(LISTEN + "loop: asyncio")
    server.stderr.wait_for("a changed loop needs a restart")


def test_edited_scripts_are_compiled_early(serve: Serve, site: Path) -> None:
    server = serve(LISTEN + "loop: asyncio")
    get_worker(server)
    file = site / "cgi-bin" / "pid.py"

    def is_told() -> bool:
        file.write_text(PID + "# edited\n")
        return f"reloaded {file}" in server.stderr.text

    wait_until(is_told, "nothing told")


# --- logs


def test_logs_go_to_files_and_are_reopened(serve: Serve, site: Path) -> None:
    server = serve(
        LISTEN + "log: {access: {path: access.log, format: '%m %U %s'},"
        " error: {path: error.log}}"
    )
    access, error = site / "access.log", site / "error.log"
    server.request("/")
    wait_until(lambda: access.read_text() == "GET / 200\n", "no line")
    access.rename(site / "access.1")
    error.rename(site / "error.1")
    server.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: error.exists() and "reopened" in error.read_text(), "no log")

    def is_new() -> bool:
        server.request("/none")
        return access.read_text().startswith("GET /none 404\n")

    wait_until(is_new, "the old log is used")
    assert oct(access.stat().st_mode & 0o777) == "0o640"
    assert server.stop() == 0
    assert server.stderr.text == ""


def test_a_log_that_cannot_be_reopened_stays_open(serve: Serve, site: Path) -> None:
    folder = site / "logs"
    folder.mkdir()
    server = serve(LISTEN + "log: {access: {path: logs/access.log}}")
    folder.rename(site / "moved")
    server.process.send_signal(signal.SIGUSR1)
    server.stderr.wait_for("logs not reopened: cannot write the log")
    assert server.request("/").text == "page"
