"""Pages without a server: a loop in a thread of ours takes its place."""

from __future__ import annotations

import ast
import asyncio
import html
import threading
import tracemalloc
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from itertools import chain, repeat
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator, Optional

import pytest
from httpout_cgi.interpreter import page_forms
from httpout_cgi.interpreter.execute import execute, execute_beginning, resume
from httpout_cgi.interpreter.page import Page
from httpout_cgi.interpreter.page_attributes import Attributes
from httpout_cgi.interpreter.page_forms import FormError
from httpout_cgi.interpreter.page_head import HeadersSentError, PageHead, format_cookie
from httpout_cgi.interpreter.page_host import PageHost
from httpout_cgi.interpreter.run_context import RunContext

from tests.interpreter.script_runs import CACHE, save, stand_ins

PATIENCE = 20
HEAD = b"Content-Type: text/html; charset=utf-8\n\n"


class Host(PageHost):
    """Shares one module, and has no app."""

    def __init__(self) -> None:
        super().__init__()
        self.module = ModuleType("__globals__")

    def find_globals_module(self, root: str) -> ModuleType:
        return self.module


class Door:
    """Knows no reader."""

    tell_head = None

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.idle = threading.Event()

    def on_idle(self) -> None:
        self.idle.set()

    async def wait_for_room(self) -> None:
        pass


@contextmanager
def running_loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def run_page(
    path: Path,
    content: bytes = b"",
    root: Optional[Path] = None,
    is_cancelled: bool = False,
    told: Optional[list[int]] = None,
    **variables: str,
) -> tuple[bytes, str]:
    """Run a page to its end; return what it wrote, and the log.

    With ``told``, do only what comes before it, and note there when it steps aside, and
    how much had been written then.
    """
    writes: list[bytes] = []
    log: list[str] = []
    with running_loop() as loop, stand_ins():
        run = RunContext(
            str(path),
            str(path.parent),
            environment=dict(variables),
            write=writes.append,
            write_error=lambda line: log.append(line.decode()),
            stdin=BytesIO(content),
            is_page=True,
        )
        door = Door(loop)
        run.page = page = Page(run, str(root or path.parent), Host(), door)
        if told is None:
            execute(run, CACHE)
        else:
            tell = partial(page.step_aside, lambda: told.append(len(writes)))
            execute_beginning(run, CACHE, tell)
        if is_cancelled:
            loop.call_soon_threadsafe(loop.call_later, 0.01, page.cancel)
        if page.has_left:
            assert door.idle.wait(PATIENCE)
            resume(run)
    return b"".join(writes), "\n".join(log)


def show(tmp_path: Path, source: str, content: bytes = b"", **variables: str) -> str:
    """Return the body of a page with the usual header section."""
    path = save(tmp_path / "page.py", source)
    output, _ = run_page(path, content, None, False, None, **variables)
    assert output.startswith(HEAD), output
    return output[len(HEAD) :].decode()


@pytest.mark.parametrize(
    "look",
    [
        "f'{wait.__name__} {run} {__server__} {__globals__}' and wait.__name__",
        "'wait' in globals() and 'wait'",
        "'wait' in dir() and 'wait'",
        "eval('wait').__name__",
        "(lambda: wait)().__name__",
        "getattr(__import__('__main__'), 'wait').__name__",
    ],
)
def test_a_page_that_looks_for_its_names_has_them(tmp_path: Path, look: str) -> None:
    assert show(tmp_path, f"print({look})\n") == "wait\n"


@pytest.mark.parametrize("first", ["#!/usr/bin/python3 -u", "#!/usr/bin/python3 -O"])
def test_a_page_may_have_options(tmp_path: Path, first: str) -> None:
    path = tmp_path / "page.py"
    path.write_text(f"{first}\nprint('here')\n")
    assert run_page(path) == (HEAD + b"here\n", "")


