"""Password files as Apache's htpasswd writes them: which users have which hash.

What cannot be a hash is a problem to be told, never a password to be compared: neither
problems nor exceptions show what stands behind a colon.  Must not know HTTP.
"""

import os
import re
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

_LARGEST: Final = 16 << 20
# The clock of a file system may stand still for so long: what has just been written may
# be written again without looking any different.
_FRESH_NS: Final = 100_000_000

# With the costs that htpasswd takes: more of them would only keep us busy.
_match_hash = re.compile(
    # Salts have 128 bits: of a last character that says more, the library makes an
    # exception, and so each try a 500, which tells that there is such a line (CWE-204).
    r"\$2[aby]\$(?:0[4-9]|1[0-7])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}"
    r"|\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}"
    r"|\{SHA\}[A-Za-z0-9+/]{27}="
    r"|\$5\$(?:rounds=[1-9][0-9]{3,5}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}"
    r"|\$6\$(?:rounds=[1-9][0-9]{3,5}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}"
    r"|[./A-Za-z0-9]{13}"  # crypt(3): htpasswd -d
).fullmatch


class Passwords(NamedTuple):
    """Hashes by user, the same without their users, and one line for each entry that
    does not count.
    """

    hashes: Mapping[bytes, str]
    any_hashes: tuple[str, ...]
    problems: tuple[str, ...]


class PasswordFile:
    """A file, read again whenever it has changed.  Only the loop thread touches it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._signature: tuple[int, ...] = ()
        self._passwords = Passwords({}, (), ())

    def look(self) -> tuple[Passwords, bool]:
        """Return what the file has now, and whether it was read for that.

        Raises OSError if it cannot be read: nobody has a password then.
        """
        # Not what was read once: a file that was taken away shall let nobody in.
        if self._signature and _sign(os.stat(self.path)) == self._signature:
            return self._passwords, False
        self._signature = ()
        data, seen = _read(self.path)
        self._passwords = parse_passwords(data)
        if time.time_ns() - seen.st_ctime_ns > _FRESH_NS:
            self._signature = _sign(seen)
        return self._passwords, True


def read_passwords(path: Path) -> Passwords:
    """Return what the file has.  Raises OSError if it cannot be read."""
    return parse_passwords(_read(path)[0])


def parse_passwords(data: bytes) -> Passwords:
    """Return the hashes of ``user:hash`` lines; of two lines of a user, the first."""
    hashes: dict[bytes, str] = {}
    problems = []
    for number, line in enumerate(data.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(b"#"):
            continue
        user, colon, rest = line.partition(b":")
        hash_ = rest.partition(b":")[0].strip().decode("latin-1")
        if not user or not colon:
            problems.append(f"line {number} is not user:hash")
        elif not _match_hash(hash_):
            # Nor a password in plain text, which htpasswd -p writes.
            problems.append(
                f"line {number} has no hash that is known; write it with htpasswd -B"
            )
        elif user in hashes:
            problems.append(f"line {number} is for a user that has one already")
        else:
            hashes[user] = hash_
    return Passwords(hashes, tuple(hashes.values()), tuple(problems))


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    # A FIFO would keep us waiting for who writes to it.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with open(os.open(path, flags), "rb") as file:
        seen = os.fstat(file.fileno())
        if not stat.S_ISREG(seen.st_mode) or seen.st_size > _LARGEST:
            raise OSError(f"no file of users: {path}")
        return file.read(_LARGEST), seen


def _sign(seen: os.stat_result) -> tuple[int, ...]:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns
