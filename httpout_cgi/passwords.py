"""Checking passwords: slow hashes, computed beside the loop, as seldom as possible.

What was found right is believed for a minute, so that the next picture of a page costs
microseconds.  A wrong password is always computed, and so is one of a user who does
not exist: neither can be told from the other by the time that it takes.
"""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Final

from httpout_cgi.errors import HTTPError
from httpout_cgi.password_file import PasswordFile, Passwords
from httpout_cgi.password_hashes import is_password
from httpout_cgi.protocol.basic_auth import Credentials

_BELIEVED_SECONDS: Final = 60.0
_MOST_BELIEVED: Final = 1024
# Threads give the processor to each other, not all of it to passwords.
_THREADS: Final = 2
# Guessing is to be slow: so many checks may wait or run at a time, and of one client
# so many, that others still get their turn (CWE-307, CWE-770).
_MOST_PENDING: Final = 32
_MOST_OF_A_CLIENT: Final = 4

_log = logging.getLogger(__name__)


class PasswordChecker:
    """Checks users against files.  Only the loop thread touches it.

    ``check`` is called in threads.  Whoever made it closes it.
    """

    def __init__(
        self,
        check: Callable[[bytes, str], bool] = is_password,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._check = check
        self._clock = clock
        self._files: dict[Path, PasswordFile] = {}
        # No password is kept, and what is kept by it is of use to this process alone
        # (CWE-256); nor can a client choose where it comes to lie in a dict.
        self._key = secrets.token_bytes(32)
        self._believed: dict[bytes, float] = {}
        self._pending: dict[bytes, asyncio.Future[bool]] = {}
        self._clients: dict[str, int] = {}
        self._threads: ThreadPoolExecutor | None = None

    async def has(self, path: Path, credentials: Credentials, client: str) -> bool:
        """Tell whether the file has that user with that password.

        ``client`` is who asks.  Raises HTTPError: 500 if there is no such file, 429 and
        503 if too much is being checked already.
        """
        hash_, exists = self._find(path, credentials.user)
        if hash_ is None:
            return False
        # The hash is part of it: who has got another password, or is another file's
        # user, is not who was believed.
        key = self._digest(hash_.encode(), *credentials)
        if exists and self._believed.get(key, 0.0) > self._clock():
            return True
        # Several requests of one browser, each with the same: one check does.
        pending = self._pending.get(key)
        if pending is None:
            pending = self._begin(key, hash_, credentials.password, client)
        # What has begun goes on, for others who wait for it; and a client that leaves
        # does not make room for its next guess.
        is_right = await asyncio.shield(pending)
        if exists and is_right:
            self._believe(key)
        return exists and is_right

    def close(self) -> None:
        """Let no check begin any more."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    def _find(self, path: Path, user: bytes) -> tuple[str | None, bool]:
        """Return a user's hash; of one who does not exist, that of another user.

        Always the same one, as if it were the user's own: else, a second try that takes
        another time would tell (CWE-204).  None if there are no users at all.
        """
        passwords = self._look(path)
        own = passwords.hashes.get(user)
        if own is not None:
            return own, True
        others = passwords.any_hashes
        if not others:
            return None, False
        number = int.from_bytes(self._digest(user)[:8], "big")
        return others[number % len(others)], False

    def _look(self, path: Path) -> Passwords:
        file = self._files.get(path)
        if file is None:
            file = self._files[path] = PasswordFile(path)
        try:
            passwords, is_new = file.look()
        except OSError as exc:
            # Closed, not open: nobody knows who may come in.
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            reason = f"the file of users {path} cannot be read: {exc.strerror or exc}"
            raise HTTPError(status, reason) from exc
        if is_new:
            for problem in passwords.problems:
                _log.error("%s: %s", path, problem)
        return passwords

    def _begin(
        self, key: bytes, hash_: str, password: bytes, client: str
    ) -> asyncio.Future[bool]:
        fields = [("Retry-After", "2")]
        if self._clients.get(client, 0) >= _MOST_OF_A_CLIENT:
            status = HTTPStatus.TOO_MANY_REQUESTS
            raise HTTPError(status, f"too many passwords of {client}", fields=fields)
        if len(self._pending) >= _MOST_PENDING:
            status = HTTPStatus.SERVICE_UNAVAILABLE
            raise HTTPError(status, "too many passwords to check", fields=fields)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, "passwords")
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, self._check, password, hash_)
        self._pending[key] = future
        self._clients[client] = self._clients.get(client, 0) + 1
        future.add_done_callback(lambda ended: self._end(key, client, ended))
        return future

    def _end(self, key: bytes, client: str, ended: asyncio.Future[bool]) -> None:
        if not ended.cancelled():
            ended.exception()  # is for those who wait, who may have gone
        del self._pending[key]
        self._clients[client] -= 1
        if not self._clients[client]:
            del self._clients[client]

    def _believe(self, key: bytes) -> None:
        self._believed.pop(key, None)
        if len(self._believed) >= _MOST_BELIEVED:
            # The oldest: what comes in is always behind it.
            del self._believed[next(iter(self._believed))]
        self._believed[key] = self._clock() + _BELIEVED_SECONDS

    def _digest(self, *parts: bytes) -> bytes:
        # Their lengths, too: "ab" and "c" are not "a" and "bc".
        data = b"".join(b"%d:%b" % (len(part), part) for part in parts)
        return hmac.digest(self._key, data, "sha256")