def test_a_page_in_another_encoding_is_still_sent_line_by_line(tmp_path: Path) -> None:
    source = "import sys\nprint(sys.stdout.encoding, sys.stdout.line_buffering)"
    shown = show(tmp_path, source, PYTHONIOENCODING="latin-1")
    assert shown == "iso8859-1 True\n"


def test_a_module_finds_the_names_of_a_page_that_uses_none_of_them(
    tmp_path: Path,
) -> None:
    save(tmp_path / "local.py", "import __main__\nprint(__main__.wait.__name__)\n")
    assert show(tmp_path, "import local\n") == "wait\n"


def test_names_of_a_page_and_its_modules(tmp_path: Path) -> None:
    save(
        tmp_path / "local.py",
        """
        import __main__, httpout
        from httpout import request
        here = True
        seen = httpout.here, httpout.request is __main__.request, __main__.__file__
        """,
    )
    source = """
        from httpout import *
        from httpout import request, modules, logger, context, globals as shared
        import importlib, local, httpout
        print(local.seen == (True, True, __file__), importlib.import_module("httpout"))
        print(request.environ is __server__, modules["local"] is local, websocket)
        httpout.added = 1
        print(added, "added" in dir(httpout), "run" in dir(httpout))
        context.mine = shared["mine"] = 2
        print(context["mine"], "mine" in shared, context.get("other", 3))
        logger.info("logged %d", 1)
        for name in ("nonsense", "app"):
            try:
                exec(f"from httpout import {name}")
            except ImportError as exc:
                print(str(exc).partition(" (")[0].partition(":")[0])
        """
    body = show(tmp_path, source, REMOTE_ADDR="::1", REMOTE_PORT="9")
    assert body.splitlines() == [
        "True <module 'httpout' from '" + str(tmp_path / "page.py") + "'>",
        "True True None",
        "1 True True",
        "2 True 3",
        "cannot import name 'nonsense' from 'httpout'",
        "httpout.app",
    ]


def test_the_request(tmp_path: Path) -> None:
    source = """
        import sys
        from httpout import request as r
        print(r.method, r.url, r.path, r.query_string, r.version, r.scheme, r.is_secure)
        print(r.host, r.ip, r.client, r.content_type, r.content_length, r.has_body)
        print(r.headers.getlist(b"x-list"), r.query, r.cookies)
        print(r.params.query == r.query)

        async def read():
            pieces = [piece async for piece in r.stream()]
            return pieces, await r.read(2), await r.read(), await r.body(), r.body_size

        print(wait(read()), len(r.uid()), sys.stdin.read())
        """
    body = show(
        tmp_path,
        source,
        b"12345",
        REQUEST_METHOD="PUT",
        REQUEST_URI="/a?b=%C3%A4",
        QUERY_STRING="b=%C3%A4&c=",
        SERVER_PROTOCOL="HTTP/1.1",
        REQUEST_SCHEME="https",
        HTTP_HOST="example.org",
        HTTP_X_LIST="one, two",
        HTTP_COOKIE='a=1; a="2"; nonsense',
        REMOTE_ADDR="192.0.2.1",
        REMOTE_PORT="9",
        CONTENT_TYPE="text/plain",
        CONTENT_LENGTH="5",
    )
    assert body.splitlines() == [
        "b'PUT' b'/a?b=%C3%A4' b'/a' b'b=%C3%A4&c=' b'1.1' b'https' True",
        "b'example.org' b'192.0.2.1' ('192.0.2.1', 9) b'text/plain' 5 True",
        "[b'one', b'two'] {'b': ['ä'], 'c': ['']} {'a': ['1', '2']}",
        "True",
        "([b'12345'], b'12', b'345', b'12345', 5) 32 12345",
    ]


PARTS = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xc3\xa4\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="t.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\n1\r\n2\r\n--x--\r\n"
)


