"""Pages that are WebSockets, through a live server."""

import socket
from collections.abc import Iterator

import pytest

from tests.live import PATIENCE
from tests.live_site import Site
from tests.page_site import CONFIG, start_pages, write_page
from tests.test_pages_live import wait_until
from tests.websocket_client import (
    ACCEPT,
    BINARY,
    CLOSE,
    HANDSHAKE,
    LONGEST,
    NAMES,
    PING,
    PONG,
    TEXT,
    Socket,
    make_frame,
    read_outcome,
    read_sent,
)

SMALL = f"{CONFIG}limits: {{request_body: {LONGEST}B, keep_alive: 60s}}\n"
ECHO = """
    from httpout import websocket

    async def echo():
        async for message in websocket:
            await websocket.send(message)

    run(echo())
    """


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_pages(tmp_path_factory.mktemp("sockets"), SMALL) as site:
        write_page(site, "echo.py", ECHO)
        yield site


@pytest.mark.parametrize("name", NAMES)
def test_case(site: Site, name: str) -> None:
    expected, end = read_outcome(name)
    with Socket(site, "/echo.py") as client:
        client.client.socket.sendall(read_sent(name))
        assert client.read_exactly(len(expected)) == expected
        if end == "open":
            client.send_frame(PING, b"open?")
            assert client.read_frame() == (PONG, b"open?")
        elif end == "waits":
            client.client.socket.shutdown(socket.SHUT_WR)
            assert client.client.receive_all() == b""
        else:
            assert f"close {client.read_close()}" == end


def test_the_handshake_has_the_fields_of_the_page(site: Site) -> None:
    source = """
        from httpout import request, response, websocket
        response.set_header("Sec-WebSocket-Protocol", "chat")
        response.set_header("Connection", "close")
        response.set_cookie("name", "value")

        async def begin():
            await websocket.accept()
            await websocket.accept()
            await websocket.send(f"{request.upgraded} {response.headers_sent()}")

        print(request.upgraded, end="") if websocket is None else wait(begin())
        """
    write_page(site, "fields.py", source)
    with Socket(site, "/fields.py", "Sec-WebSocket-Protocol: chat, other") as client:
        assert client.fields["sec-websocket-accept"] == ACCEPT
        assert client.fields["sec-websocket-protocol"] == "chat"
        assert client.fields["set-cookie"] == "name=value; path=/"
        assert client.fields["connection"] == "Upgrade"
        assert "content-type" not in client.fields
        assert client.receive() == "True True"
        # The page is over: so is the connection.
        assert client.read_close() == 1000
    assert site.ask("/fields.py").body == b"False"


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("Sec-WebSocket-Version: 8", 426),
        ("Sec-WebSocket-Key: short", 400),
        ("Connection: close", 400),
    ],
)
def test_what_is_no_handshake_is_refused(site: Site, field: str, status: int) -> None:
    name = field.partition(":")[0]
    others = [line for line in HANDSHAKE if not line.startswith(f"{name}:")]
    reply = site.ask("/echo.py", *others, field)
    assert reply.status == status
    assert reply.get("Sec-WebSocket-Version") == ("13" if status == 426 else None)


def test_a_page_may_refuse(site: Site) -> None:
    source = """
        from httpout import request, response, websocket
        if request.environ["HTTP_ORIGIN"] != "http://localhost":
            response.set_status(403)
            exit("not from there")
        """
    write_page(site, "origin.py", source)
    reply = site.ask("/origin.py", *HANDSHAKE, "Origin: http://evil.example")
    assert (reply.status, reply.body) == (403, b"not from there\n")


OTHERS = [
    pytest.param("/none.py", ("Upgrade: h2c", "Connection: Upgrade"), id="h2c"),
    pytest.param("/none.py", (), id="no handshake"),
    pytest.param("/off/none.py", HANDSHAKE, id="switched off"),
    pytest.param("/cgi-bin/plain.py", HANDSHAKE, id="a CGI script"),
    pytest.param("/plain.txt", HANDSHAKE, id="a file"),
    pytest.param("/to-page.py", HANDSHAKE, id="a local redirect"),
]


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    mounts = """
      - {url: /cgi-bin/, path: cgi-bin}
      - {url: /off/, path: off, output: page, websocket: false}
      - {url: /to-page.py, file: to-page.py}
"""
    config = CONFIG.replace("[{url: /,", "\n      - {url: /,").replace("}]", "}")
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "off").mkdir()
    (folder / "to-page.py").write_text("print('Location: /none.py\\n')")
    with start_pages(folder, config.rstrip("\n") + mounts) as site:
        for name in ("none.py", "../off/none.py"):
            write_page(site, name, "from httpout import websocket\nprint(websocket)")
        write_page(site, "plain.txt", "None\n")
        site.write("plain.py", "print('Content-Type: text/plain\\n\\nNone')")
        yield site


