"""Link trace: all the places that a path leads through, symbolic link by link.

What os.path.realpath() tells is the last of them.
"""

import os
from collections.abc import Iterator

# As the kernel, which opens nothing behind more of them (path_resolution(7)).
_MOST_LINKS = 40


def trace(path: str) -> Iterator[str]:
    """Yield each link on the way of an absolute path, then its end.

    No link is above what is yielded.  What is missing is no link.
    """
    rest = path.split("/")[::-1]
    place = ""
    links = 0
    while rest:
        name = rest.pop()
        if name == "..":
            place = place.rpartition("/")[0]
        elif name not in ("", "."):
            here = f"{place}/{name}"
            target = _read_link(here) if links < _MOST_LINKS else ""
            if not target:
                place = here
                continue
            yield here
            links += 1
            rest += target.split("/")[::-1]
            if target.startswith("/"):
                place = ""
    yield place or "/"


def _read_link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
