"""The frames of a WebSocket (RFC 6455 sections 5 to 8): bytes in, events out, and back.

wsproto reads and writes them, and is as strict as the RFC; messages are put together
here, because it has no limit for these.  Must not know a transport or a clock.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import (
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    TextMessage,
)

Data: TypeAlias = str | bytes

NORMAL = 1000
GOING_AWAY = 1001
NO_CODE = 1005
LOST = 1006
TOO_LARGE = 1009
FAILED = 1011

# What a control frame carries at most (section 5.5).
LONGEST_CONTROL = 125


class PingReceived(NamedTuple):
    """The client wants to have these bytes back, in a pong."""

    payload: bytes


class CloseReceived(NamedTuple):
    """The client closes; or has to be told why we do, for then there is a reason."""

    code: int
    reason: str = ""


# None is a frame that means nothing to anybody, but has cost some time.
Received: TypeAlias = Data | PingReceived | CloseReceived | None

_CLOSE_SENT = (ConnectionState.LOCAL_CLOSING, ConnectionState.CLOSED)
_OPEN = (ConnectionState.OPEN, ConnectionState.LOCAL_CLOSING)


class Frames:
    """Both directions of one connection; a message has ``longest`` bytes at most."""

    def __init__(self, longest: int) -> None:
        self._connection = Connection(ConnectionType.SERVER)
        self._longest = longest
        # A message that is not complete.  As bytes, whatever it is: a list of pieces
        # of one byte would be thirty times as large as what was sent.
        self._begun = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes of the client; not after it has closed."""
        self._connection.receive_data(data)

    def read(self) -> Iterator[Received]:
        """Yield what has come, one frame at a time; none after CloseReceived.

        Whoever stops reading may go on with another call.
        """
        for event in self._connection.events():
            yield self._translate(event)

    def encode(self, data: Data, *, is_last: bool = True) -> bytes:
        """Return a frame with a message, or with a part of one."""
        if isinstance(data, str):
            return self._send(TextMessage(data, message_finished=is_last))
        return self._send(BytesMessage(bytearray(data), message_finished=is_last))

    def encode_ping(self, payload: bytes) -> bytes:
        return self._send(Ping(payload))

    def encode_pong(self, payload: bytes) -> bytes:
        return self._send(Pong(payload))

    def encode_close(self, code: int, reason: str = "") -> bytes:
        """Return a close frame, ``b""`` if one has been sent."""
        if self._connection.state in _CLOSE_SENT:
            return b""
        return self._send(CloseConnection(code, reason or None))

    def _send(self, event: Event) -> bytes:
        return bytes(self._connection.send(event))

    def _translate(self, event: Event) -> Received:
        if isinstance(event, Message):
            return self._collect(event)
        if isinstance(event, Ping):
            return PingReceived(bytes(event.payload))
        if isinstance(event, CloseConnection):
            # It is wsproto itself that closes, unless the connection's state says that
            # the client does: this is no frame of a WebSocket, or not now.
            reason = (event.reason or "") if self._connection.state in _OPEN else ""
            return CloseReceived(int(event.code), reason)
        return None

    # Any: text or bytes, as the event's class says.
    def _collect(self, event: Message[Any]) -> Received:
        """Return a message if this is the end of it."""
        data, begun = event.data, self._begun
        piece = data.encode() if isinstance(data, str) else data
        if len(begun) + len(piece) > self._longest:
            begun.clear()
            return CloseReceived(TOO_LARGE, f"a message over {self._longest} bytes")
        if not event.message_finished:
            begun += piece
            return None
        if begun:
            piece = bytes(begun + piece)
            begun.clear()
            # Checked piece by piece: this is UTF-8.
            return piece.decode() if isinstance(data, str) else piece
        return data if isinstance(data, str) else bytes(data)