@pytest.mark.parametrize(("target", "fields"), OTHERS)
def test_what_is_no_websocket(
    mixed: Site, target: str, fields: tuple[str, ...]
) -> None:
    reply = mixed.ask(target, *fields)
    assert (reply.status, reply.body) == (200, b"None\n")


def test_the_names_of_tremolo(site: Site) -> None:
    source = """
        from httpout import websocket
        from tremolo.exceptions import WebSocketClientClosed, WebSocketServerClosed

        async def talk():
            await websocket.send(await websocket.recv())
            await websocket.send(str(type(await websocket.receive())))
            await websocket.send("te", fin=0)
            await websocket.send("xt")
            await websocket.send(bytearray(b"raw"))
            await websocket.send("raw", opcode=2)
            await websocket.send(b"text", opcode=1)
            await websocket.ping(b"p")
            await websocket.pong("q")
            for attempt in TRIES:
                try:
                    await attempt()
                except (TypeError, ValueError) as exc:
                    await websocket.send(str(exc))
            try:
                await websocket.receive(timeout=0.001)
            except WebSocketServerClosed as exc:
                await websocket.send(str(exc))
            await websocket.close(4321)
            try:
                await websocket.send("too late")
            except WebSocketClientClosed as exc:
                open("closed", "w").write(f"{exc} {exc.code}")
            async for message in websocket:
                raise AssertionError(message)

        TRIES = [
            lambda: websocket.send(1),
            lambda: websocket.send("x", opcode=8),
            lambda: websocket.ping(b"x" * 126),
            lambda: websocket.close(1005),
        ]
        wait(talk())
        """
    write_page(site, "names.py", source)
    with Socket(site, "/names.py") as client:
        client.send("bytes")
        assert client.receive() == b"bytes"
        client.send(b"bytes")
        assert client.receive() == "<class 'bytes'>"
        assert client.read_exactly(8) == b"\x01\x02te\x80\x02xt"
        frames = [client.read_frame() for _ in range(10)]
        client.send_frame(CLOSE, b"\x10\xe1")
    assert frames == [
        (BINARY, b"raw"),
        (BINARY, b"raw"),
        (TEXT, b"text"),
        (PING, b"p"),
        (PONG, b"q"),
        (TEXT, b"a message is str or bytes, not int"),
        (TEXT, b"opcode: 1 or 2; ping(), pong() and close() are there"),
        (TEXT, b"a ping or pong has at most 125 bytes"),
        (TEXT, b"no code to close with: 1005"),
        (TEXT, b"receive timeout"),
    ]
    marker = site.folder / "htdocs/closed"
    wait_until(lambda: marker.exists() and marker.stat().st_size > 0)
    assert marker.read_text() == "the WebSocket is closed (4321) 4321"


ENDS = [
    pytest.param("pass", 1000, id="the page ends"),
    pytest.param("exit('text')", 1000, id="exit"),
    pytest.param("raise KeyError('k')", 1011, id="exception"),
    pytest.param("raise Closed('no', code=1008)", 1008, id="its own code"),
    pytest.param("await websocket.close(4000)", 4000, id="close"),
    pytest.param("await websocket.close(4001, timeout=0)", 4001, id="no wait"),
]


@pytest.mark.parametrize("begin", ["run", "wait"])
@pytest.mark.parametrize(("source", "code"), ENDS)
def test_ends_of_pages(site: Site, begin: str, source: str, code: int) -> None:
    page = (
        "from httpout import websocket\n"
        "from tremolo.exceptions import WebSocketServerClosed as Closed\n"
        f"async def talk():\n    await websocket.accept()\n    {source}\n"
        f"{begin}(talk())\n"
    )
    write_page(site, "end.py", page)
    with Socket(site, "/end.py") as client:
        assert client.read_close() == code


def test_what_is_printed_is_a_page_or_nothing(site: Site) -> None:
    source = """
        import os
        from httpout import websocket
        print("before") if websocket is None else None

        async def talk():
            async for message in websocket:
                print("print")
                os.system("echo child")
                await websocket.send(message)

        if websocket:
            run(talk())
        """
    write_page(site, "printing.py", source)
    with Socket(site, "/printing.py") as client:
        for _ in range(2):
            client.send("hi")
            assert client.receive() == "hi"
    site.wait_for_log(r"/printing.py .*what is printed behind a WebSocket goes nowhere")


def test_it_is_too_late_behind_output(site: Site) -> None:
    source = """
        from httpout import websocket
        print("printed")
        wait(websocket.accept())
        """
    write_page(site, "late.py", source)
    reply = site.ask("/late.py", *HANDSHAKE)
    assert reply.status == 200
    assert b"HeadersSentError: headers already sent" in reply.body


def test_another_loop_cannot_use_it(site: Site) -> None:
    source = """
        import asyncio
        from httpout import websocket
        asyncio.run(websocket.accept())
        """
    write_page(site, "loop.py", source)
    reply = site.ask("/loop.py", *HANDSHAKE)
    assert reply.status == 500
    assert b"a websocket is for coroutines of run() and wait()" in reply.body


