"""Messages: what a client sent and what it gets back (RFC 9110 section 6).

Text in here is ISO-8859-1: one character for each byte of the wire, so that bytes
which are not UTF-8 survive.  Must not know tremolo, files by name, or scripts.

What is made for every request is a NamedTuple, here and elsewhere: making a frozen
dataclass of eight fields takes a microsecond more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, NamedTuple, Protocol, TypeAlias

Fields: TypeAlias = Sequence[tuple[str, str]]
PeerKind: TypeAlias = Literal["address", "unix", "hidden"]


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The two ends of a connection, as scripts see them.

    Addresses have no brackets (``2001:db8::1``).  A Unix socket has the empty
    address and port 0 on both ends.  The peer is "unix" if nobody told who is behind
    such a socket, and "hidden" if a trusted proxy did not tell its client's address;
    ``peer_address`` is this machine's then, or the proxy's.

    ``tls`` has the meta-variables that describe the client's encryption.
    """

    scheme: str
    peer_address: str
    peer_port: int
    local_address: str
    local_port: int
    peer: PeerKind = "address"
    tls: Mapping[str, str] = field(default_factory=dict)


class ReceivedFields(dict[str, list[str]]):
    """The fields of a request, by lower-case name; nobody changes them any more.

    The next request of a client may have the same object.  ``variables`` keeps what
    scripts are told of them, see metavariables.py.
    """

    variables: Mapping[str, str] | None = None


class Request(NamedTuple):
    """One request, its content complete.

    ``target`` is the request target as it was sent.  ``fields`` maps lower-case
    names to all their values.  ``content`` is a seekable file at position 0, and
    ``content_length`` counts its bytes after transfer codings were removed; both are
    None if the request has no content, not even an empty one.  ``id`` is what the logs
    and an error page call it, "" if whoever answers it shall find one.
    """

    method: str
    target: str
    version: str
    fields: Mapping[str, Sequence[str]]
    endpoints: Endpoints
    content: BinaryIO | None = None
    content_length: int | None = None
    id: str = ""

    def get(self, name: str) -> str | None:
        """Return the field's values joined as one list (RFC 9110 section 5.3)."""
        values = self.fields.get(name)
        return ", ".join(values) if values else None


@dataclass(frozen=True, slots=True)
class FilePart:
    """``length`` bytes of an open file from ``offset``; who sends them closes it."""

    file: BinaryIO
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class FileParts:
    """Parts of one open file, among bytes of our own; who sends them closes it.

    Of a part, ``pieces`` have offset and length; ``length`` counts all bytes.
    """

    file: BinaryIO
    pieces: Sequence[bytes | tuple[int, int]]
    length: int


class Stream(Protocol):
    """Bytes that come bit by bit.  Unlike a generator's, its ``aclose`` always acts,
    even if iteration never began."""

    def __aiter__(self) -> "Stream": ...
    async def __anext__(self) -> bytes: ...
    async def aclose(self) -> None: ...


Body: TypeAlias = bytes | FilePart | FileParts | Stream


class Link(Protocol):
    """An open WebSocket; its exceptions are those of runners/websocket.py.

    Only the loop's thread uses it.
    """

    async def receive(self) -> str | bytes:
        """Wait for a message."""

    async def send(self, data: str | bytes, *, is_last: bool = True) -> None:
        """Send a message, or a part of one; wait while the client is slow."""

    async def send_control(self, payload: bytes, *, is_ping: bool) -> None:
        """Send a ping or a pong."""

    async def close(self, code: int) -> None:
        """Close, and wait until the client has, too, or has had enough time."""


class Upgrade(Protocol):
    """Who is to have the connection behind a 101; ``code`` is to close it with."""

    code: int

    def open(self, link: Link) -> None:
        """Take the connection, once the 101 is on its way."""


class Response(NamedTuple):
    """What goes back to the client.

    The sender adds Date, Server, Connection and the framing (Content-Length or
    Transfer-Encoding); ``fields`` hold none of these.  An empty ``reason`` means the
    phrase that belongs to the status.  Whoever receives the response closes its body.

    ``raw`` bodies are the bytes of a whole response, status line included: nothing is
    added, and the connection is closed behind them (NPH, RFC 3875 section 5).
    ``close`` asks for the connection to be closed after this response.  ``user`` is
    whom we have authenticated, for the access log.  ``upgrade`` has the connection from
    then on; the body is a run's, as long as that goes on.
    """

    status: int
    fields: Fields = ()
    body: Body = b""
    reason: str = ""
    raw: bool = False
    close: bool = False
    user: str = ""
    upgrade: Upgrade | None = None
