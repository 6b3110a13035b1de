"""Privileges: which account the workers have, and what root may do without one."""

import contextlib
import grp
import os
import pwd
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from httpout_cgi.access import list_password_files
from httpout_cgi.accounts import Home, check_users
from httpout_cgi.config import Config
from httpout_cgi.errors import ConfigError, StartError


@dataclass(frozen=True, slots=True)
class Account:
    """An account to become; ``groups`` are its supplementary groups."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def choose_account(config: Config) -> Account | None:
    """Return the account that the workers become; None keeps the present one.

    Raises ConfigError for an account that does not exist, one that only root could
    become, or root itself without ``allow_root``.
    """
    check_users(config)
    if config.user is None:
        return None
    account = _find_account(config.user, config.group)
    if os.geteuid() != 0:
        if account.uid != os.geteuid():
            raise ConfigError(
                [f"user: only root can become {config.user!r}; start as root"]
            )
        return None
    if account.uid == 0 and not config.allow_root:
        raise ConfigError(["user: root, but allow_root is not true"])
    return account


def check_root(config: Config, account: Account | None) -> list[str]:
    """Return warnings about scripts that are going to run as root.

    ``account`` is what the workers really become: a ``user`` that was written into the
    settings later changes nothing before a restart.  Raises ConfigError if other
    machines could reach such scripts and ``allow_root`` is unset.
    """
    if os.geteuid() != 0 or account is not None:
        return []
    if config.users is not None:
        text = "users: the workers are root; restart with user set"
        raise ConfigError([text])
    public = [one.address for one in config.listen if not one.is_loopback]
    if public and not config.allow_root:
        raise ConfigError(
            [
                f"listen: {', '.join(public)} is open to other machines, and scripts"
                " would run as root: start as another account, or with user set (or"
                " allow_root: true) in the configuration"
            ]
        )
    return ["SCRIPTS RUN AS ROOT: set user in the configuration to drop privileges"]


def check_folders(config: Config, account: Account | None) -> None:
    """Raise StartError for a docroot or script mount that the workers cannot use."""
    with acting_as(account):
        for what, path, mode in _list_paths(config):
            if not os.access(path, mode, effective_ids=True):
                who = f" by {account.name}" if account else ""
                raise StartError(f"{what} {path} cannot be read{who}")


def _list_paths(config: Config) -> Iterator[tuple[str, Path, int]]:
    """Give what the workers use, by what name, and the permissions it takes."""
    for path in list_password_files(config):
        yield "file of users", path, os.R_OK
    for site in config.sites:
        if site.is_of_accounts:
            continue  # whose folders come and go
        # Search permission is enough: names are opened, folders not listed.
        yield "docroot", site.docroot, os.X_OK
        for mount in site.scripts:
            if mount.path is not None:
                # Local modules are found by listing it.
                yield "script folder", mount.path, os.R_OK | os.X_OK
            if mount.file is not None:
                yield "script", mount.file, os.R_OK


def _find_account(user: str, group: str | None) -> Account:
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise ConfigError([f"user: no account {user!r} on this machine"]) from None
    gid = entry.pw_gid
    if group is not None:
        try:
            gid = grp.getgrnam(group).gr_gid
        except KeyError:
            raise ConfigError([f"group: no group {group!r} on this machine"]) from None
    return Account(user, entry.pw_uid, gid, _list_groups(user, entry.pw_gid, gid))


def become(home: Home) -> Account:
    """Return what a pool of an account becomes."""
    return Account(
        home.name, home.uid, home.gid, _list_groups(home.name, home.gid, home.gid)
    )


def _list_groups(name: str, primary: int, gid: int) -> tuple[int, ...]:
    return tuple(sorted({gid, *os.getgrouplist(name, primary)}))


@contextlib.contextmanager
def acting_as(account: Account | None) -> Iterator[None]:
    """See the file system as the account does.  Single-threaded processes only."""
    if account is None:
        yield
        return
    uid, gid, groups = os.geteuid(), os.getegid(), os.getgroups()
    os.setgroups(account.groups)
    os.setegid(account.gid)
    os.seteuid(account.uid)
    try:
        yield
    finally:
        os.seteuid(uid)
        os.setegid(gid)
        os.setgroups(groups)
