"""Connections, from the outside: a live server, and clients that send any bytes."""

import re
from collections.abc import Iterator

import pytest

from tests.http_site import serve_site
from tests.live import Server
from tests.raw import LAST_CHUNK, Client, connect, make_gate

LIMITS = "request_head: 4KiB, request_body: 256KiB, body_in_memory: 16KiB"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_site(tmp_path_factory.mktemp("site"), LIMITS) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with connect(server) as client:
        yield client


def wait_for_log_line(server: Server, request_line: str, status: int) -> None:
    server.stdout.wait_for(rf'"{re.escape(request_line)}" {status} ')


# Persistence and pipelining (RFC 9112 section 9)


def test_a_connection_serves_one_request_after_the_other(client: Client) -> None:
    for target in ("/hello.py", "/page.txt", "/nothing", "/hello.py"):
        client.send(f"GET {target} HTTP/1.1")
        raw = client.read_response()
        assert "connection" not in raw.fields
    assert raw.text == "hello\n"


@pytest.mark.parametrize("target", ["/hello.py", "/page.txt", "/nothing"])
def test_close_is_confirmed_and_done(client: Client, target: str) -> None:
    client.send(f"GET {target} HTTP/1.1", "Connection: close")
    assert client.read_response().fields["connection"] == "close"
    assert client.is_ended()


def test_a_client_of_http_1_0_is_closed(client: Client) -> None:
    client.send("GET /hello.py HTTP/1.0")
    raw = client.read_response()
    assert (raw.text, raw.fields["connection"]) == ("hello\n", "close")
    assert client.is_ended()


def test_a_client_of_http_1_0_is_kept_if_it_asks(client: Client) -> None:
    for _ in range(2):
        client.send("GET /hello.py HTTP/1.0", "Connection: keep-alive")
        assert client.read_response().fields["connection"] == "keep-alive"


def test_a_stream_to_a_client_of_http_1_0_ends_with_the_connection(
    client: Client,
) -> None:
    with make_gate() as gate:
        client.send(f"GET /lines.py?{gate.port} HTTP/1.0", "Connection: keep-alive")
        gate.wait()
        head = client.read_head()
        assert head.fields["connection"] == "close"
        assert not head.fields.keys() & {"transfer-encoding", "content-length"}
        gate.open()
        assert client.read_until(b"\n") == b"line\n"
        gate.close()
        assert client.is_ended()


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    with make_gate() as gate:
        client.send(f"GET /gate.py?{gate.port} HTTP/1.1")
        body = b"5\r\nhello\r\n" + LAST_CHUNK
        client.send("POST /content.py HTTP/1.1", "Transfer-Encoding: chunked")
        client.socket.sendall(body)
        client.send("HEAD /page.txt HTTP/1.1")
        client.send("GET /word.py?last HTTP/1.1")
        gate.wait()
        gate.open()
        assert client.read_response().text == "through\n"
        assert client.read_response().text == "5 5 True\nhello"
        assert client.read_head().fields["content-length"] == "7"
        assert client.read_response().text == "last\n"


def test_nothing_is_answered_behind_close(client: Client) -> None:
    client.send("GET /word.py?1 HTTP/1.1", "Connection: close")
    client.send("GET /word.py?2 HTTP/1.1")
    assert client.read_response().text == "1\n"
    assert client.is_ended()


def test_empty_lines_before_a_request_are_ignored(client: Client) -> None:
    for _ in range(2):
        client.socket.sendall(b"\r\n" * 50_000 + b"\r")
        client.socket.sendall(b"\n")
        client.send("GET /hello.py HTTP/1.1")
        assert client.read_response().status == 200


# Framing of responses


