"""Models: the settings of the whole server, their defaults and their meaning.

Field names are exactly the keys of the YAML file.  Must not read that file, or decide
what may be used yet.
"""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.json_schema import SkipJsonSchema

from httpout_cgi.settings import fields
from httpout_cgi.settings.addresses import Listener
from httpout_cgi.settings.fields import (
    Deadline,
    Flag,
    MisplacedError,
    Model,
    Name,
    Number,
    Size,
    Time,
    key,
    size,
    time,
)
from httpout_cgi.settings.sites import Site, Users


class PoolLimits(Model):
    """What one process run may use; null is no limit."""

    memory: Size | None = size("512MiB", "Address space.")
    cpu: Deadline | None = time("60s", "Processor time.")
    open_files: Number | None = key(256, "File descriptors.", ge=16)
    processes: Number | None = key(64, "Processes of the account.", ge=1)
    file_size: Size | None = key(None, "The largest file it may write.")


class Pools(Model):
    """How process runs live: the site's own pool and those of user accounts."""

    start: Literal["ondemand", "always"] = key(
        "ondemand", "At the first request, or with the server."
    )
    idle: Deadline = time("60s", "When a pool without requests leaves.")
    processes: Number = key(8, "Children at a time per pool.", ge=1)
    runs_per_process: Number = key(
        1, "1: a pristine child for every run.", ge=1, le=1_000_000
    )
    preload: tuple[Name, ...] = key((), "Modules that are imported before the fork.")
    python: fields.Python | None = key(
        None, "Interpreter of the pools; null: the server's own."
    )
    check_ownership: Literal["strict", "owner", "off"] = key(
        "strict", "How much of the suEXEC rules is checked."
    )
    limits: PoolLimits = key(PoolLimits(), "What one run may use.")
    nice: Number = key(0, "Niceness of the children.", ge=-20, le=19)
    scgi_listen: fields.Listener | None = key(
        None, "SCGI address for another server in front."
    )

    @field_validator("scgi_listen")
    @classmethod
    def _check_scgi_listen(cls, listener: Listener | None) -> Listener | None:
        if listener is not None and listener.secure:
            raise ValueError(
                f'"{listener.address}" cannot be: SCGI has no TLS; write it without '
                '"https://"'
            )
        # Who can connect says what is run: SCRIPT_FILENAME.
        if listener is not None and not listener.is_loopback:
            raise ValueError(
                f'"{listener.address}" is open to other machines; '
                "write a Unix socket or loopback"
            )
        return listener


class Limits(Model):
    """What one request or connection may use."""

    request_head: Size = size("16KiB", "More is a 431; in the request line, a 414.")
    request_body: Size = size("64MiB", "More is answered 413.")
    body_in_memory: Size = size("512KiB", "More goes to a temporary file.")
    head_timeout: Deadline = time("10s", "A later request head is a 408.")
    body_timeout: Deadline = time(
        "60s", "For a request body, and 1 s more for each 500 bytes."
    )
    keep_alive: Time = time("30s", "How long an idle connection stays open.")
    response_head: Size = size("64KiB", "Of a script; more is a 502.")
    send_timeout: Deadline = time(
        "60s", "How long a client may take less than 500 bytes a second."
    )
    connections: Number = key(1024, "Connections per worker.", ge=1)


class Reload(Model):
    """How edited files are noticed."""

    watch: Literal["auto", "poll", "off"] = key(
        "auto", "auto: inotify, polling where it cannot."
    )
    check: Time = time(
        "0s", "So long a script or module, once looked at, is believed to be unchanged."
    )


class TLS(Model):
    """Files of the server's certificate."""

    certificate: fields.File = Field(
        description="The certificate, and those between it and the root (PEM)."
    )
    key: fields.File = Field(description="Private key (PEM).")


class AccessLog(Model):
    """One line per request."""

    path: fields.LogPath = key(None, 'A file; "-" is stdout.', spelled="-")
    format: fields.LogFormat = key(
        "combined", "combined, common, json, or Apache's %-codes."
    )


class ErrorLog(Model):
    """What went wrong, and what scripts write to stderr."""

    path: fields.LogPath = key(None, 'A file; "-" is stderr.', spelled="-")
    level: Literal["debug", "info", "warning", "error", "critical"] = key(
        "info", "The least that is logged."
    )
    format: fields.LineFormat | None = key(
        None, "As in Python's logging, %(message)s; null: our own."
    )


class Log(Model):
    """Where the logs go; a path of None is the standard stream."""

    access: AccessLog = key(AccessLog(), "The access log.")
    error: ErrorLog = key(ErrorLog(), "The error log.")