def test_a_form_with_files(tmp_path: Path) -> None:
    source = """
        from httpout import request

        async def look():
            print(await request.form())
            async for part in request.files():
                pieces = [piece async for piece in part.stream()]
                print(part.get("filename"), part.get("type"), pieces)

        run(look())
        """
    kind = 'multipart/form-data; boundary="x"'
    assert show(tmp_path, source, PARTS, CONTENT_TYPE=kind).splitlines() == [
        "{'a': ['ä']}",
        "None None [b'\\xc3\\xa4']",
        "t.txt text/plain [b'1\\r\\n2']",
    ]


BAD_PARTS = [
    pytest.param(b"--x\r\n", "multipart/form-data", "missing boundary", id="boundary"),
    pytest.param(b"", "text/plain", "invalid Content-Type", id="type"),
    pytest.param(
        PARTS[:-5], "multipart/form-data; boundary=x", "cut off", id="cut off"
    ),
    pytest.param(
        b"--x\r\nno blank line\r\n--x--",
        "multipart/form-data; boundary=x",
        "without header section",
        id="no header section",
    ),
]


@pytest.mark.parametrize(("content", "kind", "text"), BAD_PARTS)
def test_forms_that_are_none(content: bytes, kind: str, text: str) -> None:
    with pytest.raises(FormError, match=text):
        list(page_forms.parse_parts([content], kind, 100))


@pytest.mark.parametrize("size", range(1, 14))
def test_parts_may_come_in_pieces(size: int) -> None:
    starts = range(0, len(PARTS) + 9, size)
    pieces = [(PARTS + b"\r\nbehind")[start : start + size] for start in starts]
    kind = "multipart/form-data; boundary=x"
    found = page_forms.parse_parts(pieces, kind, 100)
    assert [part["data"] for part in found] == ["\u00e4".encode(), b"1\r\n2"]


def test_a_part_that_is_too_large_is_refused_before_it_has_come() -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
    # Without an end: what came would be kept until there is no memory left.
    pieces = chain([head], repeat(b"1" * 1024))
    with pytest.raises(FormError, match="larger than the page takes"):
        list(page_forms.parse_parts(pieces, "multipart/form-data; boundary=x", 10))


def test_data_of_a_part_has_a_limit_of_its_own() -> None:
    kind = "multipart/form-data; boundary=x"
    assert len(list(page_forms.parse_parts([PARTS], kind, 4))) == 2
    with pytest.raises(FormError, match="larger than the page takes"):
        list(page_forms.parse_parts([PARTS], kind, 3))


LIMITS = [
    pytest.param("form(1)", "more than 1 fields", id="fields"),
    pytest.param("form(max_size=2)", "larger than 2 bytes", id="size"),
]
FORMS = [
    pytest.param("application/x-www-form-urlencoded", b"a=1&b=2", id="fields"),
    # Each part takes long, and there is room for a million of them.
    pytest.param("multipart/form-data; boundary=x", PARTS, id="parts"),
]


@pytest.mark.parametrize(("kind", "content"), FORMS)
@pytest.mark.parametrize(("call", "text"), LIMITS)
def test_forms_have_limits(
    tmp_path: Path, call: str, text: str, kind: str, content: bytes
) -> None:
    source = f"""
        from httpout import request
        try:
            wait(request.{call})
        except ValueError as exc:
            print(exc)
        """
    assert text in show(tmp_path, source, content, CONTENT_TYPE=kind)


def test_what_is_no_utf_8_can_be_stored_all_the_same(tmp_path: Path) -> None:
    source = """
        from httpout import request
        form = wait(request.form())
        print(ascii([form, request.query, request.cookies]))
        """
    body = show(
        tmp_path,
        source,
        b"a=%e4&b=\xe4&c=\xc3\xa4",
        CONTENT_TYPE="Application/X-WWW-Form-URLencoded; charset=latin-1",
        QUERY_STRING="d=%e4",
        HTTP_COOKIE="e=%e4; f=\udce4; g=%C3%A4%3B",
    )
    assert ast.literal_eval(body) == [
        {"a": ["\ufffd"], "b": ["\ufffd"], "c": ["\u00e4"]},
        {"d": ["\ufffd"]},
        {"e": ["\ufffd"], "f": ["\ufffd"], "g": ["\u00e4;"]},
    ]


