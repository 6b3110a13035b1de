"""HTTPS: what clients and scripts see of it, under each of the two loops."""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
import time
from collections.abc import Iterator

import pytest
import trustme

from tests.live import PATIENCE
from tests.raw import Client, connect, find_worker, make_gate
from tests.tls_site import HOST, Authority, TLSSite, serve_tls


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(trustme.CA())


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def site(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
) -> Iterator[TLSSite]:
    with serve_tls(tmp_path_factory.mktemp("tls"), authority, request.param) as site:
        yield site


def get(client: Client, target: str, *fields: str) -> bytes:
    lines = f"GET {target} HTTP/1.1", f"Host: {HOST}", *fields
    client.socket.sendall("\r\n".join([*lines, "", ""]).encode())
    response = client.read_response()
    assert response.status in (200, 206)
    return response.body


# --- what scripts see


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_scripts_see_how_the_client_is_connected(site: TLSSite, version: str) -> None:
    context = site.authority.make_context()
    context.maximum_version = ssl.TLSVersion[version]
    with site.connect(context) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        cipher, protocol, bits = client.socket.cipher() or ("", "", 0)
        port = client.socket.getpeername()[1]
        seen = json.loads(get(client, "/environ.py"))
    # The row "scheme variable" of the CGI rules, and mod_ssl's names.
    assert {
        "HTTPS": "on",
        "REQUEST_SCHEME": "https",
        "SERVER_NAME": HOST,
        "SERVER_PORT": str(port),
        "SCRIPT_URI": f"https://{HOST}:{port}/environ.py",
        "SSL_PROTOCOL": protocol.replace("_", "."),
        "SSL_CIPHER": cipher,
        "SSL_CIPHER_USEKEYSIZE": str(bits),
        "SSL_CIPHER_ALGKEYSIZE": str(bits),
        "SSL_CLIENT_VERIFY": "NONE",
        "SSL_SESSION_RESUMED": "Initial",
    }.items() <= seen.items()
    assert protocol == version.replace("_", ".")


def test_scripts_see_that_a_session_is_resumed(site: TLSSite) -> None:
    context = site.authority.make_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with site.connect(context) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        session = client.socket.session
    with connect(site.server) as raw:
        again = context.wrap_socket(raw.socket, server_hostname=HOST, session=session)
        with again:
            seen = json.loads(get(Client(again), "/environ.py"))
    assert seen["SSL_SESSION_RESUMED"] == "Resumed"


def test_scripts_see_nothing_of_tls_without_it(site: TLSSite) -> None:
    with socket.create_connection(("127.0.0.1", site.plain_port)) as sock:
        seen = json.loads(get(Client(sock), "/environ.py"))
    assert seen["REQUEST_SCHEME"] == "http"
    assert [name for name in seen if name.startswith(("SSL_", "HTTPS"))] == []


def test_a_host_that_is_not_served_is_misdirected(site: TLSSite) -> None:
    # RFC 9110 section 15.5.20: the client reached us by way of another certificate.
    assert site.ask("/page.txt", host="other.example")[0] == 421
    # One that is served need not be that of the handshake.
    assert site.ask("/page.txt", host="two.example") == (200, b"a page\n")


# --- what clients see


def test_many_requests_on_one_connection(site: TLSSite) -> None:
    with site.connect() as client:
        for _ in range(3):
            assert get(client, "/page.txt") == b"a page\n"
        words = [f"GET /word.py?{n} HTTP/1.1\r\nHost: {HOST}\r\n\r\n" for n in range(9)]
        client.socket.sendall("".join(words).encode())
        for number in range(9):
            assert client.read_response().text == f"{number}\n"


def test_lines_come_as_they_are_printed(site: TLSSite) -> None:
    with make_gate() as gate, site.connect() as client:
        lines = f"GET /lines.py?{gate.port} HTTP/1.1", f"Host: {HOST}"
        client.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        gate.wait()
        client.read_head()
        chunks = client.read_chunks()
        for _ in range(3):
            # The next line is printed only once this one is here.
            gate.open()
            assert next(chunks) == b"line\n"
            assert gate.read() == b"w"
        gate.socket.close()
        assert list(chunks) == []