@pytest.mark.parametrize("target", ["/hello.py", "/page.txt", "/nothing"])
def test_head_has_the_fields_of_get_and_no_body(client: Client, target: str) -> None:
    client.send(f"GET {target} HTTP/1.1")
    expected = client.read_response()
    client.send(f"HEAD {target} HTTP/1.1")
    raw = client.read_head()
    assert raw.status == expected.status
    assert raw.fields.keys() == expected.fields.keys()
    assert raw.fields["content-length"] == expected.fields["content-length"]
    client.send("GET /word.py?next HTTP/1.1")
    assert client.read_response().text == "next\n"


def test_what_a_script_prints_for_head_is_read_to_the_end(client: Client) -> None:
    with make_gate() as gate:
        client.send(f"HEAD /flood.py?{gate.port}+2 HTTP/1.1")
        gate.wait()
        assert [gate.read() for _ in range(3)] == [b"w", b"w", b"."]
        raw = client.read_head()
        assert raw.fields["transfer-encoding"] == "chunked"
        client.send("GET /word.py?next HTTP/1.1")
        assert client.read_response().text == "next\n"


def test_what_is_flushed_arrives_before_the_script_ends(client: Client) -> None:
    with make_gate() as gate:
        client.send(f"GET /lines.py?{gate.port} HTTP/1.1")
        gate.wait()
        assert client.read_head().status == 200
        chunks = client.read_chunks()
        for _ in range(3):
            gate.open()
            assert next(chunks) == b"line\n"
        gate.close()
        assert list(chunks) == []


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nph_output_is_not_touched(client: Client, method: str) -> None:
    client.send(f"{method} /nph-raw.py HTTP/1.1")
    expected = f"HTTP/1.1 299 Odd\r\nX-Raw: 1\r\n\r\n{method}"
    assert client.read_to_end() == expected.encode()


def test_early_hints_are_forwarded(client: Client) -> None:
    client.send("GET /interim.py HTTP/1.1")
    interim = client.read_head()
    assert interim.head == (
        b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"
    )
    assert client.read_response().text == "final\n"


def test_early_hints_would_confuse_a_client_of_http_1_0(client: Client) -> None:
    client.send("GET /interim.py HTTP/1.0")
    assert client.read_response().text == "final\n"


# Content of requests


@pytest.mark.parametrize(
    ("size", "told"),
    [
        pytest.param(0, "0", id="empty"),
        pytest.param(100, "100", id="small"),
        pytest.param(16 * 1024, "16384", id="in memory"),
        pytest.param(16 * 1024 + 1, "16385", id="on disk"),
        pytest.param(256 * 1024, "262144", id="all that is allowed"),
    ],
)
def test_content_reaches_the_script(client: Client, size: int, told: str) -> None:
    body = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    client.send("POST /content.py HTTP/1.1", f"Content-Length: {size}", body=body)
    expected = f"{told} {size} True\n".encode() + body[:100]
    assert client.read_response().body == expected
    client.send("POST /content.py HTTP/1.1", "Transfer-Encoding: chunked")
    for start in range(0, size, 10_000):
        piece = body[start : start + 10_000]
        client.socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    client.socket.sendall(LAST_CHUNK)
    assert client.read_response().body == expected


def test_no_content_is_not_empty_content(client: Client) -> None:
    client.send("POST /content.py HTTP/1.1")
    assert client.read_response().text == "None 0 True\n"


def test_borders_of_what_arrives_do_not_matter(client: Client) -> None:
    client.socket.setsockopt(6, 1, 1)  # TCP_NODELAY: a packet for each byte
    sent = (
        b"POST /content.py HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;a=b\r\nhel\r\n02\r\nlo\r\n0\r\nTrailer: x\r\n\r\n"
        b"POST /content.py HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nbye"
    )
    for number in range(len(sent)):
        client.socket.sendall(sent[number : number + 1])
    assert client.read_response().text == "5 5 True\nhello"
    assert client.read_response().text == "3 3 True\nbye"


# Expect: 100-continue (RFC 9110 section 10.1.1)