def test_large_content_is_streamed_without_being_in_memory(tmp_path: Path) -> None:
    source = """
        from httpout import request

        async def look():
            print(sum([len(piece) async for piece in request.stream()]))

        run(look())
        """
    content = bytes(8_000_000)
    tracemalloc.start()
    try:
        assert show(tmp_path, source, content) == "8000000\n"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_content_may_be_read_in_pieces_and_again(tmp_path: Path) -> None:
    source = """
        from httpout import request

        async def look():
            print([len(piece) async for piece in request.stream()])
            print(len(await request.read(70_000)), len(await request.read()))
            async for part in request.files():
                print(len(part["data"]))

        run(look())
        """
    head = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n"
    content = head + b"1" * 100_000 + b"\r\n--x--\r\n"
    whole = len(content)
    kind = "multipart/form-data; boundary=x"
    body = show(tmp_path, source, content, CONTENT_TYPE=kind)
    assert body.splitlines() == [
        f"[65536, {whole - 65_536}]",
        f"70000 {whole - 70_000}",
        "100000",
    ]


def test_files_have_limits(tmp_path: Path) -> None:
    source = """
        from httpout import request

        async def look():
            async for part in request.files(max_files=1):
                print(part["name"])

        run(look())
        """
    kind = "multipart/form-data; boundary=x"
    text = show(tmp_path, source, PARTS, CONTENT_TYPE=kind)
    assert text.startswith("a\n<ul><li>FormError: more than 1 files")


BAD_FIELDS = [
    pytest.param("set", ("X-A", "a\nSet-Cookie: b"), id="line end"),
    pytest.param("append", ("X-A", b"a\rb"), id="carriage return"),
    pytest.param("set", ("X A", "a"), id="blank in a name"),
    pytest.param("set_status", (99,), id="status"),
    pytest.param("set_status", (200, "a\nb"), id="reason"),
]


@pytest.mark.parametrize(("method", "arguments"), BAD_FIELDS)
def test_fields_that_would_be_others_are_refused(
    method: str, arguments: tuple[Any, ...]
) -> None:
    with pytest.raises(ValueError, match="no "):
        getattr(PageHead(), method)(*arguments)


def test_there_is_one_type_of_content_however_it_is_set() -> None:
    head = PageHead()
    head.append("content-TYPE", "text/plain")
    assert head.encode() == b"Content-Type: text/plain\n\n"


def test_what_has_been_sent_cannot_be_changed() -> None:
    head = PageHead()
    head.set_status(299)
    head.set("X-A", "\u20ac")
    sent = head.encode()
    assert sent == b"Status: 299\nX-A: \xe2\x82\xac\nContent-Type: text/html; " + (
        b"charset=utf-8\n\n"
    )
    with pytest.raises(HeadersSentError):
        head.set("a", "b")
    with pytest.raises(HeadersSentError):
        head.set_status(200)


COOKIES = [
    pytest.param("'a', 'b'", "a=b; path=/", id="plain"),
    pytest.param(
        "'a', 'b', secure=True, domain='x', samesite='Lax', path=''",
        "a=b; domain=x; samesite=Lax; secure",
        id="attributes",
    ),
    pytest.param("'a', 'b;c ä\\r\\n'", "a=b%3Bc%20%C3%A4%0D%0A; path=/", id="value"),
    pytest.param("b'a', b'b;'", "a=b%3B; path=/", id="bytes"),
    pytest.param("'a b', ''", "no name of a cookie: 'a b'", id="name"),
    pytest.param("'a', 'b', path='/;c'", "no path of a cookie: '/;c'", id="path"),
]


@pytest.mark.parametrize(("arguments", "text"), COOKIES)
def test_cookies(tmp_path: Path, arguments: str, text: str) -> None:
    source = f"""
        from httpout import response
        response.set_cookie({arguments})
        """
    output, _ = run_page(save(tmp_path / "page.py", source))
    assert text in html.unescape(output.decode())


