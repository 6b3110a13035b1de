"""A live server for tests: start it, talk to it, read what it prints, stop it."""

import http.client
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
# Seconds; a deadline, not a pause.  On a busy machine, a server needs 25 to start.
PATIENCE = 40.0
URL = r"https?://\S+"


class Lines:
    """What a process writes to a pipe, read by a thread of its own, line by line."""

    def __init__(self, pipe: IO[str]) -> None:
        self._pipe = pipe
        self._text = ""
        self._ended = False
        self._changed = threading.Condition()  # guards _text and _ended
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """Everything that was written so far."""
        with self._changed:
            return self._text

    def wait_for(self, pattern: str, *, timeout: float = PATIENCE) -> re.Match[str]:
        """Wait until the text has the pattern; AssertionError with the text if not."""

        def found() -> bool:
            return self._ended or re.search(pattern, self._text) is not None

        with self._changed:
            self._changed.wait_for(found, timeout)
            match = re.search(pattern, self._text)
            assert match, f"no {pattern!r} in:\n{self._text}"
            return match

    def close(self) -> None:
        """Wait for the end of the pipe, which comes with the end of the process."""
        self._thread.join(PATIENCE)
        self._pipe.close()

    def _read(self) -> None:
        for line in self._pipe:
            with self._changed:
                self._text += line
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Answer:
    """A response as the client saw it; ``fields`` has lower-case names."""

    status: int
    reason: str
    fields: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()


class Server:
    """``python -m httpout_cgi`` under way."""

    def __init__(self, config: Path, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "httpout_cgi", "--config", str(config), *options],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
        )
        assert self.process.stdout
        assert self.process.stderr
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)
        self.url = ""

    def wait_until_ready(self, ready: str = URL) -> None:
        """Wait for the line with the URL, which has no slash at its end in ``url``."""
        try:
            self.url = self.stdout.wait_for(ready).group().rstrip("/.,;")
        except AssertionError as exc:
            raise AssertionError(f"{exc}\nstderr:\n{self.stderr.text}") from exc

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection to the server; the caller closes it."""
        return http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)

    def request(
        self,
        target: str,
        method: str = "GET",
        body: bytes | None = None,
        fields: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request on a connection of its own; redirects are not followed."""
        connection = self.connect()
        try:
            connection.request(method, target, body, dict(fields or {}))
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, response.reason, headers, response.read())
        finally:
            connection.close()

    def stop(self) -> int:
        """Send SIGTERM and return the exit code; a server that stays is killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.stdout.close()
            self.stderr.close()


@contextmanager
def serving(config: Path) -> Iterator[Server]:
    """Run a server; it must end with exit code 0 on SIGTERM."""
    server = Server(config)
    try:
        server.wait_until_ready()
        yield server
    finally:
        code = server.stop()
    assert code == 0, server.stderr.text