@pytest.mark.parametrize(
    ("framing", "body"),
    [
        pytest.param("Content-Length: 5", b"hello", id="length"),
        pytest.param(
            "Transfer-Encoding: chunked", b"5\r\nhello\r\n0\r\n\r\n", id="chunked"
        ),
    ],
)
def test_a_client_that_expects_a_100_gets_it(
    client: Client, framing: str, body: bytes
) -> None:
    for _ in range(2):
        client.send("POST /content.py HTTP/1.1", "Expect: 100-continue", framing)
        assert client.read_head().head == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.socket.sendall(body)
        assert client.read_response().text == "5 5 True\nhello"


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        pytest.param(
            ["POST /content.py HTTP/1.1", "Content-Length: 5"], b"he", id="already sent"
        ),
        pytest.param(
            ["POST /content.py HTTP/1.0", "Content-Length: 5"], b"he", id="HTTP/1.0"
        ),
        pytest.param(
            ["POST /content.py HTTP/1.1", "Content-Length: 0"], b"", id="no content"
        ),
    ],
)
def test_a_100_that_nobody_waits_for_is_not_sent(
    client: Client, lines: list[str], body: bytes
) -> None:
    client.send(*lines, "Expect: 100-continue", body=body)
    if body:
        client.socket.sendall(b"llo")
    assert client.read_response().status == 200


def test_what_is_too_large_is_refused_before_it_is_sent(client: Client) -> None:
    lines = ["Expect: 100-continue", "Content-Length: 262145"]
    client.send("POST /content.py HTTP/1.1", *lines)
    assert client.read_response().status == 413
    assert client.is_ended()


# Refusals: an error page and the end of the connection

HOST = "Host: x\r\n"
REFUSED = [
    pytest.param("GET /a HTTP/1.1\r\n\r\n", 400, id="no Host"),
    pytest.param("GET /b HTTP/1.1\nHost: x\n\n", 400, id="bare LF"),
    pytest.param("\nGET /c HTTP/1.1\r\n" + HOST, 400, id="LF first"),
    pytest.param("rubbish\r\n\r\n", 400, id="no request"),
    pytest.param(
        "POST /d HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\nx\r\n",
        400,
        id="malformed chunk",
    ),
    pytest.param(
        "POST /e HTTP/1.1\r\n" + HOST + "Content-Length: 262145\r\n\r\n",
        413,
        id="Content-Length over the limit",
    ),
    pytest.param(
        "POST /word.py HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n"
        "40001\r\n" + "x" * 0x40001,
        413,
        id="chunks over the limit",
    ),
    pytest.param("GET /" + "g" * 4200, 414, id="long target, no end yet"),
    pytest.param(
        "GET /" + "h" * 4200 + " HTTP/1.1\r\n" + HOST + "\r\n", 414, id="long target"
    ),
    pytest.param(
        "GET /i HTTP/1.1\r\n" + HOST + "Expect: the-best\r\n\r\n", 417, id="expectation"
    ),
    pytest.param(
        "GET /j HTTP/1.1\r\n" + HOST + "X: " + "x" * 4200, 431, id="long field"
    ),
    pytest.param(
        "GET /k HTTP/1.1\r\n" + HOST + "X: \r\n" * 100 + "\r\n", 431, id="101 fields"
    ),
    pytest.param(
        "POST /l HTTP/1.1\r\n" + HOST + "Transfer-Encoding: gzip, chunked\r\n\r\n",
        501,
        id="transfer coding",
    ),
    pytest.param("GET /m HTTP/2.0\r\n" + HOST + "\r\n", 505, id="HTTP/2.0"),
]