def test_a_cookie_that_ends() -> None:
    cookie = format_cookie(
        *("a", "b"),
        expires=60,
        path="/",
        domain=None,
        secure=False,
        httponly=True,
        samesite=None,
    )
    assert cookie.startswith("a=b; expires=")
    assert cookie.endswith("GMT; max-age=60; path=/; httponly")


def test_a_redirect_has_a_status(tmp_path: Path) -> None:
    source = "from httpout import response\nresponse.redirect('/a', 303)"
    output, _ = run_page(save(tmp_path / "page.py", source))
    assert output.startswith(b"Status: 303 See Other\nLocation: /a\n")


def test_threads_of_a_page_may_run_coroutines(tmp_path: Path) -> None:
    source = """
        import asyncio, threading

        async def later(name):
            await asyncio.sleep(0.01)
            print(name)

        threading.Thread(target=lambda: run(later("b"))).start()
        future = run(asyncio.sleep(1000))
        future.cancel()
        print("a")
        """
    assert show(tmp_path, source) == "a\nb\n"


def test_os_exit_ends_all_coroutines(tmp_path: Path) -> None:
    source = """
        import asyncio, os

        async def leave():
            await asyncio.sleep(0.01)
            os._exit(3)

        run(asyncio.sleep(1000))
        run(leave())
        print("a")
        """
    assert show(tmp_path, source) == "a\n"


def test_attributes() -> None:
    found = Attributes(a=1)
    found["b"] = 2
    found.c = 3
    del found["a"]
    assert (list(found), len(found), repr(found)) == (["b", "c"], 2, "{'b': 2, 'c': 3}")
    with pytest.raises(AttributeError):
        found.a  # noqa: B018 - it is not there


ENDS = [
    pytest.param("print('a'); exit('b')", "a\nb\n", id="exit text"),
    pytest.param("print('a'); 1 / 0", "a\n<ul><li>ZeroDivisionError: ", id="exception"),
    pytest.param("async def f(): exit('b')\nwait(f())", "b\n", id="exit in wait"),
    pytest.param("async def f(): exit('b')\nrun(f())", "b\n", id="exit in run"),
    pytest.param(
        "async def f(): await run(g())\nasync def g(): exit('b')\nrun(f())",
        "b\n<ul><li>RuntimeError: the coroutine has ended by SystemExit",
        id="exit in run in a coroutine",
    ),
    pytest.param(
        "async def f(): return await run(g())\n"
        "async def g(): raise KeyError(1)\n"
        "print('a')\n"
        "try:\n    wait(f())\n"
        "except KeyError as exc:\n    print(repr(exc))",
        "a\n<ul><li>KeyError: 1</li></ul>\nKeyError(1)\n",
        id="exception in run in a coroutine",
    ),
    pytest.param(
        "async def f(): wait(f())\nprint('a')\nrun(f())",
        "a\n<ul><li>RuntimeError: wait() in a coroutine",
        id="wait in a coroutine",
    ),
    pytest.param(
        "import asyncio\n"
        "async def f():\n"
        "    inner = run(asyncio.sleep(1000))\n"
        "    inner.cancel()\n"
        "    await asyncio.wait([inner])\n"
        "    print(inner.cancelled())\n"
        "run(f())",
        "True\n",
        id="cancelled",
    ),
    pytest.param(
        "try:\n    run(1)\nexcept TypeError as exc:\n    print(exc)",
        "a coroutine object is needed, not 1\n",
        id="no coroutine",
    ),
    pytest.param(
        "from httpout import response\n"
        "async def f():\n"
        "    await response.write('text')\n"
        "    await response.write(b' bytes')\n"
        "print(response.headers_sent())\n"
        "wait(f())",
        "False\ntext bytes",
        id="write",
    ),
    pytest.param(
        "import sys\nsys.excepthook = lambda *_: print('hook')\n1 / 0",
        "hook\n",
        id="hook of its own",
    ),
]