def test_a_large_file_is_whole(site: TLSSite) -> None:
    with site.connect() as client:
        client.socket.sendall(
            f"GET /large.bin HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
        )
        size = int(client.read_head().fields["content-length"])
        assert size == 64 << 20
        size -= len(client.buffer)
        client.buffer = b""
        while size:
            size -= len(client.socket.recv(min(size, 1 << 20)))
        assert get(client, "/page.txt", "Range: bytes=2-") == b"page\n"


def test_a_client_that_speaks_plain_http_is_told(site: TLSSite) -> None:
    with connect(site.server) as client:
        client.send("GET / HTTP/1.1")
        response = client.read_response()
        assert response.status == 400
        assert "https://" in response.text
        assert client.is_ended()


OLD = [
    pytest.param("TLSv1", "TLSv1_1", id="TLS 1.1"),
    pytest.param("TLSv1_2", "TLSv1_2", id="CBC"),
]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize(("lowest", "highest"), OLD)
def test_what_is_too_weak_is_refused(site: TLSSite, lowest: str, highest: str) -> None:
    context = site.authority.make_context()
    context.set_ciphers("ECDHE-RSA-AES128-SHA:AES128-SHA:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion[lowest]
    context.maximum_version = ssl.TLSVersion[highest]
    with pytest.raises((ssl.SSLError, ConnectionResetError)), site.connect(context):
        pass


def test_the_protocol_is_negotiated_and_nothing_is_compressed(site: TLSSite) -> None:
    context = site.authority.make_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with site.connect(context) as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        assert client.socket.selected_alpn_protocol() == "http/1.1"
        assert client.socket.compression() is None


@pytest.mark.parametrize(
    ("target", "size", "status"),
    [
        pytest.param("/count.py", 200_000_000, 413, id="too large"),
        pytest.param("/missing", 100_000_000, 404, id="nobody wants it"),
    ],
)
def test_an_answer_reaches_a_client_that_is_still_sending(
    site: TLSSite, target: str, size: int, status: int
) -> None:
    # TLS closes both sides at once; a reset would take the answer away.
    with site.connect() as client:
        head = f"POST {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {size}"
        client.socket.sendall(head.encode() + b"\r\n\r\n")
        assert client.read_response().status == status
        for _ in range(64):
            client.socket.sendall(bytes(65536))


def test_the_end_of_the_connection_is_no_accident(site: TLSSite) -> None:
    """A response without a length ends with close_notify: it was not cut off."""
    with site.connect() as client:
        client.socket.sendall(
            f"GET /hello.py HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode()
        )
        assert client.read_to_end().endswith(b"hello\n")  # SSLEOFError otherwise


# --- clients that go, or do not know how


def count_descriptors(worker: int) -> int:
    return len(os.listdir(f"/proc/{worker}/fd"))


def wait_for_descriptors(worker: int, number: int) -> None:
    end = time.monotonic() + PATIENCE
    while count_descriptors(worker) > number:
        assert time.monotonic() < end, f"{count_descriptors(worker)} > {number}"
        time.sleep(0.01)


LEFT = [
    pytest.param(b"", id="silent"),
    pytest.param(b"\x16\x03\x01", id="within a record"),
    pytest.param(b"\x16\x03\x01\x00\x05hello", id="no hello"),
    pytest.param(b"\x80\x2e\x01\x00\x02", id="SSL 2"),
    pytest.param(b"\x00" * 2000, id="zeros"),
    pytest.param(b"\xff" * 2000, id="garbage"),
]


@pytest.mark.parametrize("sent", LEFT)
@pytest.mark.parametrize("resets", [True, False], ids=["reset", "closed"])
def test_a_handshake_that_fails_leaves_nothing(
    site: TLSSite, sent: bytes, resets: bool
) -> None:
    assert site.ask("/page.txt")[0] == 200
    worker = find_worker(site.server)
    before = count_descriptors(worker)
    for _ in range(5):
        with connect(site.server) as client:
            client.socket.sendall(sent)
            if resets:
                client.vanish()
    wait_for_descriptors(worker, before)
    assert site.ask("/page.txt")[0] == 200
    assert "Traceback" not in site.server.stderr.text


def test_a_client_that_does_not_trust_us_is_one_line(site: TLSSite) -> None:
    for _ in range(2):
        with (
            pytest.raises(ssl.SSLCertVerificationError),
            site.connect(ssl.create_default_context()),
        ):
            pass
    site.server.stderr.wait_for(r"\[debug\].*TLS handshake with 127.0.0.1 failed: .+")
    assert "Traceback" not in site.server.stderr.text


@pytest.mark.parametrize("target", ["/pour.py", "/large.bin"])
@pytest.mark.parametrize("how", ["reset", "close", "notify"])
def test_a_client_that_goes_within_a_response_leaves_nothing(
    site: TLSSite, target: str, how: str
) -> None:
    assert site.ask("/page.txt")[0] == 200
    worker = find_worker(site.server)
    before = count_descriptors(worker)
    with site.connect() as client:
        client.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        client.read_head()
        if how == "reset":
            client.vanish()
        elif how == "notify":
            assert isinstance(client.socket, ssl.SSLSocket)
            with contextlib.suppress(OSError):
                client.socket.unwrap()
        client.socket.close()
    wait_for_descriptors(worker, before)
    assert "Traceback" not in site.server.stderr.text
    assert "no effect when using ssl" not in site.server.stderr.text


def test_a_request_that_is_cut_off_is_none(site: TLSSite) -> None:
    worker = find_worker(site.server)
    assert site.ask("/page.txt")[0] == 200
    before = count_descriptors(worker)
    with site.connect() as client:
        head = f"POST /count.py HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100"
        client.socket.sendall(head.encode() + b"\r\n\r\nhalf")
        assert isinstance(client.socket, ssl.SSLSocket)
        with contextlib.suppress(OSError):
            client.socket.unwrap()
    wait_for_descriptors(worker, before)
    site.server.stdout.wait_for(r'"POST /count.py HTTP/1.1" (400|499)')


# --- another certificate


def read_serial(site: TLSSite) -> str:
    with site.connect() as client:
        assert isinstance(client.socket, ssl.SSLSocket)
        found = client.socket.getpeercert()
        assert found
        return str(found["serialNumber"])


def reload(site: TLSSite, pattern: str) -> re.Match[str]:
    """Send SIGHUP, and wait for a line of the log that comes behind it."""
    before = len(site.server.stderr.text)
    site.server.process.send_signal(signal.SIGHUP)
    return site.server.stderr.wait_for(f"(?s).{{{before}}}.*({pattern})")


def wait_for_serial(site: TLSSite, other: str) -> str:
    """Wait until workers have another certificate; they hear of it a little later."""
    end = time.monotonic() + PATIENCE
    while (serial := read_serial(site)) == other:
        assert time.monotonic() < end
    return serial


def test_another_certificate_is_for_new_connections(site: TLSSite) -> None:
    first = read_serial(site)
    with site.connect() as old:
        assert get(old, "/page.txt") == b"a page\n"
        site.authority.write(site.folder)
        reload(site, "reloaded; listening")
        second = wait_for_serial(site, first)
        # What is connected stays so.
        assert get(old, "/page.txt") == b"a page\n"
        (site.folder / "key.pem").write_text("nothing")
        reload(site, "not reloaded: tls.key: .* holds no key")
        assert read_serial(site) == second
    site.authority.write(site.folder)
    reload(site, "reloaded; listening")
    wait_for_serial(site, second)
