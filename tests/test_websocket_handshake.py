"""The opening handshake: what asks for a WebSocket, and what is none."""

from collections.abc import Sequence

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Endpoints, Request
from httpout_cgi.protocol.websocket_handshake import (
    answer_handshake,
    asks_for_websocket,
)
from tests.websocket_client import ACCEPT, KEY

FIELDS = {
    "connection": ["keep-alive, Upgrade"],
    "upgrade": ["websocket"],
    "sec-websocket-key": [KEY],
    "sec-websocket-version": ["13"],
}


def make_request(
    method: str = "GET", version: str = "HTTP/1.1", **fields: Sequence[str]
) -> Request:
    """Return a handshake of which some fields are others, or none at all."""
    names = {name.replace("_", "-"): values for name, values in fields.items()}
    found = {name: values for name, values in (FIELDS | names).items() if values}
    peer = Endpoints("http", "127.0.0.1", 1, "127.0.0.1", 2)
    return Request(method, "/", version, found, peer)


@pytest.mark.parametrize(
    ("version", "upgrade", "asks"),
    [
        pytest.param("HTTP/1.1", ["websocket"], True, id="as a browser"),
        pytest.param("HTTP/1.1", ["h2c", "WebSocket"], True, id="one of several"),
        pytest.param("HTTP/1.1", ["h2c"], False, id="another protocol"),
        pytest.param("HTTP/1.1", [], False, id="no Upgrade"),
        pytest.param("HTTP/1.0", ["websocket"], False, id="RFC 9110 7.8 HTTP/1.0"),
    ],
)
def test_who_asks(version: str, upgrade: list[str], asks: bool) -> None:
    assert asks_for_websocket(make_request(version=version, upgrade=upgrade)) is asks


def test_the_key_is_proved_to_be_understood() -> None:
    assert answer_handshake(make_request()) == (
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Accept", ACCEPT),
    )


NONE = [
    pytest.param(make_request("POST"), 400, "POST", id="4.1 GET"),
    pytest.param(
        make_request(connection=["close"]), 400, "without Connection", id="4.2.1"
    ),
    pytest.param(make_request(connection=[]), 400, "Connection", id="no Connection"),
    pytest.param(make_request(sec_websocket_key=[]), 400, "Key", id="no key"),
    pytest.param(make_request(sec_websocket_key=["YQ=="]), 400, "16", id="short"),
    pytest.param(make_request(sec_websocket_key=["?" * 24]), 400, "16", id="alphabet"),
    pytest.param(make_request(sec_websocket_key=["\xe4"]), 400, "16", id="not ASCII"),
    pytest.param(make_request(sec_websocket_key=[KEY, KEY]), 400, "16", id="two keys"),
    pytest.param(make_request(sec_websocket_version=["8"]), 426, "13", id="4.4 old"),
    pytest.param(make_request(sec_websocket_version=[]), 426, "13", id="no version"),
]


@pytest.mark.parametrize(("request_", "status", "reason"), NONE)
def test_what_is_no_handshake(request_: Request, status: int, reason: str) -> None:
    with pytest.raises(HTTPError) as caught:
        answer_handshake(request_)
    assert caught.value.status == status
    assert reason in caught.value.reason
    # RFC 6455 section 4.4: which versions there are.
    offered = ("Sec-WebSocket-Version", "13") in caught.value.fields
    assert offered == (status == 426)