@pytest.mark.parametrize(("source", "body"), ENDS)
def test_ends(tmp_path: Path, source: str, body: str) -> None:
    assert show(tmp_path, source).startswith(body)


def test_fields_of_a_page(tmp_path: Path) -> None:
    source = """
        from httpout import response
        response.set_status(201)
        response.set_header(b"X-One", "a")
        response.set_header("x-one", bytearray(b"b"))
        response.append_header("X-Two", "c")
        response.set_content_type("text/plain")
        print(response.headers)
        """
    output, _ = run_page(save(tmp_path / "page.py", source))
    assert output == (
        b"Status: 201 Created\nx-one: b\nX-Two: c\nContent-Type: text/plain\n\n"
        b"{b'x-one': [b'b'], b'x-two': [b'c']}\n"
    )


def test_what_comes_before_a_page_may_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(host: Host, page: Page) -> bool:
        page.write(b"instead")
        return False

    def fail(host: Host, page: Page) -> None:
        raise KeyError("late")

    monkeypatch.setattr(Host, "call_before", answer)
    monkeypatch.setattr(Host, "call_with_response", fail)
    output, log = run_page(save(tmp_path / "page.py", "print('not here')"))
    assert output == HEAD + b"instead"
    assert "KeyError('late')" in log


def test_middleware_may_let_somebody_else_send_the_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(host: Host, page: Page) -> bool:
        import __main__

        assert page.run.main is not None
        assert __main__.__dict__ == page.run.main.__dict__
        page.response.set_header("X-A", "b")
        page.response.set_content_type("text/plain")
        return True

    def sign(host: Host, page: Page) -> None:
        page.response.set_header("X-C", "d")

    told: list[int] = []
    monkeypatch.setattr(Host, "call_before", look)
    monkeypatch.setattr(Host, "call_with_response", sign)
    output, log = run_page(tmp_path / "missing.py", told=told)
    # Told first: whoever reads the fields has to know what they are for.
    assert told == [0]
    assert output == b"Status: 200 OK\nX-A: b\nX-C: d\n\n"
    assert log == ""


def test_nobody_else_sends_what_follows_middleware_that_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(host: Host, page: Page) -> bool:
        page.write(b"instead")
        return False

    def speak(host: Host, page: Page) -> bool:
        print("printed", end="")
        return True

    def fail(host: Host, page: Page) -> bool:
        raise ValueError("no")

    told: list[int] = []
    monkeypatch.setattr(Host, "call_before", answer)
    assert run_page(tmp_path / "a", told=told) == (HEAD + b"instead", "")
    monkeypatch.setattr(Host, "call_before", speak)
    output, log = run_page(tmp_path / "a", told=told)
    assert output == HEAD + b"printed"
    assert "middleware has printed" in log
    monkeypatch.setattr(Host, "call_before", fail)
    output, _ = run_page(tmp_path / "a", told=told)
    assert output.startswith(b"Status: 500 Internal Server Error\n")
    assert told == []


def test_debug_shows_tracebacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Host, "debug", True)
    body = show(tmp_path, "print('a')\n1 / 0")
    assert body.startswith("a\n<pre>Traceback (most recent call last):\n  File &quot;")


def test_modules_beside_the_folder_of_pages_are_found(tmp_path: Path) -> None:
    save(tmp_path / "above.py", "NAME = 'above'")
    path = save(tmp_path / "deep" / "page.py", "import above\nprint(above.NAME)")
    output, _ = run_page(path, root=tmp_path)
    assert output == HEAD + b"above\n"


def test_cancelled_pages_start_nothing_more(tmp_path: Path) -> None:
    source = """
        import asyncio
        async def f():
            try:
                await asyncio.sleep(1000)
            finally:
                print("cancelled")
                run(asyncio.sleep(1000))
        run(f())
        """
    path = save(tmp_path / "page.py", source)
    output, _ = run_page(path, is_cancelled=True)
    assert output == HEAD + b"cancelled\n"
