"""Accounts: who may have a site and a pool; asked of the system at use.

Adding or removing an account needs no restart; what was found is believed for some
seconds.
"""

import grp
import os
import pwd
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from httpout_cgi.config import Config, Users
from httpout_cgi.errors import ConfigError
from httpout_cgi.protocol.ownership import OwnershipError, Refusal, judge_account
from httpout_cgi.scripts import Owner

# useradd takes no others; what a URL brings is looked up only if it could be one.
_is_name = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}").fullmatch
# Names come from clients: what is remembered of them is bounded.
_MOST_KNOWN: Final = 1024
BELIEVED_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Home:
    """An account that may have a site."""

    name: str
    uid: int
    gid: int
    home: str

    @property
    def owner(self) -> Owner:
        """Return the account as scripts have it."""
        return Owner(self.name, self.uid)

    def expand(self, template: str) -> Path:
        """Return the path that a template of the settings means for the account."""
        path = template.replace("$home", self.home.rstrip("/"))
        return Path(path.replace("$user", self.name))


class Accounts:
    """Finds accounts by the rules of the settings.  Not for several threads."""

    def __init__(
        self,
        users: Users,
        workers: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = users
        self._workers = workers
        self._clock = clock
        self._known: dict[str, tuple[float, Home | Refusal]] = {}

    def find(self, name: str) -> Home:
        """Return the account; raises OwnershipError if it may have no site."""
        if not _is_name(name):
            raise OwnershipError(Refusal.BAD_NAME, repr(name[:80]))
        now = self._clock()
        until, found = self._known.get(name, (now, None))
        if found is None or now >= until:
            found = self._look(name)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[name] = now + BELIEVED_SECONDS, found
        if isinstance(found, Refusal):
            raise OwnershipError(found, name)
        return found

    def _look(self, name: str) -> Home | Refusal:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            return Refusal.UNKNOWN
        if entry.pw_name != name:
            # Some directories do not tell "Alice" from "alice"; URLs do.
            return Refusal.UNKNOWN
        return self._judge(entry) or Home(
            name, entry.pw_uid, entry.pw_gid, os.path.abspath(entry.pw_dir)
        )

    def _judge(self, entry: pwd.struct_passwd) -> Refusal | None:
        users = self._users
        refusal = judge_account(entry.pw_uid, entry.pw_gid, users.minimum_uid)
        if refusal is not None:
            return refusal
        if entry.pw_name in users.deny:
            return Refusal.DENIED
        if entry.pw_name == self._workers:
            return Refusal.WORKERS
        if users.group is not None and not _is_member(entry, users.group):
            return Refusal.NOT_IN_GROUP
        return None if entry.pw_dir.startswith("/") else Refusal.NO_HOME


def check_users(config: Config) -> None:
    """Raise ConfigError for settings of accounts that cannot be obeyed here."""
    users = config.users
    if users is None:
        return
    if os.geteuid() != 0:
        raise ConfigError(
            ["users: only root can run scripts as accounts; start as root"]
        )
    if config.user is not None and _is_root(config.user):
        raise ConfigError(["users: user is root, and would read everybody's files"])
    if users.group is not None and not _is_group(users.group):
        raise ConfigError([f"users.group: no group {users.group!r} on this machine"])


def _is_member(entry: pwd.struct_passwd, group: str) -> bool:
    try:
        number = grp.getgrnam(group).gr_gid
    except KeyError:
        return False
    return number in os.getgrouplist(entry.pw_name, entry.pw_gid)


def _is_root(name: str) -> bool:
    try:
        return pwd.getpwnam(name).pw_uid == 0
    except KeyError:
        return False  # said elsewhere


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True
