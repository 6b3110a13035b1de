"""The rows of the catalogue's table: what a script does, and what must come of it.

Each row is run in two ways, live and as a plain CGI child process, which must not
differ; idiom_stage.py does that.  The rows are in idioms_a.py to idioms_h.py, one file
for each chapter of the catalogue, and the scripts in tests/cases/idioms.
"""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

BOUNDARY = "7MA4YWxkTrZu0gW"
FORM = "application/x-www-form-urlencoded"


class Play(Protocol):
    """One run of a script under way, live or as a child, for rows with a story.

    What is read is the content, without the header section.
    """

    def read_until(self, mark: bytes) -> bytes:
        """Wait for output up to and with the mark; AssertionError if it ends first."""

    def read_rest(self) -> bytes:
        """Wait for the end of the output."""

    def open_gate(self, name: str) -> None:
        """Let the script go on, which waits at that gate."""

    def wait_for_word(self) -> bytes:
        """Wait for what the script has to tell us in another way."""

    def leave(self) -> None:
        """Go away without reading the rest."""


Story = Callable[[Play], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One request to a script, and what must be in the answer.

    ``target`` follows the script's URL: extra path and query.  ``expect`` must occur in
    the content, so that a row cannot pass because both ways are broken; ``log`` in
    the lines of the error log.  ``better`` says why the answer is not that of a child
    process, and ``alone`` why there is none to compare with; ``any_log`` says why the
    error lines need not be the same.  ``missing`` says what is not built yet.  A row
    with a story is not compared: the story is told in both ways.
    """

    script: str
    target: str = ""
    _: KW_ONLY
    expect: bytes = b""
    status: int = 200
    method: str = "GET"
    fields: tuple[str, ...] = ()
    body: bytes | None = None
    mount: str = "/cgi-bin/"
    unix: bool = False
    log: str = ""
    better: str = ""
    alone: str = ""
    any_log: str = ""
    missing: str = ""
    story: Story | None = None

    @property
    def entry(self) -> str:
        """The catalogue's number, which the script's name begins with."""
        return self.script.removeprefix("nph-")[:3]

    @property
    def name(self) -> str:
        """What the row is called in test reports."""
        request = self.target if self.method == "GET" else f"{self.method}{self.target}"
        parts = (self.script.removesuffix(".py"), self.mount.strip("/"), request)
        return " ".join(part for part in parts if part not in ("", "cgi-bin"))


def form(values: Mapping[str, str | list[str]]) -> tuple[bytes, str]:
    """Return the content of a form and its type, as a browser sends it."""
    return urlencode(values, doseq=True).encode(), FORM


# Any: the other fields of Row.
def post(script: str, body: bytes, kind: str = "", **row: Any) -> Row:
    """Return a row that sends that content, of that type if it has one."""
    fields = (f"Content-Type: {kind}",) if kind else ()
    return Row(script, method="POST", fields=fields, body=body, **row)


def multipart(*parts: tuple[str, bytes]) -> tuple[bytes, str]:
    """Return content and type of a form with files, by disposition and content."""
    body = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode()
        + content
        + b"\r\n"
        for head, content in parts
    )
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    return body + f"--{BOUNDARY}--\r\n".encode(), kind