@pytest.mark.parametrize(("sent", "status"), REFUSED)
def test_a_refusal_is_a_page_and_closes(
    server: Server, client: Client, sent: str, status: int
) -> None:
    client.socket.sendall(sent.encode("latin-1"))
    raw = client.read_response()
    assert raw.status == status
    assert raw.fields["connection"] == "close"
    assert raw.fields["content-type"] == "text/html; charset=utf-8"
    assert f"<h1>{status} " in raw.text
    assert client.is_ended()
    line = sent.lstrip("\n").partition("\r")[0].partition("\n")[0][:1000]
    server.stdout.wait_for(rf'"(\\n)?{re.escape(line)}.*" {status} ')


def test_a_refusal_of_head_has_no_body(client: Client) -> None:
    client.send("HEAD /page.txt HTTP/1.1", "Host: two")
    raw = client.read_head()
    assert raw.status == 400
    assert int(raw.fields["content-length"]) > 0
    assert client.is_ended()


def test_a_client_that_goes_on_sending_can_read_the_refusal(client: Client) -> None:
    client.send("POST /content.py HTTP/1.1", "Content-Length: 9999999")
    for _ in range(160):  # far more than buffers between us hold
        client.socket.sendall(bytes(65536))
    assert client.read_response().status == 413
    assert client.is_ended()


# Clients that close their side, or go


def test_a_half_closed_client_is_answered(client: Client) -> None:
    client.socket.sendall(
        b"GET /word.py?1 HTTP/1.1\r\nHost: x\r\n\r\n"
        b"GET /word.py?2 HTTP/1.1\r\nHost: x\r\n\r\n\r\n"
    )
    client.socket.shutdown(1)
    assert client.read_response().text == "1\n"
    assert client.read_response().text == "2\n"
    assert client.is_ended()


def test_the_last_response_to_a_half_closed_client_says_so(client: Client) -> None:
    with make_gate() as gate:
        client.send(f"GET /gate.py?{gate.port} HTTP/1.1")
        client.socket.shutdown(1)
        gate.wait()
        gate.open()
        assert client.read_response().status == 200
        assert client.is_ended()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"GET /half HTTP/1.1\r\nHost: x\r\n", id="head"),
        pytest.param(
            b"POST /word.py?half HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx",
            id="content",
        ),
    ],
)
def test_half_a_request_is_answered_400(
    server: Server, client: Client, sent: bytes
) -> None:
    client.socket.sendall(sent)
    client.socket.shutdown(1)
    assert client.read_response().status == 400
    assert client.is_ended()
    wait_for_log_line(server, sent.partition(b"\r")[0].decode(), 400)


def test_a_client_that_leaves_without_a_word_is_let_go(client: Client) -> None:
    client.send("GET /hello.py HTTP/1.1")
    client.read_response()
    client.socket.shutdown(1)
    assert client.is_ended()


@pytest.mark.parametrize("way", ["reset", "close"])
def test_a_run_ends_when_its_client_has_vanished(server: Server, way: str) -> None:
    with make_gate() as gate, connect(server) as client:
        target = f"/lines.py?{gate.port}"
        client.send(f"GET {target} HTTP/1.1")
        gate.wait()
        client.read_head()
        if way == "reset":
            client.vanish()
        else:
            client.socket.close()
        answer = b"w"
        while answer == b"w":
            gate.open()
            answer = gate.read()
        assert answer == b"!"
        wait_for_log_line(server, f"GET {target} HTTP/1.1", 200)


def test_a_silent_run_ends_when_its_client_has_vanished(server: Server) -> None:
    with make_gate() as gate, connect(server) as client:
        client.send(f"GET /gate.py?{gate.port} HTTP/1.1")
        gate.wait()
        client.socket.close()
        wait_for_log_line(server, f"GET /gate.py?{gate.port} HTTP/1.1", 499)


def test_a_client_that_resets_within_its_content_is_logged(server: Server) -> None:
    with connect(server) as client:
        lines = ["Content-Length: 5", "Expect: 100-continue"]
        client.send("POST /word.py?reset HTTP/1.1", *lines)
        client.read_head()
        client.vanish()
        wait_for_log_line(server, "POST /word.py?reset HTTP/1.1", 499)
