"""Which pools there are: those of accounts come and go."""

import os
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from httpout_cgi.accounts import Home
from httpout_cgi.errors import StartError
from httpout_cgi.processes import listeners, pools, privileges
from httpout_cgi.processes.control import Answer
from httpout_cgi.processes.launch import Plan
from httpout_cgi.processes.pools import Pools, UserPlans
from httpout_cgi.processes.privileges import Account
from httpout_cgi.protocol.ownership import OwnershipError, Refusal
from tests.accounts import public_folder
from tests.live import PATIENCE

# Serves one connection, as told by its settings, and leaves.
ONCE = """
import os, socket, sys
listener = socket.socket(fileno=0)
listener.setblocking(False)
listener.setblocking(True)
connection, _ = listener.accept()
listener.setblocking(False)
connection.sendall(f"{sys.argv[1]} {os.getpid()}".encode())
"""


class Everybody:
    """Pretends that all accounts are ours."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {"alice": 1, "bob": 2}

    def find(self, name: str) -> Home:
        if name not in self.numbers:
            raise OwnershipError(Refusal.UNKNOWN, name)
        return Home(name, self.numbers[name], 0, f"/home/{name}")


class Stage:
    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.selector = selector
        self.now = 1000.0
        self.accounts = Everybody()
        self.log = os.open(os.devnull, os.O_WRONLY)
        self.pools = Pools(selector, None, [sys.executable, "-c", ONCE])
        self.pools.open()
        self.configure()

    def configure(self, text: str = "old") -> None:
        def make(home: Home) -> Plan:
            return Plan(f"{text} {home.name}", 60.0, 0, self.log)

        # Any: only what is asked of Accounts.
        plans = UserPlans(self.accounts, make)  # type: ignore[arg-type]
        self.pools.configure(
            Plan(text, 60.0, 0, self.log),
            plans,
            lambda python: Plan(f"{text} under {python}", 60.0, 0, self.log),
        )

    def turn(self) -> None:
        self.pools.tend(self.now)
        for key, _ in self.selector.select(0.02):
            key.data()
        self.pools.reap(self.now)

    def run_until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline
            self.turn()

    def pass_time(self, seconds: float) -> None:
        self.turn()
        self.now += seconds
        self.turn()

    def talk(self, address: str) -> str:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(address)
            return self.hear(client)

    def hear(self, client: socket.socket) -> str:
        client.setblocking(False)
        heard: list[bytes] = []

        def hears() -> bool:
            try:
                heard.append(client.recv(100))
            except BlockingIOError:
                return False
            return True

        self.run_until(hears)
        return heard[0].decode()

    def ask(self, name: str) -> str:
        answer = self.pools.ask(name)
        assert not answer.refusal
        return answer.address


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    def stay(home: Home) -> None:
        return None

    monkeypatch.setattr(privileges, "become", stay)
    with selectors.DefaultSelector() as selector, public_folder() as folder:
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(folder))
        made = Stage(selector)
        yield made
        made.pools.close()
        os.close(made.log)
        assert not list(folder.iterdir())
        assert not selector.get_map()


def test_an_account_has_a_pool_when_somebody_asks(stage: Stage) -> None:
    alice, bob = stage.ask("alice"), stage.ask("bob")
    assert len({alice, bob, stage.pools.address}) == 3
    assert len(stage.pools) == 0
    assert stage.talk(alice).startswith("old alice ")
    assert stage.talk(bob).startswith("old bob ")
    assert stage.talk(stage.pools.address).startswith("old ")
    assert stage.ask("alice") == alice


def test_the_site_has_one_for_each_other_python(stage: Stage) -> None:
    first, second = stage.ask("/opt/bin/python3"), stage.ask("/venv/bin/python")
    assert len({first, second, stage.pools.address}) == 3
    assert stage.talk(first).startswith("old under /opt/bin/python3 ")
    stage.configure("new")
    assert stage.ask("/venv/bin/python") == second
    assert stage.talk(second).startswith("new under /venv/bin/python ")


def test_one_of_another_python_is_dropped_without_a_use(stage: Stage) -> None:
    address = stage.ask("/opt/bin/python3")
    stage.pass_time(10)
    assert not Path(address).exists()
    assert stage.ask("/opt/bin/python3") != address


def test_what_sleeps_is_dropped_and_comes_back(stage: Stage) -> None:
    address = stage.ask("alice")
    assert stage.talk(address)
    stage.run_until(lambda: not len(stage.pools))
    stage.turn()
    assert stage.pools.next_start() == pytest.approx(stage.now + 10)
    stage.pass_time(9.9)
    assert Path(address).exists()
    stage.pass_time(0.2)
    assert not Path(address).exists()
    stage.pass_time(0.1)
    assert stage.pools.next_start()
    stage.pass_time(1.1)
    assert stage.pools.next_start() is None
    assert len(stage.selector.get_map()) == 1
    other = stage.ask("alice")
    assert other != address
    assert stage.talk(other)


def test_who_connects_at_the_last_moment_is_answered(stage: Stage) -> None:
    address = stage.ask("alice")
    with socket.socket(socket.AF_UNIX) as client:
        stage.turn()
        client.connect(address)
        stage.now += 10.1
        # The time is over before the connection is seen.
        stage.pools.tend(stage.now)
        assert not Path(address).exists()
        assert stage.hear(client).startswith("old alice")
    stage.run_until(lambda: not len(stage.pools))
    stage.pass_time(1.1)
    stage.pass_time(1.1)
    assert stage.pools.next_start() is None


def test_asking_keeps_it(stage: Stage) -> None:
    address = stage.ask("alice")
    for _ in range(5):
        stage.pass_time(9)
        assert stage.ask("alice") == address


def test_unknown_names_leave_nothing_behind(stage: Stage) -> None:
    for number in range(100):
        refused = stage.pools.ask(f"x{number}")
        assert refused == Answer(f"x{number}", refusal="unknown-account")
    assert len(stage.pools._keepers()) == 1


def test_there_are_not_too_many(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "_MOST_POOLS", 1)
    stage.ask("alice")
    assert stage.pools.ask("bob").refusal == "too-many-pools"
    assert stage.ask("alice")


def test_a_socket_that_cannot_be_made_is_a_refusal(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise StartError("no room")

    monkeypatch.setattr(listeners, "bind", fail)
    assert stage.pools.ask("alice").refusal == "no-pool"
    assert "no pool for alice: no room" in caplog.messages


def test_an_account_that_is_another_one_gets_another_pool(stage: Stage) -> None:
    old = stage.ask("alice")
    stage.accounts.numbers["alice"] = 3
    new = stage.ask("alice")
    assert new != old
    assert not Path(old).exists()


def test_other_settings_are_for_accounts_too(stage: Stage) -> None:
    address = stage.ask("alice")
    stage.configure("new")
    assert stage.ask("alice") == address
    assert stage.talk(address).startswith("new alice")


def test_who_was_removed_has_none_after_a_reload(stage: Stage) -> None:
    address = stage.ask("alice")
    del stage.accounts.numbers["alice"]
    stage.configure()
    assert not Path(address).exists()
    assert stage.pools.ask("alice").refusal == "unknown-account"


def test_without_users_there_are_none(stage: Stage) -> None:
    address = stage.ask("alice")
    stage.pools.configure(Plan("x", 60.0, 0, stage.log))
    assert not Path(address).exists()
    assert stage.pools.ask("alice").refusal == "no-pool"


def test_nobody_gets_one_at_the_end(stage: Stage) -> None:
    stage.pools.kill()
    assert stage.pools.ask("alice").refusal == "no-pool"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")
def test_a_pool_becomes_the_account_with_its_groups() -> None:
    home = Home("nobody", 65534, 65534, "/")
    groups = tuple(sorted(os.getgrouplist("nobody", 65534)))
    assert privileges.become(home) == Account("nobody", 65534, 65534, groups)
