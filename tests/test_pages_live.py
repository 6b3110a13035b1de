"""Pages through a live server: what they print is the body."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.live import PATIENCE
from tests.live_site import Site
from tests.page_site import CONFIG, set_runner, start_pages, write_page

HTML = "text/html; charset=utf-8"

WITH_ONE = CONFIG.replace(
    "scripts: [", "scripts: [{url: /one, file: one, output: page}, "
)
# What a page in a process has not.
THREADS = pytest.mark.parametrize("site", ["thread"], indirect=True)


@pytest.fixture(scope="module", params=["thread", "process"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(f"pages_{request.param}")
    (folder / "one").touch()
    with start_pages(folder, set_runner(WITH_ONE, request.param)) as site:
        yield site


def test_what_a_page_prints_is_the_body(site: Site) -> None:
    write_page(site, "hello.py", "print('Content-Type: text/plain')\nprint('<b>ä</b>')")
    reply = site.ask("/hello.py")
    assert (reply.status, reply.get("Content-Type")) == (200, HTML)
    assert reply.body.decode() == "Content-Type: text/plain\n<b>ä</b>\n"


@THREADS
def test_a_page_that_ends_at_once_is_sent_in_one_write(site: Site) -> None:
    write_page(site, "short.py", "print('a')\nprint('b')")
    reply = site.ask("/short.py")
    assert reply.get("Content-Length") == "4"


@pytest.mark.parametrize("end", ["\\n", ""], ids=["line", "no line end"])
def test_what_is_printed_is_sent_while_the_page_waits(site: Site, end: str) -> None:
    source = f"""
        import os, time
        print("first", end="{end}")
        while not os.path.exists("go"):
            time.sleep(0.01)
        os.unlink("go")
        print("last")
        """
    write_page(site, "slow.py", source)
    with site.open() as client:
        client.send("/slow.py")
        first = b""
        while b"first" not in first:
            first += client.input.read1(4096)
        assert b"last" not in first
        (site.folder / "htdocs/go").touch()
        rest = b""
        while b"last" not in rest:
            rest += client.input.read1(4096)


ENDS = [
    pytest.param("", 200, "", id="nothing printed"),
    pytest.param("print('a'); exit('te<xt')", 200, "a\nte<xt\n", id="exit text"),
    pytest.param("print('a'); exit(3)", 200, "a\n3\n", id="exit number"),
    pytest.param("print('a'); exit()", 200, "a\n", id="exit"),
    pytest.param("print('a'); exit(0)", 200, "a\n", id="exit zero"),
    pytest.param(
        "raise ValueError('<b>')",
        500,
        "<ul><li>ValueError: &lt;b&gt;</li></ul>\n",
        id="exception",
    ),
    pytest.param(
        "print('a')\nraise ValueError('<b>')",
        200,
        "a\n<ul><li>ValueError: &lt;b&gt;</li></ul>\n",
        id="exception behind output",
    ),
    pytest.param(
        "from httpout import response\n"
        "response.set_status(201, 'Made')\n"
        "response.set_content_type('application/json')\n"
        "response.set_header('Content-Encoding', 'gzip')\n"
        "1 / 0",
        500,
        "<ul><li>ZeroDivisionError: division by zero</li></ul>\n",
        id="exception where something else was to be sent",
    ),
    pytest.param(
        "return 1",
        500,
        "<ul><li>SyntaxError: &#x27;return&#x27; outside function (end.py, line 1)"
        "</li></ul>\n",
        id="syntax error",
    ),
    pytest.param("import os\nos.write(1, b'x')", 200, "x", id="descriptor"),
    pytest.param("import os\nos.system('echo x')", 200, "x\n", id="child"),
    pytest.param("import sys\nsys.stdout.close()", 200, "", id="closed"),
    pytest.param("import os\nprint('a')\nos._exit(1)", 200, "a\n", id="os._exit"),
]


@pytest.mark.parametrize(("source", "status", "body"), ENDS)
def test_ends_of_pages(site: Site, source: str, status: int, body: str) -> None:
    write_page(site, "end.py", source)
    reply = site.ask("/end.py")
    assert (reply.status, reply.body.decode()) == (status, body)
    assert reply.get("Content-Type") == HTML
    assert reply.all("Content-Encoding") == []


NAMES = [
    pytest.param("/page.py", 200, id="page"),
    pytest.param("/style.css", 200, id="static file"),
    pytest.param("/_part.py", 404, id="part of pages"),
    pytest.param("/_part.css", 404, id="static part"),
    pytest.param("/data.sqlite3", 403, id="unknown type"),
    pytest.param("/data", 403, id="no type"),
    # What pages keep in their working directory: passwords, and what they have told.
    pytest.param("/config.yaml", 403, id="settings"),
    pytest.param("/.env", 403, id="hidden"),
    pytest.param("/.well-known/security.txt", 200, id="well-known"),
    pytest.param("/folder/", 200, id="index"),
    pytest.param("/missing.py", 404, id="missing"),
]


@pytest.mark.parametrize(("target", "status"), NAMES)
def test_what_is_a_page_and_what_is_sent(site: Site, target: str, status: int) -> None:
    for name in ("page.py", "_part.py", "_part.css", "style.css", "data.sqlite3"):
        write_page(site, name, "")
    for name in (
        "data",
        "config.yaml",
        ".env",
        ".well-known/security.txt",
        "folder/index.py",
    ):
        write_page(site, name, "")
    assert site.ask(target).status == status


def test_an_extra_path_becomes_path_info(site: Site) -> None:
    source = "import os\nprint(os.environ['SCRIPT_NAME'], os.environ['PATH_INFO'])"
    write_page(site, "path.py", source)
    assert site.ask("/path.py/a/b").body == b"/path.py /a/b\n"
    assert site.ask("/path.py").body == b"/path.py \n"


def test_debug_shows_the_traceback(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("debug")
    with start_pages(folder, CONFIG + "debug: true\n") as site:
        write_page(site, "fail.py", "def f():\n    1 / 0\nf()\n")
        reply = site.ask("/fail.py")
    assert reply.status == 500
    text = reply.body.decode()
    assert "ZeroDivisionError" in text
    assert "line 2, in f" in text


def test_pages_run_in_the_folder_of_pages(site: Site) -> None:
    write_page(site, "shared_by_all.py", "NAME = 'shared'")
    write_page(site, "deep/beside.py", "NAME = 'beside'")
    source = """
        import os, beside, shared_by_all
        print(os.path.basename(os.getcwd()), beside.NAME, shared_by_all.NAME)
        """
    write_page(site, "deep/page.py", source)
    assert site.ask("/deep/page.py").body == b"htdocs beside shared\n"


def test_a_page_that_is_one_file_of_any_name(site: Site) -> None:
    (site.folder / "one").write_text("import os\nprint('one', os.getcwd())")
    reply = site.ask("/one/extra")
    assert (reply.status, reply.body.decode()) == (200, f"one {site.folder}\n")


def test_the_fields_are_what_the_page_sets(site: Site) -> None:
    source = """
        from httpout import response
        response.set_status(201, "Made")
        response.set_header("X-One", "a")
        response.set_header(b"x-one", b"b")
        response.append_header("X-Many", "1")
        response.append_header("X-Many", "2")
        response.set_cookie("name", "value", httponly=True)
        response.set_content_type("text/plain")
        print(response.headers_sent(), sorted(response.headers))
        print(response.headers_sent())
        """
    write_page(site, "fields.py", source)
    reply = site.ask("/fields.py")
    assert (reply.status, reply.reason) == (201, "Made")
    assert reply.get("X-One") == "b"
    assert reply.all("X-Many") == ["1", "2"]
    assert reply.get("Set-Cookie") == "name=value; path=/; httponly"
    assert reply.get("Content-Type") == "text/plain"
    assert reply.body == b"False [b'set-cookie', b'x-many', b'x-one']\nTrue\n"


def test_a_redirect_goes_to_the_client(site: Site) -> None:
    source = (
        "from httpout import response\nresponse.set_header('Location', '/hello.py')"
    )
    write_page(site, "redirect.py", source)
    reply = site.ask("/redirect.py")
    assert (reply.status, reply.get("Location")) == (302, "/hello.py")


def test_a_form_and_the_request(site: Site) -> None:
    source = """
        from httpout import request, __server__ as server
        form = wait(request.form())
        print(request.method, form, request.query, request.cookies)
        print(request.environ is __server__ is server, request.headers[b"host"][0])
        """
    write_page(site, "form.py", source)
    reply = site.ask(
        "/form.py?q=1&q=2",
        "Cookie: a=b",
        "Content-Type: application/x-www-form-urlencoded",
        method="POST",
        body=b"x=1&y=%C3%A4",
    )
    assert reply.body.decode().splitlines() == [
        "b'POST' {'x': ['1'], 'y': ['ä']} {'q': ['1', '2']} {'a': ['b']}",
        "True b'localhost'",
    ]


def test_prints_and_results_of_coroutines(site: Site) -> None:
    source = """
        import asyncio
        from httpout import response

        async def count(name, seconds=0.0):
            print(name, "begins")
            await asyncio.sleep(seconds)
            await response.write(f"{name} ends\\n".encode())
            return name

        async def both():
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(None, print, "executor")
            return await run(count("c")), await asyncio.to_thread(print, "thread")

        print(wait(count("a")), run(both()).result())
        print("over")
        run(count("b", 0.05))
        """
    write_page(site, "tasks.py", source)
    lines = site.ask("/tasks.py").body.decode().splitlines()
    assert lines == [
        *("a begins", "a ends", "executor", "c begins", "c ends", "thread"),
        *("a ('c', None)", "over", "b begins", "b ends"),
    ]


@THREADS
def test_a_page_that_waits_for_coroutines_holds_no_thread(site: Site) -> None:
    source = """
        import asyncio
        from httpout import globals as shared

        shared.waiting = shared.get("waiting", 0) + 1

        async def meet():
            while shared.waiting < 30:
                await asyncio.sleep(0.01)
            print("met")

        run(meet())
        """
    write_page(site, "meet.py", source)
    with ExitStack() as stack:
        clients = [stack.enter_context(site.open()) for _ in range(30)]
        for client in clients:
            client.send("/meet.py")
        bodies = {client.receive().body for client in clients}
    assert bodies == {b"met\n"}


def test_a_page_ends_as_a_script_when_its_coroutines_have_ended(site: Site) -> None:
    source = """
        import asyncio, atexit, threading, time

        class Last:
            def __del__(self):
                print("deleted")

        async def tell(name, seconds):
            await asyncio.sleep(seconds)
            print(name, last is not None)

        def begin():
            time.sleep(0.1)
            run(tell("of a thread", 0.05))

        last = Last()
        atexit.register(print, "exit")
        threading.Thread(target=begin).start()
        run(tell("of the script", 0.05))
        print("script")
        """
    write_page(site, "last.py", source)
    assert site.ask("/last.py").body.decode().splitlines() == [
        *("script", "of the script True", "of a thread True", "exit", "deleted"),
    ]


COROUTINE_ENDS = [
    pytest.param("run(fail())", 500, "<ul><li>KeyError: &#x27;k&#x27;</li></ul>\n"),
    pytest.param("wait(fail())", 500, "<ul><li>KeyError: &#x27;k&#x27;</li></ul>\n"),
    pytest.param("run(leave())", 200, "left\n"),
    pytest.param("wait(leave())\nprint('not here')", 200, "left\n"),
    pytest.param(
        "async def nested():\n    wait(fail())\nrun(nested())",
        500,
        "<ul><li>RuntimeError: wait() in a coroutine would wait for ever: use await"
        "</li></ul>\n",
    ),
    pytest.param(
        "try:\n    run(1)\nexcept TypeError as exc:\n    print(exc)",
        200,
        "a coroutine object is needed, not 1\n",
    ),
]


@pytest.mark.parametrize(("source", "status", "body"), COROUTINE_ENDS)
def test_ends_of_coroutines(site: Site, source: str, status: int, body: str) -> None:
    functions = (
        "async def fail():\n    raise KeyError('k')\n"
        "async def leave():\n    exit('left')\n"
    )
    write_page(site, "coroutine.py", functions + source)
    reply = site.ask("/coroutine.py")
    assert (reply.status, reply.body.decode()) == (status, body)


def test_coroutines_end_when_the_client_leaves(site: Site) -> None:
    source = """
        import asyncio

        async def serve():
            try:
                while True:
                    print("tick")
                    await asyncio.sleep(0.01)
            finally:
                open("left", "w").close()

        run(serve())
        """
    write_page(site, "ticks.py", source)
    with site.open() as client:
        client.send("/ticks.py")
        assert b"tick" in client.input.read1(4096) + client.input.read1(4096)
    marker = site.folder / "htdocs/left"
    wait_until(marker.exists)


def test_coroutines_wait_for_a_slow_client(site: Site) -> None:
    source = """
        import os
        from httpout import response
        count = os.open("pieces", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

        async def write():
            for _ in range(400):
                await response.write(b"x" * 65536)
                os.write(count, b".")
            # The loop cannot wait for itself: this is kept.
            print("y" * 200_000, flush=True)

        run(write())
        """
    write_page(site, "large.py", source)
    pieces = site.folder / "htdocs/pieces"
    with site.open() as client:
        client.send("/large.py")
        wait_until(lambda: pieces.exists() and pieces.stat().st_size > 0)
        # It holds a few in the buffers of both ends, and not all of them.
        assert pieces.stat().st_size < 400
        body = client.receive().body
    assert len(body) == 400 * 65536 + 200_001


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_page_that_waits_too_long_is_ended(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = CONFIG.replace("output: page", "output: page, timeout: 1s")
    config = config.replace("threads: 4", "threads: 1")
    with start_pages(tmp_path_factory.mktemp("short"), config) as site:
        write_page(site, "long.py", "import asyncio\nwait(asyncio.sleep(1000))")
        assert site.ask("/long.py").status == 504
        # The only thread is free again.
        write_page(site, "short.py", "print('short')")
        assert site.ask("/short.py").body == b"short\n"
