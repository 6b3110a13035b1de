"""Search words: the query as a script's arguments (RFC 3875 section 4.4).

An indexed query, from the time of ``<isindex>``: ``?foo+bar`` becomes ``argv[1:]``.
Pure, standard library only (a pool needs it): must not know what runs the script.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes

_find_bad_escape = re.compile(r"%(?![0-9A-Fa-f]{2})|%00").search
# What a Bourne shell acts on, as Apache's ap_escape_shell_cmd has it (RFC 3875
# section 7.2), and "!" for those that expand history.
_escape = re.compile(rb"[&;`'\"|*?~<>^()\[\]{}$\\\n!]").sub


def search_words(method: str, query: str) -> tuple[str, ...]:
    """Return the search words of a query, decoded; none if it is not an indexed one.

    Characters that a shell acts on are escaped with a backslash.  If one word cannot
    be represented, there are none at all.
    """
    if not query or "=" in query or method not in ("GET", "HEAD"):
        return ()
    if _find_bad_escape(query):
        return ()
    return tuple(_decode(word) for word in query.split("+"))


def _decode(word: str) -> str:
    return os.fsdecode(_escape(rb"\\\g<0>", unquote_to_bytes(word.encode("latin-1"))))
