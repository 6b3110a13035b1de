"""Programs that do their work with rights of their own: a sendmail above all.

They have the set-user-ID or set-group-ID bit, or start one that has.  Below a worker
they gain nothing by it (processes/confinement.py), below a pool they do.

Pure: text in, a name out.
"""

from __future__ import annotations

import re

WHY = "below a worker, no program gains rights"

# By these names hardly anything else is meant, wherever they stand.
_ALWAYS = "sendmail exim4? postdrop postqueue newaliases mailq sudo doas pkexec crontab"
# By these, only in a command, or with the folder of programs before it.
_OFTEN = (
    "mail mailx s-nail mutt procmail maildrop dma su at batch passwd chsh chfn newgrp"
    " sg mount umount fusermount3? ping6?"
)


def _join(names: str) -> str:
    return "|".join(names.split())


_find_anywhere = re.compile(
    rf"\A\s*(?:\S*/)?({_join(_ALWAYS)})(?=\s|\Z)|\bs?bin/({_join(_OFTEN)})(?=\s|\Z)"
).search
_find_in_command = re.compile(
    rf"(?:\A|[|;&(`/\n])\s*({_join(_ALWAYS)}|{_join(_OFTEN)})(?=[\s;&|)`]|\Z)"
).search


def find_privileged(text: str, *, is_command: bool) -> str:
    """Return the program that a text may start, or "".

    ``is_command`` tells that the text is given to a function that starts programs.
    """
    found = _find_anywhere(text) or (_find_in_command(text) if is_command else None)
    return next(filter(None, found.groups()), "") if found else ""
