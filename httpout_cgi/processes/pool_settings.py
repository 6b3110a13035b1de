"""What the supervisor tells a pool, as JSON.  Standard library only."""

from __future__ import annotations

import json
import os
import resource
from typing import Mapping, NamedTuple, Optional, Tuple

from httpout_cgi.processes.pool_ownership import Ownership, read_ownership

_LIMITS = {
    "memory": resource.RLIMIT_AS,
    "cpu": resource.RLIMIT_CPU,
    "open_files": resource.RLIMIT_NOFILE,
    "processes": resource.RLIMIT_NPROC,
    "file_size": resource.RLIMIT_FSIZE,
}


# What the account itself says comes in this variable: everybody on the machine can read
# the arguments of a process, and there may be passwords among it.
OWN = "HTTPOUT_CGI_OWN"


class Source(NamedTuple):
    """The file of an account's settings; ``signature`` is None if it was not there."""

    path: str
    signature: tuple[int, ...] | None

    def is_changed(self) -> bool:
        """Tell whether the file says something else by now."""
        try:
            seen = os.stat(self.path)
        except OSError:
            return self.signature is not None
        sizes = seen.st_dev, seen.st_ino, seen.st_size
        return (*sizes, seen.st_mtime_ns, seen.st_ctime_ns) != self.signature


Limits = Tuple[Tuple[str, Optional[int]], ...]


class Settings(NamedTuple):
    """Times are in seconds, sizes in bytes; no limit is None.

    ``idle`` is None for a pool that stays.  ``timeout`` is for requests that bring none
    of their own.  ``ownership`` is that of an account's pool.  ``environment`` is what
    the account adds, and ``source`` where that stands.
    """

    processes: int = 8
    idle: float | None = 60.0
    timeout: float = 60.0
    preload: tuple[str, ...] = ()
    limits: Limits = ()
    nice: int = 0
    runs_per_process: int = 1
    ownership: Ownership | None = None
    environment: Mapping[str, str] = {}
    source: Source | None = None


def read_settings(text: str, own: str = "{}") -> Settings:
    """Return the settings, those of the account on top.

    Raises ValueError for what cannot be done.
    """
    try:
        values = {**json.loads(text), **json.loads(own)}
        values["preload"] = tuple(values.get("preload", ()))
        limits = dict(values.get("limits", {}))
        values["limits"] = tuple(limits.items())
        if "ownership" in values:
            values["ownership"] = read_ownership(values["ownership"])
        if values.get("source"):
            path, signature = values["source"]
            values["source"] = Source(path, signature and tuple(signature))
        settings = Settings(**values)
    except (TypeError, KeyError) as exc:
        raise ValueError(f"no settings of a pool: {exc}") from exc
    if not limits.keys() <= _LIMITS.keys():
        raise ValueError(f"unknown limit: {min(limits.keys() - _LIMITS.keys())}")
    if settings.processes < 1:
        raise ValueError("a pool has at least one process")
    if settings.runs_per_process < 1:
        raise ValueError("a process has at least one run")
    return settings


def find_limits(
    limits: Limits,
) -> list[tuple[int, tuple[int, int]]]:
    """Return what setrlimit() takes; never above what this process is limited to."""
    found = []
    for name, value in limits:
        if value is not None:
            kind = _LIMITS[name]
            _, hard = resource.getrlimit(kind)
            most = value if hard == resource.RLIM_INFINITY else min(value, hard)
            found.append((kind, (most, most)))
    return found
