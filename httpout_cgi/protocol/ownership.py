"""The suEXEC rules: whom the server works for, and which of their scripts it runs.

Pure, and for a pool of another Python too: values in, a refusal or nothing out.  Each
refusal has a word that stays the same, for the log and for those that search it.
"""

from __future__ import annotations

import stat
from enum import Enum

# What a pool says of a run in the place of its status, before the word and the path.
REFUSED = "refused "


class Refusal(Enum):
    """Why nothing is run or sent; the value is the word in the log."""

    # Accounts: the client sees what it sees of a missing file.
    BAD_NAME = "bad-account-name"
    """Not a name as POSIX has them, with 32 characters at most."""
    UNKNOWN = "unknown-account"
    """The system has no account of that name."""
    ROOT = "root-account"
    """The account, or its group, has the number 0."""
    LOW_UID = "uid-below-minimum"
    """Its number is less than ``minimum_uid``: an account of the system."""
    LOW_GID = "gid-below-minimum"
    """The number of its group is less than ``minimum_uid``."""
    DENIED = "denied-account"
    """It is listed in ``deny``."""
    WORKERS = "account-of-the-workers"
    """Its scripts could do to workers what they like."""
    NOT_IN_GROUP = "not-in-group"
    """It is no member of ``group``."""
    NO_HOME = "no-home"
    """Its home is no absolute path."""
    NO_DOCROOT = "no-docroot"
    """Its docroot is missing, or the workers may not enter it."""

    # Files: the client sees 403.
    NOT_READABLE = "not-readable"
    """The workers may not enter the folder, or not read the file."""
    NOT_OWNER = "not-owner"
    """The script or file belongs to somebody else."""
    GROUP_WRITABLE = "group-writable-script"
    """Other members of its group could change the script."""
    WORLD_WRITABLE = "world-writable-script"
    """Everybody could change the script."""
    SETUID = "setuid-script"
    """It would run as somebody else."""
    SETGID = "setgid-script"
    """It would run with another group."""
    NOT_REGULAR = "not-a-file"
    """A folder, a device or a pipe."""
    MISSING = "missing-script"
    """It has gone since it was found."""
    CHANGED = "changed-while-checked"
    """Its name leads to another file than a moment ago."""
    FOLDER_NOT_OWNER = "folder-not-owner"
    """A folder from the docroot down to the script belongs to somebody else."""
    FOLDER_GROUP_WRITABLE = "group-writable-folder"
    """Other members of its group could put another script there."""
    FOLDER_WORLD_WRITABLE = "world-writable-folder"
    """Everybody could put another script there."""
    OUTSIDE = "outside-docroot"
    """The path is not below the account's docroot or script mounts."""
    LINKED_OUTSIDE = "symlink-out-of-docroot"
    """A symbolic link leads out of the docroot and the script mounts."""
    BAD_INTERPRETER = "interpreter-not-configured"
    """Somebody asked for a program that ``interpreters`` does not have."""

    # Pools: the client sees 503.
    TOO_MANY_POOLS = "too-many-pools"
    """As many accounts as there may be pools have one already."""
    NO_POOL = "no-pool"
    """The system has no room for another socket."""


# Up to the first that is about files.
ACCOUNT_REFUSALS = tuple(Refusal)[: tuple(Refusal).index(Refusal.NOT_READABLE)]


class OwnershipError(Exception):
    """Something that is refused; ``subject`` is the account or the path."""

    def __init__(self, refusal: Refusal, subject: str) -> None:
        super().__init__(f"{refusal.value}: {subject}")
        self.refusal = refusal
        self.subject = subject


def judge_account(uid: int, gid: int, minimum: int) -> Refusal | None:
    """Tell what is wrong with the numbers of an account."""
    if uid == 0 or gid == 0:
        return Refusal.ROOT
    if uid < minimum:
        return Refusal.LOW_UID
    return Refusal.LOW_GID if gid < minimum else None


def judge_script(mode: int, owner: int, uid: int, *, is_strict: bool) -> Refusal | None:
    """Tell what is wrong with a script that ``uid`` is to run."""
    if not stat.S_ISREG(mode):
        return Refusal.NOT_REGULAR
    if owner != uid:
        return Refusal.NOT_OWNER
    if not is_strict:
        return None
    for bit, refusal in (
        (stat.S_ISUID, Refusal.SETUID),
        (stat.S_ISGID, Refusal.SETGID),
        (stat.S_IWOTH, Refusal.WORLD_WRITABLE),
        (stat.S_IWGRP, Refusal.GROUP_WRITABLE),
    ):
        if mode & bit:
            return refusal
    return None


def judge_folder(mode: int, owner: int, uid: int, *, is_strict: bool) -> Refusal | None:
    """Tell what is wrong with a folder on the way to a script."""
    if owner != uid:
        return Refusal.FOLDER_NOT_OWNER
    if is_strict and mode & stat.S_IWOTH:
        return Refusal.FOLDER_WORLD_WRITABLE
    if is_strict and mode & stat.S_IWGRP:
        return Refusal.FOLDER_GROUP_WRITABLE
    return None
