"""The keeper of a pool, with pools that only pretend."""

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

import pytest

from httpout_cgi.accounts import Home
from httpout_cgi.config import (
    Config,
    Listener,
    PoolLimits,
    Pools,
    ScriptMount,
    Site,
    Users,
)
from httpout_cgi.processes import listeners
from httpout_cgi.processes.keeper import PoolKeeper
from httpout_cgi.processes.launch import (
    Plan,
    make_account_plan,
    make_plan,
    make_python_plan,
)
from tests.accounts import public_folder
from tests.live import PATIENCE

# Tells each connection about itself.  One that has sent "hold" is answered at its end.
SERVE = """
import json, os, select, signal, socket, sys
listener = socket.socket(fileno=0)
listener.setblocking(False)
told, teller = socket.socketpair()
teller.setblocking(False)
signal.set_wakeup_fd(teller.fileno())
signal.signal(signal.SIGTERM, lambda *_: None)
held = []
seen = {"pid": os.getpid(), "session": os.getsid(0), "argv": sys.argv[1:],
        "environ": dict(os.environ), "cwd": os.getcwd()}
seen = json.dumps(seen).encode()
while told not in select.select([told, listener], [], [])[0]:
    try:
        connection, _ = listener.accept()
    except BlockingIOError:
        continue  # another one has taken it
    connection.setblocking(True)
    word = connection.recv(10)
    if word == b"leave":
        os._exit(0)
    elif word == b"hold":
        connection.sendall(b"h")
        held.append(connection)
    else:
        connection.sendall(seen)
        connection.close()
for one in held:
    one.sendall(seen)
"""
STUBBORN = """
import signal, socket
signal.signal(signal.SIGTERM, signal.SIG_IGN)
connection, _ = socket.socket(fileno=0).accept()
connection.send(b"ready")
while True: signal.pause()
"""


class Seen(TypedDict):
    """What SERVE says."""

    pid: int
    session: int
    argv: list[str]
    environ: dict[str, str]
    cwd: str


class Stage:
    """A keeper with a clock and a loop of its own."""

    def __init__(self, selector: selectors.BaseSelector, code: str, path: Path) -> None:
        self.selector = selector
        self.path = path
        self.now = 1000.0
        self.log = os.open(os.devnull, os.O_WRONLY)
        self.keeper = PoolKeeper(selector, None, [sys.executable, "-c", code])
        self.keeper.open(path)

    def plan(
        self,
        settings: str = "{}",
        *,
        idle: float | None = 60.0,
        nice: int = 0,
        scgi: socket.socket | None = None,
    ) -> Plan:
        return Plan(settings, idle, nice, self.log, scgi)

    def turn(self) -> None:
        """Do what the supervisor's loop does in one turn."""
        self.keeper.tend(self.now)
        for key, _ in self.selector.select(0.02):
            key.data()
        self.keeper.reap(self.now)

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never came"
            self.turn()

    def connect(self, word: bytes = b"") -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(PATIENCE)
        client.connect(self.keeper.address)
        client.sendall(word or b"tell")
        return client

    def read(self, client: socket.socket) -> bytes:
        """Return what a connection receives until its end."""
        received: list[bytes] = []

        def is_over() -> bool:
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                try:
                    received.append(client.recv(65536))
                except ConnectionResetError:  # closed before what it sent was read
                    received.append(b"")
            return bool(received) and not received[-1]

        with client:
            self.run_until(is_over)
        return b"".join(received)

    def ask(self) -> Seen:
        """Let a pool tell about itself."""
        seen: Seen = json.loads(self.read(self.connect()))
        return seen

    def wait_for_deaths(self, number: int, caplog: pytest.LogCaptureFixture) -> None:
        self.run_until(lambda: len(caplog.messages) == number)

    def wait_until_asleep(self) -> None:
        self.run_until(lambda: not len(self.keeper))


Make = Callable[[str], Stage]


