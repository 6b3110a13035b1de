"""Cache rules: how long clients may keep which files (RFC 9111 section 5.2).

Pure: must not know the disk.
"""

import re
from collections.abc import Mapping
from fnmatch import translate

from httpout_cgi.messages import Fields

_MOST_KNOWN = 1024


class CacheRules:
    """Finds the Cache-Control of a file.  Only the loop thread touches it.

    A pattern with a slash is one of URL paths, any other one of file names; the first
    that fits counts.
    """

    def __init__(self, rules: Mapping[str, str]) -> None:
        self._rules = [
            (re.compile(translate(pattern)).match, "/" in pattern, value)
            for pattern, value in rules.items()
        ]
        self._known: dict[tuple[str, str], Fields] = {}

    def __bool__(self) -> bool:
        return bool(self._rules)

    def find(self, url_path: str, name: str) -> Fields:
        """Return the field for a file, or none.

        ``url_path`` is decoded; that of an index file may end with a slash.
        """
        key = url_path, name
        found = self._known.get(key)
        if found is None:
            # URLs are what clients say: it must not grow with their fantasy.
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            found = self._known[key] = self._look(url_path, name)
        return found

    def _look(self, url_path: str, name: str) -> Fields:
        if url_path.endswith("/"):
            url_path += name
        for match, is_path, value in self._rules:
            if match(url_path if is_path else name):
                return (("Cache-Control", value),)
        return ()