class Config(Model):
    """All settings.  ``sources`` is no key: it names the files that were read."""

    include: tuple[Name, ...] = key(
        (), "More files, as patterns: maps merge, lists append."
    )
    # Before listen, whose validator looks at it.
    tls: TLS | None = key(None, "The certificate, for listeners with https://.")
    listen: Annotated[tuple[fields.Listener, ...], Field(validate_default=True)] = key(
        (Listener("127.0.0.1", 8000),),
        '"host:port", "[::]:port", "https://host:port" (TLS) or "unix:/path.sock".',
        spelled=["127.0.0.1:8000"],
    )
    workers: fields.Workers = key(1, "HTTP processes; auto: one per CPU.")
    threads: Number = key(
        16, "Runs that a worker has in threads at a time.", ge=1, le=1024
    )
    worker_memory: Size | None = key(
        None, "A worker that holds more is replaced (Linux); null is no limit.", ge=1
    )
    # epoll_wait() takes no more than 24 days.
    shutdown_timeout: Annotated[Time, Field(le=86_400)] = time(
        "10s", "How long runs may go on at a stop; at most 24h."
    )
    queue: Number = key(256, "Runs that may wait; more are a 503.", ge=0)
    user: Name | None = key(None, "Account of the workers, as root.")
    group: Name | None = key(None, "Group of the workers, as root.")
    allow_root: Flag = key(False, "Whether workers may stay root.")
    no_new_privileges: Flag = key(
        True, "Whether set-user-ID programs gain no rights below the workers."
    )
    loop: Literal["auto", "uvloop", "asyncio"] = key(
        "auto", "auto: uvloop where installed, else asyncio."
    )
    sites: tuple[Site, ...] = key((Site(),), "The first whose hosts match answers.")
    users: Annotated[Users | None, Field(validate_default=True)] = key(
        None, "Docroots of user accounts."
    )
    pools: Pools = key(Pools(), "How process runs live.")
    limits: Limits = key(Limits(), "What one request may use.")
    reload: Reload = key(Reload(), "How edited files are noticed.")
    trusted_proxies: tuple[fields.Peer, ...] = key(
        (), "Peers whose X-Forwarded fields are believed."
    )
    debug: Flag = key(False, "Tracebacks in the browser.")
    log: Log = key(Log(), "Where the logs go.")
    sources: SkipJsonSchema[tuple[Path, ...]] = ()

    @property
    def worker_count(self) -> int:
        """The number of workers, ``auto`` resolved for this machine."""
        return _count_processors() if isinstance(self.workers, str) else self.workers

    @field_validator("listen")
    @classmethod
    def _check_listen(
        cls, listen: tuple[Listener, ...], info: ValidationInfo
    ) -> tuple[Listener, ...]:
        if not listen:
            raise ValueError('is empty; write ["127.0.0.1:8000"]')
        for index, listener in enumerate(listen):
            if _is_among(listener, listen[:index]):
                raise MisplacedError(f'"{listener.address}" is given twice', index)
            if listener.secure and info.data.get("tls", True) is None:
                text = f'"{listener.address}" needs a certificate; add tls'
                raise MisplacedError(text, index)
        if info.data.get("tls") and not any(one.secure for one in listen):
            text = 'no listener is for tls; write listen: ["https://0.0.0.0:443"]'
            raise ValueError(text)
        return listen

    @field_validator("pools")
    @classmethod
    def _check_pools(cls, pools: Pools, info: ValidationInfo) -> Pools:
        listener = pools.scgi_listen
        if listener is not None and _is_among(listener, info.data.get("listen", ())):
            text = f'"{listener.address}" is in listen as well; choose another'
            raise MisplacedError(text, "scgi_listen")
        python = pools.python or ""
        if "$" in python and info.data.get("users", True) is None:
            text = f'"{python}" is for pools of accounts; add users'
            raise MisplacedError(text, "python")
        return pools

    @field_validator("sites")
    @classmethod
    def _check_sites(cls, sites: tuple[Site, ...]) -> tuple[Site, ...]:
        if not sites:
            raise ValueError("is empty; remove it for the default site")
        return sites

    @field_validator("users")
    @classmethod
    def _check_users(cls, users: Users | None, info: ValidationInfo) -> Users | None:
        for index, site in enumerate(info.data.get("sites", ())):
            for host in site.hosts:
                if users is None and host.startswith("$user."):
                    text = f'"{host}" in sites[{index}].hosts needs users; add it'
                    raise ValueError(text)
        if users is not None and "user" in info.data and info.data["user"] is None:
            # Workers read the accounts' files, and must not do so as root.
            raise ValueError("users without a user for the workers; give user as well")
        return users

    @field_validator("group")
    @classmethod
    def _check_group(cls, group: str | None, info: ValidationInfo) -> str | None:
        if group is not None and "user" in info.data and info.data["user"] is None:
            raise ValueError("a group without a user; give user as well")
        return group


def _is_among(listener: Listener, others: Iterable[Listener]) -> bool:
    """Tell whether it has the address of another one, with or without TLS.

    Port 0 is a port of its own for each of the two.
    """
    same = {listener, replace(listener, secure=not listener.secure)}
    return listener in others if not listener.port else not same.isdisjoint(others)


def _count_processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover  macOS and Windows
