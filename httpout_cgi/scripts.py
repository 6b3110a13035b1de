"""Scripts: what can be run, and the value that describes one run.

Must not know HTTP, settings files, or how anything is run.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Literal, NamedTuple, TypeAlias

OutputMode: TypeAlias = Literal["cgi", "page", "auto"]
RunnerName: TypeAlias = Literal["auto", "thread", "process"]
LocalModules: TypeAlias = Literal["fresh", "persistent"]


class Owner(NamedTuple):
    """An account; a new one may have the name of one that was removed."""

    name: str
    uid: int


@dataclass(frozen=True, slots=True)
class Mount:
    """A script mount: a URL prefix and the folder, or the one file, behind it.

    ``url`` ends with a slash if ``path`` is a folder, and without one if it is a file.
    ``match`` are file name patterns of what runs.  ``interpreters`` are programs by
    suffix, the longest first; what ends with one runs, too.  ``timeout`` is in seconds.
    ``owner`` is the account that runs them, None where the site does.  ``websocket`` is
    for pages.
    """

    url: str
    path: str
    match: tuple[str, ...] = ("*.py",)
    interpreters: Mapping[str, str] | None = None
    output: OutputMode = "cgi"
    runner: RunnerName = "auto"
    environment: Mapping[str, str] | None = None
    pass_authorization: bool = False
    indexed_query: bool = True
    local_modules: LocalModules = "fresh"
    timeout: float = 60.0
    owner: Owner | None = None
    websocket: bool = True

    @property
    def folder(self) -> str:
        """Return the folder that it stands for, or that its one file is in."""
        return self.path if self.url.endswith("/") else os.path.dirname(self.path)


class Script(NamedTuple):
    """A script that a URL leads to.

    ``path`` is absolute; ``stat`` is what was seen there when it was resolved.
    ``name`` is SCRIPT_NAME and ``extra_path`` PATH_INFO ("" if there is none), both
    decoded.  ``path_translated`` is None without an extra path, or if it would lead
    out of the docroot.  ``site`` is the site's label in logs.
    """

    path: str
    stat: os.stat_result
    name: str
    extra_path: str
    path_translated: str | None
    document_root: str
    mount: Mount
    site: str

    @property
    def is_nph(self) -> bool:
        """Tell whether it writes whole responses (nph-, RFC 3875 section 5)."""
        if self.mount.output == "page":
            return False
        return self.path.rpartition("/")[2].startswith("nph-")

    @property
    def is_page(self) -> bool:
        """Tell whether what it prints is the body, and who runs it writes the head."""
        return self.mount.output == "page" and not self.interpreter

    @property
    def interpreter(self) -> str:
        """Return the program that the mount has for its suffix, "" if there is none."""
        for suffix, program in (self.mount.interpreters or {}).items():
            if self.path.endswith(suffix):
                return program
        return ""


@dataclass(slots=True)
class Permit:
    """What middleware of pages is asked for by a run without a script.

    It is asked about what is no page: a file, say.  ``is_given`` from when middleware
    has let the request pass; what the run writes then is a header section alone.
    """

    is_given: bool = False

    def give(self) -> None:
        self.is_given = True


class Invocation(NamedTuple):
    """One run, described: everything that a runner needs to start it.

    ``environment`` belongs to the run from then on.  ``arguments`` are the search
    words (``sys.argv[1:]``).  ``stdin`` is seekable, at position 0, None if empty;
    the runner closes it when the run is over, or cannot start.  ``python`` is the
    one that its first line names if only that can run it, else "".  ``upgrade`` is of a
    page whose client asks for a WebSocket, see runners/websocket.py.  With a ``permit``
    no script runs, but what comes before a page.
    """

    run_id: str
    script: Script
    environment: dict[str, str]
    arguments: Sequence[str] = ()
    stdin: BinaryIO | None = None
    python: str = ""
    upgrade: object = None
    permit: Permit | None = None
