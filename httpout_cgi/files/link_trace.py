"""Link trace: all the places that a path leads through, symbolic link by link.

What os.path.realpath() tells is the last of them.
"""

import errno
import os
from collections.abc import Iterator

# As the kernel, which opens nothing behind more of them (path_resolution(7)).
_MOST_LINKS = 40


def trace(path: str) -> Iterator[str]:
    """Yield each link on the way of an absolute path, then its end.

    No link is above what is yielded.  The way ends where something is missing: a client
    may ask for thousands of names below that (CWE-400).
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
            try:
                target = os.readlink(here)
            except OSError as exc:
                place = here
                if exc.errno == errno.EINVAL:  # no link
                    continue
                break
            yield here
            links += 1
            if links > _MOST_LINKS:
                break
            rest += target.split("/")[::-1]
            if target.startswith("/"):
                place = ""
    yield place or "/"