@pytest.fixture
def make() -> Iterator[Make]:
    """Make stages; nothing is left of them at the end."""
    stages: list[Stage] = []
    with selectors.DefaultSelector() as selector, public_folder() as folder:

        def start(code: str) -> Stage:
            stages.append(Stage(selector, code, folder / str(len(stages))))
            return stages[-1]

        yield start
        for stage in stages:
            stage.keeper.close()
            os.close(stage.log)
        assert not list(folder.iterdir())


# --- on demand


def test_the_first_connection_starts_it_and_none_is_lost(make: Make) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan())
    stage.turn()
    assert len(stage.keeper) == 0
    clients = [stage.connect() for _ in range(50)]
    pids = {json.loads(stage.read(client))["pid"] for client in clients}
    assert len(pids) == 1
    assert len(stage.keeper) == 1


def test_one_that_has_left_comes_back_without_a_word(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan(idle=0.001))
    first = stage.ask()["pid"]
    stage.now += 1
    stage.connect(b"leave").close()
    stage.wait_until_asleep()
    assert stage.keeper.next_start() is None
    assert stage.ask()["pid"] != first
    assert not caplog.messages


def test_one_that_is_always_there_starts_at_once(make: Make) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan(idle=None))
    stage.turn()
    assert len(stage.keeper) == 1


def test_it_gets_its_settings_and_nothing_of_ours(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "of the supervisor")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/nowhere")
    stage = make(SERVE)
    stage.keeper.configure(stage.plan('{"processes": 3}'))
    seen = stage.ask()
    # Python adds LC_CTYPE where the locale is C.
    names = {"PATH", "LANG", "LD_BIND_NOW", "LD_LIBRARY_PATH", "LC_CTYPE"}
    assert seen["environ"].keys() <= names
    assert seen["environ"]["LD_LIBRARY_PATH"] == "/nowhere"
    assert seen["argv"] == ['{"processes": 3}']
    assert seen["cwd"] == "/"
    assert seen["session"] == seen["pid"]
    monkeypatch.delenv("LD_LIBRARY_PATH")
    stage.keeper.configure(stage.plan("{}"))
    stage.run_until(lambda: "LD_LIBRARY_PATH" not in stage.ask()["environ"])


# --- deaths


def test_one_that_was_killed_harms_nobody_who_asks_later(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan())
    for number in range(1, 5):
        pid = stage.ask()["pid"]
        os.kill(pid, signal.SIGKILL)
        stage.wait_until_asleep()
        assert caplog.messages[-1] == f"pool {pid} ended with signal 9"
        assert len(caplog.messages) == number
        assert stage.keeper.next_start() is None


def test_what_cannot_start_is_refused_for_longer_each_time(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make("import os; os._exit(3)")
    stage.keeper.configure(stage.plan())
    pauses = []
    for deaths in range(1, 10):
        client = stage.connect()
        stage.wait_for_deaths(deaths, caplog)
        # Those that wait, and those that come meanwhile.
        assert stage.read(client) == b""
        assert stage.read(stage.connect()) == b""
        start = stage.keeper.next_start()
        assert start
        pauses.append(round(start - stage.now, 3))
        stage.now = start
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]
    text = "status 3 before it was ready, who asks for it is refused for 10.0 s"
    assert caplog.messages[-1].endswith(text)
    stage.turn()
    assert stage.keeper.next_start() is None