def test_a_page_ends_when_its_client_vanishes(site: Site) -> None:
    source = """
        import asyncio
        from httpout import websocket

        async def listen():
            try:
                while True:
                    await websocket.receive()
            finally:
                open("listener", "w").close()

        async def sleep():
            try:
                await asyncio.sleep(1000)
            finally:
                open("sleeper", "w").close()

        run(listen())
        run(sleep())
        """
    write_page(site, "vanish.py", source)
    with Socket(site, "/vanish.py"):
        pass
    folder = site.folder / "htdocs"
    wait_until(lambda: (folder / "listener").exists())
    wait_until(lambda: (folder / "sleeper").exists())
    # To have lost its client is no failure.
    assert "WebSocketClosed" not in site.server.stderr.text


def test_it_holds_no_thread(site: Site) -> None:
    # The site has four.
    clients = [Socket(site, "/echo.py") for _ in range(20)]
    for client in clients:
        client.send("still there?")
    for client in clients:
        with client:
            assert client.receive() == "still there?"


def test_pages_of_one_worker_can_talk_to_each_other(site: Site) -> None:
    source = """
        from httpout import globals as shared, websocket
        everybody = shared.get("everybody") or set()
        shared.everybody = everybody

        async def chat():
            await websocket.accept()
            everybody.add(websocket)
            await websocket.send("here")
            async for line in websocket:
                for other in everybody:
                    await other.send(line)

        run(chat())
        """
    write_page(site, "chat.py", source)
    with Socket(site, "/chat.py") as one, Socket(site, "/chat.py") as two:
        assert one.receive() == two.receive() == "here"
        one.send("hello")
        assert one.receive() == two.receive() == "hello"


def test_many_messages_at_once(site: Site) -> None:
    # More than are taken in one turn, more than wait for the page, and empty ones.
    messages = [str(number) * 3 for number in range(3000)] + [""] * 2000
    sent = b"".join(make_frame(TEXT, text.encode()) for text in messages)
    with Socket(site, "/echo.py") as client:
        client.client.socket.sendall(sent)
        assert [client.receive() for _ in messages] == messages


def test_what_comes_with_the_handshake_is_read(site: Site) -> None:
    head = "\r\n".join(["GET /echo.py HTTP/1.1", "Host: localhost", *HANDSHAKE, "", ""])
    with site.open() as client:
        client.socket.sendall(head.encode() + make_frame(TEXT, b"early"))
        assert client.begin().status == 101
        assert client.input.read(7) == b"\x81\x05early"


def fill(sock: socket.socket, data: bytes) -> int:
    """Send until the buffers of both ends are full; return how much that was."""
    sock.settimeout(0.2)
    sent = 0
    try:
        while sent < 64 * 1024 * 1024:
            sent += sock.send(data)
    except TimeoutError:
        sock.settimeout(PATIENCE)
    return sent


def test_a_page_that_does_not_listen_keeps_little(site: Site) -> None:
    source = """
        import os
        from asyncio import sleep
        from httpout import websocket

        async def wait_for_go():
            await websocket.accept()
            while not os.path.exists("listen"):
                await sleep(0.01)
            async for message in websocket:
                await websocket.send(str(len(message)))

        run(wait_for_go())
        """
    write_page(site, "deaf.py", source)
    frame = make_frame(BINARY, b"x" * 1000)
    with Socket(site, "/deaf.py") as client:
        sent = fill(client.client.socket, frame * 64)
        assert sent < 64 * 1024 * 1024
        (site.folder / "htdocs/listen").touch()
        for _ in range(sent // len(frame)):
            assert client.receive() == "1000"


def test_a_page_over_its_time_limit_is_closed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = CONFIG.replace("output: page", "output: page, timeout: 1s")
    with start_pages(tmp_path_factory.mktemp("limited"), config) as site:
        write_page(site, "wait.py", ECHO.replace("run(", "wait("))
        write_page(site, "run.py", ECHO)
        with Socket(site, "/run.py") as free, Socket(site, "/wait.py") as limited:
            assert limited.read_close() == 1011
            free.send("hello")
            assert free.receive() == "hello"


def test_the_server_says_that_it_leaves_and_asks_who_is_idle(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = CONFIG + "limits: {keep_alive: 1s}\n"
    with start_pages(tmp_path_factory.mktemp("leaving"), config) as site:
        write_page(site, "echo.py", ECHO)
        with Socket(site, "/echo.py") as awake, Socket(site, "/echo.py") as silent:
            for client in (awake, silent):
                assert client.read_frame() == (PING, b"")
            awake.send_frame(PONG)
            # Who does not answer is cut off.
            with pytest.raises(ConnectionResetError):
                silent.client.input.read()
            site.server.process.terminate()
            assert awake.read_close() == 1001
        assert site.server.stop() == 0
