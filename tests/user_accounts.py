"""Throw-away accounts of this machine, for tests that are run as root."""

import contextlib
import os
import pwd
import subprocess
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.live import PATIENCE

# What useradd and userdel say while another one changes the accounts.
_LOCKED = 1, 10


@dataclass(frozen=True)
class User:
    """An account with a home, ``public_html`` and ``cgi-bin`` in it."""

    name: str
    home: Path

    @property
    def uid(self) -> int:
        return pwd.getpwnam(self.name).pw_uid

    @property
    def docroot(self) -> Path:
        return self.home / "public_html"

    def write(self, name: str, source: str, mode: int = 0o700) -> Path:
        """Write a file below the docroot."""
        path = self.docroot / name
        path.write_text(textwrap.dedent(source).lstrip("\n"))
        os.chown(path, self.uid, self.uid)
        path.chmod(mode)
        return path


def change(*command: str) -> None:
    """Change the accounts; only one at a time can."""
    deadline = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not done.returncode:
            return
        is_locked = done.returncode in _LOCKED and "lock" in done.stderr
        assert is_locked, done.stderr
        assert time.monotonic() < deadline, done.stderr


@contextlib.contextmanager
def make_user(name: str, folder: Path, *options: str) -> Iterator[User]:
    """Add an account, and remove it at the end."""
    user = User(name, folder / name)
    common = ("--no-create-home", "--user-group", "--shell", "/bin/sh")
    change("useradd", *common, "--home-dir", str(user.home), *options, name)
    try:
        for path in (user.home, user.docroot, user.docroot / "cgi-bin"):
            path.mkdir()
            os.chown(path, user.uid, user.uid)
            path.chmod(0o755)
        user.home.chmod(0o711)
        yield user
    finally:
        subprocess.run(["pkill", "-KILL", "-u", str(user.uid)], check=False)
        change("userdel", "--force", name)
