"""Resolutions: what the path of a URL may lead to; what runs is in scripts.py.

Values only; who makes them is resolve.py.  Must not know requests or responses.
"""

import os
from dataclasses import dataclass
from typing import TypeAlias

from httpout_cgi.files.opening import Links
from httpout_cgi.scripts import Script


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A regular file that may be sent; ``stat`` is what was seen there.

    Below ``root`` only such ``links`` are followed when it is opened; if there are any,
    ``real`` is where they led.  With an ``owner`` it has to be that account's then.
    """

    path: str
    stat: os.stat_result
    owner: int | None = None
    root: str = ""
    links: Links = "never"
    real: str | None = None


@dataclass(frozen=True, slots=True)
class DirectoryRedirect:
    """A folder that was asked for without its slash; ``location`` is encoded.

    It is built from the decoded path, which begins with exactly one slash: what the
    client sent might begin with two, and would then name another host.
    """

    location: str


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that may be listed; its ``url_path`` is decoded and ends with a slash.

    ``owner``, ``root`` and ``links`` are as those of StaticFile.
    """

    path: str
    url_path: str
    owner: int | None = None
    root: str = ""
    links: Links = "never"


Resolution: TypeAlias = StaticFile | Script | DirectoryRedirect | Folder
