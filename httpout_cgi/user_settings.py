"""The settings of one account: which Python runs its scripts, and what they are told.

Its file is whatever the account makes of it.  Who calls this is the account, never
root; for all that, nothing there keeps it waiting or fills its memory.
"""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from httpout_cgi.errors import ConfigError
from httpout_cgi.settings import values
from httpout_cgi.strict_yaml import KeyPath, Node, Place, Problem, parse, to_plain

_LARGEST: Final = 16_384

Signature: TypeAlias = tuple[int, ...]
"""What is different whenever a file is."""


@dataclass(frozen=True, slots=True)
class UserSettings:
    """``python`` is a path or a template, "" for that of the server's settings."""

    python: str = ""
    environment: dict[str, str] = field(default_factory=dict)


def load(path: Path) -> tuple[UserSettings, Signature | None]:
    """Return what the file says, and its signature; it need not be there.

    Raises ConfigError.
    """
    place = Place(path, 0)
    try:
        data, signature = _read(path)
        text = data.decode("utf-8")
    except FileNotFoundError:
        return UserSettings(), None
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        raise ConfigError([str(Problem(place, (), f"{reason}"))]) from exc
    root, problems = parse(text, path)
    reader = _Reader(problems)
    settings = reader.read(root or Node(None, place))
    if reader.problems:
        raise ConfigError([*map(str, reader.problems)])
    return settings, signature


def _read(path: Path) -> tuple[bytes, Signature]:
    """Read what was opened; raises OSError, and ValueError for what is refused."""
    # A FIFO would keep us waiting for who writes to it, and a terminal become ours.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    with open(descriptor, "rb") as file:
        seen = os.fstat(descriptor)
        _check(seen)
        # A file may grow, and those of /proc have no size: read no more in any case.
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST} bytes")
    return data, _sign(seen)


def _check(seen: os.stat_result) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise ValueError("it is not a regular file")
    # By a link, the account would be told to run what others have written.
    if seen.st_uid != os.geteuid():
        raise ValueError("it belongs to somebody else")
    # Who can write to it could have anything run as the account.
    if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError("others may write to it; chmod go-w")


def _sign(seen: os.stat_result) -> Signature:
    return seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns


class _Reader:
    """Takes two keys out of a tree, and notes what is wrong with it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems

    def read(self, root: Node) -> UserSettings:
        python = ""
        environment: dict[str, str] = {}
        for key, node in self._map(root, ()).items():
            if key == "python":
                python = self._python(node)
            elif key == "environment":
                environment = self._environment(node)
            else:
                self._report(node, (key,), "unknown key; write python or environment")
        return UserSettings(python, environment)

    def _python(self, node: Node) -> str:
        try:
            return values.parse_python(to_plain(node))
        except ValueError as exc:
            self._report(node, ("python",), str(exc))
            return ""

    def _environment(self, node: Node) -> dict[str, str]:
        environment = {}
        for name, child in self._map(node, ("environment",)).items():
            try:
                name = values.parse_variable_name(name)
                environment[name] = values.parse_variable(to_plain(child))
            except ValueError as exc:
                self._report(child, ("environment", name), str(exc))
        return environment

    def _map(self, node: Node, path: KeyPath) -> dict[str, Node]:
        if node.value is None:
            return {}  # as good as nothing
        if isinstance(node.value, dict):
            return node.value
        self._report(node, path, "must be a map of keys")
        return {}

    def _report(self, node: Node, path: KeyPath, text: str) -> None:
        self.problems.append(Problem(node.place, path, text))
