"""Checks of passwords: how often, how many at a time, and who waits for whom."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from httpout_cgi import passwords
from httpout_cgi.errors import HTTPError
from httpout_cgi.passwords import PasswordChecker
from httpout_cgi.protocol.basic_auth import Credentials
from tests.live import PATIENCE

HASH = "{SHA}" + "A" * 27 + "="
OTHER = "{SHA}" + "B" * 27 + "="
THIRD = "{SHA}" + "C" * 27 + "="
ALICE = Credentials(b"alice", b"right")
WRONG = Credentials(b"alice", b"wrong")
CLIENT = "192.0.2.1"


class Check:
    """Stands for the slow hash: "right" is the password.  Waits if it is held."""

    def __init__(self) -> None:
        self.calls: list[tuple[bytes, str]] = []
        self.began = threading.Semaphore(0)
        self.free = threading.Event()
        self.free.set()
        self.failure: Exception | None = None

    def __call__(self, password: bytes, hash_: str) -> bool:
        self.calls.append((password, hash_))
        self.began.release()
        assert self.free.wait(PATIENCE)
        if self.failure is not None:
            raise self.failure
        return password == b"right"


class Stage:
    """A checker with a file of two users, a clock and a check that tests decide."""

    def __init__(self, folder: Path) -> None:
        self.now = 1000.0
        self.check = Check()
        self.checker = PasswordChecker(self.check, lambda: self.now)
        self.file = folder / "users"
        self.write(f"alice:{HASH}\nbob:{OTHER}\n")

    def write(self, text: str) -> None:
        self.file.write_text(text)

    async def has(self, credentials: Credentials, client: str = CLIENT) -> bool:
        return await self.checker.has(self.file, credentials, client)

    def begin(self, password: str, client: str = CLIENT) -> "asyncio.Task[bool]":
        credentials = Credentials(b"alice", password.encode())
        return asyncio.create_task(self.has(credentials, client))

    async def settle(self) -> None:
        """Let tasks go on to where they wait for a thread."""
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.check.free.set()
    stage.checker.close()


# Any: what a coroutine is sent and yields is nobody's business.
def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(coroutine)


def test_a_right_password_is_believed_for_a_minute(stage: Stage) -> None:
    async def story() -> None:
        assert await stage.has(ALICE)
        stage.now += 59
        assert await stage.has(ALICE)
        assert len(stage.check.calls) == 1
        stage.now += 2
        assert await stage.has(ALICE)
        assert len(stage.check.calls) == 2

    run(story())


def test_a_wrong_password_is_checked_each_time(stage: Stage) -> None:
    async def story() -> None:
        assert await stage.has(ALICE)
        assert not await stage.has(WRONG)
        assert not await stage.has(WRONG)
        assert len(stage.check.calls) == 3

    run(story())


def test_a_user_who_does_not_exist_costs_a_check_as_well(stage: Stage) -> None:
    async def story() -> None:
        # Right for a hash of the file, but nobody's: never believed.
        for _ in range(3):
            assert not await stage.has(Credentials(b"mallory", b"right"))
        assert len(stage.check.calls) == 3
        hashes = {hash_ for _, hash_ in stage.check.calls}
        # The same each time: what a second try takes must not tell.
        assert len(hashes) == 1
        assert hashes <= {HASH, OTHER}

    run(story())


def test_nothing_is_checked_where_there_are_no_users(stage: Stage) -> None:
    async def story() -> None:
        stage.write("# nobody\n")
        assert not await stage.has(ALICE)
        assert stage.check.calls == []

    run(story())


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        pytest.param(f"alice:{THIRD}\nbob:{OTHER}\n", 2, id="another password"),
        pytest.param(f"bob:{OTHER}\n", 2, id="removed"),
    ],
)
def test_who_was_believed_is_not_when_the_file_changes(
    stage: Stage, text: str, calls: int
) -> None:
    async def story() -> None:
        assert await stage.has(ALICE)
        stage.write(text)
        await stage.has(ALICE)
        assert len(stage.check.calls) == calls

    run(story())


@pytest.mark.parametrize("how", ["missing", "a folder", "a loop"])
def test_a_file_that_cannot_be_read_lets_nobody_in(stage: Stage, how: str) -> None:
    async def story() -> None:
        assert await stage.has(ALICE)
        stage.file.unlink()
        if how == "a folder":
            stage.file.mkdir()
        if how == "a loop":
            stage.file.symlink_to(stage.file)
        with pytest.raises(HTTPError, match="cannot be read") as caught:
            await stage.has(ALICE)
        assert caught.value.status == HTTPStatus.INTERNAL_SERVER_ERROR

    run(story())


def test_what_is_wrong_with_a_changed_file_is_logged_once(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        stage.write(f"alice:{HASH}\nbob:sesame\n")
        for _ in range(2):
            await stage.has(ALICE)
        assert not await stage.has(Credentials(b"bob", b"sesame"))

    run(story())
    assert "line 2 has no hash" in caplog.text
    assert "sesame" not in caplog.text


def test_the_loop_goes_on_while_a_password_is_checked(stage: Stage) -> None:
    async def story() -> None:
        stage.check.free.clear()
        task = stage.begin("right")
        await asyncio.to_thread(stage.check.began.acquire)
        assert not task.done()
        stage.check.free.set()
        assert await task

    run(story())


def test_requests_with_the_same_password_share_a_check(stage: Stage) -> None:
    async def story() -> None:
        stage.check.free.clear()
        tasks = [stage.begin("right") for _ in range(20)]
        await asyncio.to_thread(stage.check.began.acquire)
        tasks.pop().cancel()  # a client that leaves takes it from no one
        stage.check.free.set()
        assert await asyncio.gather(*tasks) == [True] * 19
        assert len(stage.check.calls) == 1

    run(story())


def test_a_client_has_so_many_tries_at_a_time(stage: Stage) -> None:
    async def story() -> None:
        stage.check.free.clear()
        tasks = [stage.begin(f"try {n}") for n in range(4)]
        await stage.settle()
        # Who leaves makes no room for the next guess.
        tasks.pop().cancel()
        await stage.settle()
        with pytest.raises(HTTPError, match=CLIENT) as caught:
            await stage.has(WRONG)
        assert caught.value.status == HTTPStatus.TOO_MANY_REQUESTS
        assert dict(caught.value.fields)["Retry-After"]
        other = stage.begin("right", "192.0.2.2")
        stage.check.free.set()
        assert await other
        assert await asyncio.gather(*tasks) == [False] * 3
        assert not await stage.has(WRONG)

    run(story())


def test_all_together_have_so_many_tries_at_a_time(stage: Stage) -> None:
    async def story() -> None:
        assert await stage.has(ALICE)
        stage.check.free.clear()
        tasks = [stage.begin(f"try {n}", f"client {n}") for n in range(32)]
        await stage.settle()
        with pytest.raises(HTTPError, match="too many") as caught:
            await stage.has(WRONG)
        assert caught.value.status == HTTPStatus.SERVICE_UNAVAILABLE
        # Who was believed notices nothing.
        assert await stage.has(ALICE)
        stage.check.free.set()
        assert await asyncio.gather(*tasks) == [False] * 32

    run(story())


def test_a_check_that_fails_lets_nobody_in_and_is_no_loss(stage: Stage) -> None:
    async def story() -> None:
        stage.check.failure = ValueError("no such hash")
        with pytest.raises(ValueError, match="no such hash"):
            await stage.has(ALICE)
        stage.check.failure = None
        for _ in range(5):
            assert await stage.has(ALICE)

    run(story())


def test_what_is_believed_is_bounded(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_MOST_BELIEVED", 2)

    async def story() -> None:
        for user in ("one", "two", "three"):
            with stage.file.open("a") as file:
                file.write(f"{user}:{HASH}\n")
            assert await stage.has(Credentials(user.encode(), b"right"))
        for user, calls in (("three", 3), ("two", 3), ("one", 4)):
            assert await stage.has(Credentials(user.encode(), b"right"))
            assert len(stage.check.calls) == calls

    run(story())


def test_a_password_is_no_part_of_what_is_kept(stage: Stage) -> None:
    async def story() -> None:
        assert await stage.has(ALICE)
        kept = repr(vars(stage.checker)) + repr(vars(stage.checker)["_believed"])
        assert "right" not in kept

    run(story())
    assert "right" not in repr(ALICE)


def test_a_closed_checker_checks_nothing_that_waits(stage: Stage) -> None:
    async def story() -> None:
        stage.check.free.clear()
        tasks = [stage.begin(f"try {n}") for n in range(4)]
        for _ in range(2):
            await asyncio.to_thread(stage.check.began.acquire)
        stage.checker.close()
        stage.check.free.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert found[:2] == [False, False]
        assert all(isinstance(one, asyncio.CancelledError) for one in found[2:])

    run(story())