def test_one_that_starts_after_all_begins_a_new_count(
    make: Make, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    flag = tmp_path / "flag"
    stage = make(
        f"import os\nif not os.path.exists({str(flag)!r}): os._exit(3)\n{SERVE}"
    )
    stage.keeper.configure(stage.plan())
    for deaths in (1, 2):
        client = stage.connect()
        stage.wait_for_deaths(deaths, caplog)
        assert stage.read(client) == b""
        stage.now += 1
    flag.touch()
    os.kill(stage.ask()["pid"], signal.SIGKILL)
    stage.wait_for_deaths(3, caplog)
    flag.unlink()
    client = stage.connect()
    stage.wait_for_deaths(4, caplog)
    assert stage.read(client) == b""
    assert caplog.messages[-1].endswith("for 0.1 s")


def test_one_that_is_always_there_is_not_tried_again_at_once(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    # Status 0, as of a preloaded module that calls sys.exit().
    stage = make("import os; os._exit(0)")
    stage.keeper.configure(stage.plan(idle=None))
    stage.wait_for_deaths(1, caplog)
    assert stage.keeper.next_start() == pytest.approx(stage.now + 0.1)
    assert stage.read(stage.connect()) == b""
    stage.now += 0.1
    stage.wait_for_deaths(2, caplog)


def test_one_that_is_always_there_comes_back_at_once(make: Make) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan(idle=None))
    pid = stage.ask()["pid"]
    os.kill(pid, signal.SIGKILL)
    stage.wait_until_asleep()
    stage.turn()
    assert len(stage.keeper) == 1
    assert stage.ask()["pid"] != pid


def test_a_pool_that_cannot_be_run_is_refused_as_well(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make("")
    keeper = PoolKeeper(stage.selector, None, ["/nowhere/python"])
    stage.keeper.close()
    keeper.open(stage.path)
    stage.keeper = keeper
    keeper.configure(stage.plan())
    client = stage.connect()
    stage.wait_for_deaths(1, caplog)
    assert "the pool cannot be started ([Errno 2]" in caplog.messages[0]
    assert stage.read(client) == b""


# --- other settings, other logs


def test_other_settings_replace_it_without_losing_a_connection(make: Make) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan("1"))
    held = stage.connect(b"hold")
    stage.run_until(lambda: len(stage.keeper))
    assert held.recv(1) == b"h"
    stage.keeper.configure(stage.plan("2"))
    # The old one may take connections until it has heard that it is replaced.
    stage.run_until(lambda: stage.ask()["argv"][0] == "2")
    old: Seen = json.loads(stage.read(held))
    assert old["argv"][0] == "1"
    stage.run_until(lambda: len(stage.keeper) == 1)


def test_the_end_of_one_that_was_replaced_is_not_told(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make(STUBBORN)
    stage.keeper.configure(stage.plan("1"))
    with stage.connect() as client:
        stage.run_until(lambda: len(stage.keeper))
        assert client.recv(5) == b"ready"
    stage.keeper.configure(stage.plan("2"))
    stage.keeper.kill()
    assert not caplog.messages


def test_the_same_settings_change_nothing(make: Make) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan())
    pid = stage.ask()["pid"]
    other = os.dup(stage.log)
    os.close(stage.log)
    stage.log = other
    stage.keeper.configure(stage.plan())
    assert stage.ask()["pid"] == pid


def test_another_log_replaces_it(make: Make, tmp_path: Path) -> None:
    stage = make("import os; os.write(1, b'out'); os.write(2, b'err')\n" + SERVE)
    stage.keeper.configure(stage.plan())
    pid = stage.ask()["pid"]
    os.close(stage.log)
    stage.log = os.open(tmp_path / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    stage.keeper.configure(stage.plan())
    stage.run_until(lambda: stage.ask()["pid"] != pid)
    assert (tmp_path / "log").read_text() == "outerr"


# --- the end


def test_after_stop_nothing_starts(make: Make) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan())
    stage.ask()
    stage.keeper.stop()
    stage.wait_until_asleep()
    stage.connect().close()
    stage.turn()
    assert len(stage.keeper) == 0
    assert stage.keeper.next_start() is None
    stage.keeper.stop()


def test_one_that_does_not_want_to_end_is_killed(make: Make) -> None:
    stage = make(STUBBORN)
    stage.keeper.configure(stage.plan())
    with stage.connect() as client:
        stage.run_until(lambda: len(stage.keeper))
        assert client.recv(5) == b"ready"
    stage.keeper.close()
    assert len(stage.keeper) == 0
    assert not stage.selector.get_map()


def test_it_is_told_twice_before_it_is_killed(make: Make, tmp_path: Path) -> None:
    told = tmp_path / "told"
    stage = make(
        "import os, signal, socket, sys\n"
        f"told = os.open({str(told)!r}, os.O_CREAT | os.O_WRONLY)\n"
        "def note(*_):\n"
        "    os.write(told, b'!')\n"
        f"    os.path.getsize({str(told)!r}) == 2 and os._exit(0)\n"
        "signal.signal(signal.SIGTERM, note)\n"
        "socket.socket(fileno=0).accept()[0].send(b'ready')\n"
        "while True: signal.pause()\n"
    )
    stage.keeper.configure(stage.plan())
    with stage.connect() as client:
        stage.run_until(lambda: len(stage.keeper))
        assert client.recv(5) == b"ready"
    stage.keeper.stop()
    deadline = time.monotonic() + PATIENCE
    while not told.stat().st_size:
        assert time.monotonic() < deadline
    stage.keeper.kill()
    assert told.read_bytes() == b"!!"


# --- the second listener, niceness, the plan


@pytest.fixture
def fake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pool in place of ours, that the real command starts."""
    package = tmp_path / "httpout_cgi" / "processes"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return package / "pool.py"


def use_real_command(stage: Stage) -> None:
    stage.keeper.close()
    stage.keeper = PoolKeeper(stage.selector, None)
    stage.keeper.open(stage.path)


def test_a_second_listener_comes_with_what_may_be_asked_for(
    make: Make, fake_package: Path, tmp_path: Path
) -> None:
    fake_package.write_text(
        "def main():\n"
        "    import os, socket, sys\n"
        "    listener, mounts = sys.argv[2:]\n"
        "    listener = socket.socket(fileno=int(listener))\n"
        "    listener.setblocking(True)\n"
        "    said = sys.argv[1] + open(int(mounts)).read()\n"
        "    while True:\n"
        "        with listener.accept()[0] as one:\n"
        "            text = repr((said, len(os.listdir('/proc/self/fd'))))\n"
        "            one.sendall(text.encode())\n"
    )
    stage = make("")
    use_real_command(stage)
    listener = Listener(path=tmp_path / "s")
    sock = listeners.bind(listener)
    plan = stage.plan("settings", scgi=sock)
    stage.keeper.configure(replace(plan, mounts="mounts"))
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(listener.path))
    seen = stage.read(client).decode()
    stage.keeper.close()
    listeners.close(listener, sock)
    # 0 to 2, the second listener, the connection and the listing.
    assert seen == str(("settingsmounts", 6))


def test_both_listeners_are_refused(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = make("import os; os._exit(3)")
    listener = Listener(path=tmp_path / "s")
    sock = listeners.bind(listener)
    stage.keeper.configure(stage.plan(scgi=sock))
    client = socket.socket(socket.AF_UNIX)
    client.connect(str(listener.path))
    stage.wait_for_deaths(1, caplog)
    assert stage.read(client) == b""
    stage.keeper.close()
    listeners.close(listener, sock)


def test_one_whose_supervisor_died_meanwhile_leaves(
    make: Make,
    fake_package: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake_package.write_text("def main(): raise SystemExit(3)")
    stage = make("")
    monkeypatch.setattr(os, "getpid", lambda: 1)
    use_real_command(stage)
    stage.keeper.configure(stage.plan(idle=0.0))
    stage.connect().close()
    stage.wait_for_deaths(1, caplog)
    assert "status 0 before" in caplog.messages[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can do it")
def test_less_than_0_is_given_to_the_pool_itself(make: Make) -> None:
    stage = make(SERVE)
    stage.keeper.configure(stage.plan(nice=-3))
    assert os.getpriority(os.PRIO_PROCESS, stage.ask()["pid"]) == -3


@pytest.mark.parametrize(
    ("error", "messages"),
    [
        (PermissionError, ["pools.nice: only root can make it less than 0"]),
        (ProcessLookupError, []),
    ],
)
def test_less_than_0_is_not_for_everybody(
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[OSError],
    messages: list[str],
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "setpriority", fail)
    stage = make(SERVE)
    stage.keeper.configure(stage.plan(nice=-3))
    stage.ask()
    assert caplog.messages == messages


def make_config(folder: Path, settings: Pools) -> Config:
    mounts = [
        ScriptMount(url=f"/{seconds}/", path=folder, timeout=seconds)
        for seconds in (5, 90)
    ]
    return Config(sites=(Site(scripts=tuple(mounts)),), pools=settings)


def test_the_plan_has_all_settings(tmp_path: Path) -> None:
    settings = Pools(
        processes=3,
        idle=1.5,
        preload=("a", "b"),
        nice=5,
        limits=PoolLimits(memory=4096, cpu=0.5, open_files=None),
    )
    plan = make_plan(make_config(tmp_path, settings), 2, None)
    assert json.loads(plan.settings) == {
        "processes": 3,
        "runs_per_process": 1,
        "idle": 1.5,
        "timeout": 90.0,
        "preload": ["a", "b"],
        "nice": 5,
        "limits": {
            "memory": 4096,
            "cpu": 1,
            "open_files": None,
            "processes": 64,
            "file_size": None,
        },
    }
    assert plan == Plan(plan.settings, 1.5, 0, 2, None)


def test_the_plan_of_one_that_is_always_there(tmp_path: Path) -> None:
    settings = Pools(start="always", nice=-5, limits=PoolLimits(cpu=None))
    plan = make_plan(make_config(tmp_path, settings), 2, None)
    values = json.loads(plan.settings)
    assert values["idle"] is plan.idle is None
    assert (values["nice"], plan.nice) == (0, -5)
    assert values["limits"]["cpu"] is None


def test_the_plan_of_another_python_is_not_for_other_servers(tmp_path: Path) -> None:
    settings = Pools(start="always", idle=7.0, nice=-5, preload=("a",))
    plan = make_python_plan(make_config(tmp_path, settings), "/opt/python", 2)
    values = json.loads(plan.settings)
    assert (values["idle"], values["preload"]) == (7.0, [])
    assert plan.stage is not None
    assert (plan.stage.python, plan.stage.is_wish) == ("/opt/python", True)
    assert plan == Plan(plan.settings, 7.0, -5, 2, stage=plan.stage)


@pytest.mark.parametrize(("processes", "own"), [(None, None), (10, 10 + 2 * 3 + 2)])
def test_the_plan_of_an_account_limits_the_pool_itself(
    processes: int | None, own: int | None
) -> None:
    limits = PoolLimits(memory=4096, file_size=None, processes=processes)
    pools = Pools(processes=3, limits=limits)
    config = Config(user="nobody", users=Users(), pools=pools)
    plan = make_account_plan(config, Home("a", 1000, 1000, "/home/a"), 2)
    wanted = {"memory": 4096, "file_size": None, "processes": own}
    assert dict(plan.limits) == wanted


def test_the_plan_says_what_other_servers_may_ask_for(tmp_path: Path) -> None:
    mount = ScriptMount(
        url="/a/",
        path=tmp_path,
        interpreters={".p": Path("/p"), ".long": Path("/l")},
        environment={"A": "b"},
        pass_authorization=True,
    )
    site = Site(scripts=(mount,), follow_symlinks="never", hidden_files="allow")
    accounts = Site(hosts=("$user.example.org",), scripts=(mount,))
    with socket.socket() as scgi:
        config = Config(user="nobody", users=Users(), sites=(accounts, site))
        plan = make_plan(config, 2, scgi)
    assert plan.scgi is scgi
    assert json.loads(plan.mounts) == [
        {
            "url": "/a/",
            "path": str(tmp_path),
            "is_file": False,
            "match": ["*.py"],
            "interpreters": {".long": "/l", ".p": "/p"},
            "environment": {"A": "b"},
            "timeout": 60.0,
            "links": "never",
            "hides": False,
            "passes_authorization": True,
            "indexed_query": True,
            "judges": True,
        }
    ]
