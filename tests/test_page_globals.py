"""``__globals__.py``: what the pages of a worker share, and what it adds to them."""

import time
from collections.abc import Iterator

import pytest

from tests.live import PATIENCE
from tests.live_site import Site
from tests.page_site import start_pages, write_page

GLOBALS = """
import asyncio
import beside
from httpout import app, globals as shared, logger

counter = 0
hooks = []

@app.on_worker_start
async def start(**worker):
    hooks.append("started")

@app.on_worker_stop()
def stop(logger):
    logger.warning("the hook for the end was called")

@app.on_request
async def look(request, response, **server):
    response.set_header("X-Path", request.path)
    if request.query.get("secret"):
        response.set_status(403)
        return b"refused"

@app.on_response
async def sign(response):
    response.append_header("X-Signed", "yes")

@app.on_response
async def wait(request):
    if request.query.get("wait"):
        await asyncio.sleep(0)

@app.on_response(priority=1)
def sign_last(response):
    response.append_header("X-Signed", "last")

@app.on_request(priority=1)
def look_first(response):
    response.set_header("X-Path", "overwritten")

import httpout
seen = [httpout.counter, httpout.app is app]
for attempt in (
    lambda: httpout.request,
    lambda: app.add_route,
    lambda: app.add_hook(print, "connect"),
    lambda: app.add_middleware(print, "close"),
):
    try:
        attempt()
    except (AttributeError, ValueError) as exc:
        seen.append(type(exc).__name__)

@app.hook("worker_start")
def fail():
    raise KeyError("this hook fails")

app.add_middleware(lambda: None, "request")

def who():
    from httpout import request
    return request.path.decode()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("globals")
    (folder / "htdocs").mkdir()
    (folder / "htdocs/__globals__.py").write_text(GLOBALS)
    (folder / "htdocs/beside.py").write_text("")
    with start_pages(folder) as site:
        yield site


def test_all_pages_share_what_it_defines(site: Site) -> None:
    source = """
        import other
        __globals__.counter += 1
        print(__globals__.counter, __globals__.hooks, __globals__.who())
        print(__globals__.seen)
        """
    write_page(site, "one.py", source)
    write_page(site, "two.py", source)
    other = "from httpout import __globals__ as same\nassert same is __globals__"
    write_page(site, "other.py", other)
    seen = (
        b"[0, True, 'AttributeError', 'AttributeError', 'ValueError', 'ValueError']\n"
    )
    assert site.ask("/one.py").body == b"1 ['started'] /one.py\n" + seen
    assert site.ask("/two.py").body == b"2 ['started'] /two.py\n" + seen
    site.wait_for_log("KeyError: 'this hook fails'")


def test_middleware_sees_requests_and_responses(site: Site) -> None:
    write_page(site, "page.py", "print('page')")
    reply = site.ask("/page.py")
    assert reply.body == b"page\n"
    assert (reply.get("X-Path"), reply.all("X-Signed")) == ("/page.py", ["yes", "last"])
    refused = site.ask("/page.py?secret=1")
    assert (refused.status, refused.body) == (403, b"refused")
    assert site.ask("/page.py?wait=1").body == b"page\n"
    site.wait_for_log("middleware for responses must not wait")


def test_a_task_that_exits_does_not_end_the_worker(site: Site) -> None:
    source = """
        import asyncio
        async def leave():
            exit()
        async def main():
            task = asyncio.create_task(leave())
            await asyncio.wait([task])
            print("goes on")
        run(main())
        """
    write_page(site, "leaving.py", source)
    assert site.ask("/leaving.py").body == b"goes on\n"
    site.wait_for_log("a task of a page has called exit")
    write_page(site, "counted.py", "print(__globals__.hooks)")
    assert site.ask("/counted.py").body == b"['started']\n"


def test_a_change_lets_another_worker_take_over(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with start_pages(tmp_path_factory.mktemp("changed")) as site:
        source = """
            from httpout import app
            VALUE = 1
            @app.on_worker_stop
            async def stop():
                open("stopped", "w").close()
            """
        file = write_page(site, "__globals__.py", source)
        # Before the server looked: it was not there when it started.
        site.wait_for_log("has changed: another worker takes over")
        write_page(site, "value.py", "print(__globals__.VALUE)")
        wait_for_body(site, "/value.py", b"1\n")
        file.write_text("VALUE = 3")
        wait_for_body(site, "/value.py", b"3\n")
        deadline = time.monotonic() + PATIENCE
        while not file.with_name("stopped").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_no_page_runs_while_it_fails(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("failing")
    (folder / "htdocs").mkdir()
    # Who asks for a password is not there, nor anybody else behind the failure.
    file = folder / "htdocs/__globals__.py"
    file.write_text("from httpout import app\nimport missing_here\n@app.on_request")
    with start_pages(folder) as site:
        write_page(site, "page.py", "print('secret')")
        text = b"<ul><li>GlobalsError: __globals__.py has failed: SyntaxError: "
        assert site.ask("/page.py").body.startswith(text)
        file.write_text("from httpout import app\nimport missing_here")
        text = b"<ul><li>GlobalsError: __globals__.py has failed: ModuleNotFoundError: "
        wait_for_body(site, "/page.py", text + b"No module named ")
        write_page(site, "file.txt", "secret")
        for target in ("/page.py", "/file.txt", "/missing.txt"):
            reply = site.ask(target)
            assert reply.status == 500
            assert b"secret" not in reply.body
        site.wait_for_log(f"{file} has failed: no page runs until it is mended")
        file.unlink()
        wait_for_body(site, "/page.py", b"secret\n")
        assert site.ask("/file.txt").body == b"secret"


def wait_for_body(site: Site, target: str, body: bytes) -> None:
    deadline = time.monotonic() + PATIENCE
    while not site.ask(target).body.startswith(body):
        assert time.monotonic() < deadline
        time.sleep(0.05)
