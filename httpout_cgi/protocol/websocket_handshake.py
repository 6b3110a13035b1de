"""The opening handshake of a WebSocket (RFC 6455 section 4.2).

Pure.  Which pages take part, and what the Origin field is worth, others decide.
"""

import base64
import binascii
import hashlib
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Fields, Request

_VERSION = "13"
# RFC 6455 section 1.3: no server that does not know WebSockets answers with it.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def asks_for_websocket(request: Request) -> bool:
    """Tell whether the client would like to go on with a WebSocket.

    In HTTP/1.0 there is no Upgrade (RFC 9110 section 7.8).
    """
    return request.version == "HTTP/1.1" and _has(request, "upgrade", "websocket")


def answer_handshake(request: Request) -> Fields:
    """Return the fields that accept the client's handshake, for a 101.

    Raises HTTPError 400 if it is none, 426 if it is of another version.
    """
    if request.method != "GET":
        raise _bad(f"Upgrade: websocket with {request.method}, not GET")
    # A proxy that does not know Upgrade removes what Connection names, or leaves both:
    # whoever comes by way of it would not get out of HTTP.
    if not _has(request, "connection", "upgrade"):
        raise _bad("Upgrade: websocket without Connection: Upgrade")
    if request.get("sec-websocket-version") != _VERSION:
        fields = [
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Version", _VERSION),
        ]
        reason = f"a WebSocket of another version than {_VERSION}"
        raise HTTPError(HTTPStatus.UPGRADE_REQUIRED, reason, fields=fields)
    proof = hashlib.sha1(_read_key(request) + _GUID).digest()
    return (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", base64.b64encode(proof).decode()),
    )


def _read_key(request: Request) -> bytes:
    """Return the key as it was sent: base64 of 16 bytes."""
    key = (request.get("sec-websocket-key") or "").encode("latin-1")
    try:
        size = len(base64.b64decode(key, validate=True))
    except binascii.Error:
        size = 0
    if size != 16:
        raise _bad("Sec-WebSocket-Key is not 16 bytes in base64")
    return key


def _has(request: Request, name: str, token: str) -> bool:
    tokens = (request.get(name) or "").lower().split(",")
    return token in (one.strip(" \t") for one in tokens)


def _bad(reason: str) -> HTTPError:
    return HTTPError(HTTPStatus.BAD_REQUEST, reason)
