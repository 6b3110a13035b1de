"""Middleware of pages is asked about all that is in their folder, pages or not.

Who comes from httpout has closed downloads that way (CWE-862).
"""

import gzip
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live import PATIENCE
from tests.live_site import Client, Site
from tests.page_site import start_pages, write_page

PASS = "X-Pass: yes"
FAILED = b"<ul><li>ValueError: middleware has failed</li></ul>\n"

# The docroot as pages, and other ways to the same files.
SETTINGS = """
    docroot: htdocs
    index: [index.py, index.html]
    listing: true
    aliases: {/other/: htdocs/sub, /links/: links, /all/: .}
    error_pages: {403: /lost.py, 404: /missing.html}
    cache_control: {"*.css": max-age=60}
    scripts:
      - {url: /cgi-bin/, path: cgi-bin}
      - {url: /, path: htdocs, match: ["*.py"], output: page}
"""
CONFIG = f"""\
listen: ["127.0.0.1:0"]
threads: 4
sites:
  - hosts: [closed.example]
    access: {{deny: [127.0.0.1]}}{SETTINGS}
  - hosts: [open.example]
    access: {{allow: [127.0.0.1]}}{SETTINGS}
  - hosts: ["*"]{SETTINGS}
"""

GLOBALS = """
import asyncio
import os
from httpout import app

asked = []

async def wait_for(path):
    while not os.path.exists(path):
        await asyncio.sleep(0.01)

@app.on_request
async def guard(request, response):
    asked.append(request.path.decode())
    if b"x-pass" not in request.headers:
        response.set_status(401)
        response.set_header("WWW-Authenticate", "Basic realm=x")
        return "who are you?"
    if "gate" in request.query:
        await wait_for(request.query["gate"][0])
    response.set_header("X-Asked", request.environ["SCRIPT_NAME"])
    response.set_header("X-File", request.environ["SCRIPT_FILENAME"])
    response.set_header("ETag", "mine")
    response.set_header("Cache-Control", "private")
    response.append_header("Vary", "Cookie")

@app.on_request
def look(request, response):
    what = request.query_string.decode()
    if what == "raise":
        raise ValueError("middleware has failed")
    if what == "exit":
        exit("that is all")
    if what == "print":
        print("printed")
    if what == "empty":
        return b""
    if what.isdigit():
        response.set_status(int(what))
    if what == "sendfile":
        response.set_header("X-Sendfile", os.path.abspath("b.txt"))
    if what == "import":
        import names
        response.set_header("X-Names", names.__file__)
    if "behind" in request.query:
        from httpout import run
        run(wait_for(request.query["behind"][0]))

@app.on_response
def sign(response):
    response.append_header("X-Signed", "yes")
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("files")
    for name in (
        *("a.txt", "b.txt", "sub/index.html", "sub/deep.txt", "list/one.txt"),
        *(".hidden", ".well-known/x.txt", "favicon.ico", "_part.txt", "missing.html"),
        *("style.css", "__globals__.py", "names.py", "sub/names.py"),
    ):
        path = folder / "htdocs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"content of {name}")
    (folder / "htdocs/__globals__.py").write_text(GLOBALS)
    packed = gzip.compress(b"content of style.css", 9)
    (folder / "htdocs/style.css.gz").write_bytes(packed[:30])
    for name in ("names.py", "sub/names.py"):
        (folder / "htdocs" / name).write_text("")
    (folder / "links").mkdir()
    (folder / "links/a.txt").symlink_to(folder / "htdocs/a.txt")
    (folder / "links/sub").symlink_to(folder / "htdocs/sub")
    (folder / "links/list").symlink_to(folder / "htdocs/list")
    (folder / "links/own.txt").write_text("not among pages")
    (folder / "htdocs/out.txt").symlink_to("../links/own.txt")
    (folder / "links/chain.txt").symlink_to("../htdocs/out.txt")
    with start_pages(folder, CONFIG) as site:
        site.write(
            "go.py", "import os\nprint(f'Location: {os.environ[\"PATH_INFO\"]}\\n')"
        )
        write_page(site, "asked.py", "print(*__globals__.asked)")
        source = """
            from httpout import response
            response.set_header("X-Sendfile", __file__.replace("send.py", "a.txt"))
            """
        write_page(site, "send.py", source)
        yield site


def list_asked(site: Site) -> list[str]:
    return site.ask("/asked.py", PASS).body.decode().split()


@pytest.mark.parametrize(
    "target",
    [
        *("/a.txt", "/%61.txt", "/sub/../a.txt", "//a.txt", "/a.txt?b", "/a.txt/"),
        *("/sub", "/sub/", "/sub/index.html", "/sub/deep.txt", "/list", "/list/"),
        *("/missing.txt", "/missing/", "/.hidden", "/_part.txt", "/__globals__.py"),
        *("/.well-known/x.txt", "/favicon.ico", "/style.css", "/style.css.gz"),
        *("/missing.html", "/other/deep.txt", "/other/", "/links/a.txt", "/links/sub/"),
        *("/links/list/", "/links/sub/deep.txt", "/all/htdocs/a.txt", "/all/htdocs/"),
        *("/other/missing", "/links/sub/missing", "/links/sub", "/all/htdocs/missing"),
        *("/out.txt", "/all/htdocs/out.txt", "/links/chain.txt"),
        *("http://localhost/a.txt", "/asked.py"),
    ],
)
def test_there_is_no_way_around_middleware(site: Site, target: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS", "POST"):
        reply = site.ask(target, method=method)
        assert reply.status == 401, (method, reply)
        assert reply.body == (b"" if method == "HEAD" else b"who are you?")
        assert reply.get("WWW-Authenticate") == "Basic realm=x"
        assert reply.all("X-Signed") == ["yes"]


def test_a_local_redirect_is_no_way_around_middleware(site: Site) -> None:
    assert site.ask("/cgi-bin/go.py/a.txt").status == 401
    assert site.ask("/cgi-bin/go.py/a.txt", PASS).body == b"content of a.txt"


def test_what_is_not_among_pages_is_not_asked_about(site: Site) -> None:
    assert site.ask("/links/own.txt").body == b"not among pages"
    reply = site.ask("/cgi-bin/go.py/links/own.txt")
    assert reply.body == b"not among pages"


def test_what_may_pass_is_sent_with_the_fields_of_middleware(site: Site) -> None:
    reply = site.ask("/a.txt", PASS)
    assert (reply.status, reply.body) == (200, b"content of a.txt")
    assert reply.get("Content-Type") == "text/plain; charset=utf-8"
    assert reply.get("X-Asked") == "/a.txt"
    assert reply.get("X-File") == str(site.folder / "htdocs/a.txt")
    assert reply.get("X-Signed") == "yes"
    tag = reply.get("ETag")
    assert tag != "mine"
    head = site.ask("/a.txt", PASS, method="HEAD")
    assert (head.status, head.body, head.fields[1:]) == (200, b"", reply.fields[1:])
    part = site.ask("/a.txt", PASS, "Range: bytes=1-3")
    assert (part.status, part.body, part.get("X-Asked")) == (206, b"ont", "/a.txt")
    same = site.ask("/a.txt", PASS, f"If-None-Match: {tag}")
    assert (same.status, same.body, same.get("X-Asked")) == (304, b"", "/a.txt")
    assert same.get("Content-Type") is None
    options = site.ask("/a.txt", PASS, method="OPTIONS")
    assert (options.status, options.get("Allow")) == (204, "GET, HEAD, OPTIONS")
    assert site.ask("/a.txt", PASS, method="POST", body=b"x").status == 405


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        pytest.param("/sub/", 200, b"content of sub/index.html", id="index"),
        pytest.param("/sub", 301, b"/sub/", id="redirect"),
        pytest.param("/list/", 200, b"one.txt", id="listing"),
        pytest.param("/other/deep.txt", 200, b"content of sub/deep.txt", id="alias"),
        pytest.param("/links/a.txt", 200, b"content of a.txt", id="link"),
    ],
)
def test_what_else_may_pass(site: Site, target: str, status: int, body: bytes) -> None:
    reply = site.ask(target, PASS)
    assert reply.status == status
    assert body in reply.body
    assert reply.get("X-Signed") == "yes"
    name = f"{target}index.html" if target == "/sub/" else target
    assert reply.get("X-Asked") == name


def test_caches_are_told_what_middleware_says(site: Site) -> None:
    plain = site.ask("/style.css", PASS)
    assert plain.get("Cache-Control") == "private"
    assert plain.all("Vary") == ["Cookie", "Accept-Encoding"]
    packed = site.ask("/style.css", PASS, "Accept-Encoding: gzip")
    assert packed.get("Content-Encoding") == "gzip"
    assert packed.get("Content-Type") == "text/css; charset=utf-8"
    assert packed.get("X-Signed") == "yes"


@pytest.mark.parametrize(
    ("query", "status", "body"),
    [
        pytest.param("raise", 500, FAILED, id="raise"),
        pytest.param("exit", 200, b"that is all\n", id="exit"),
        pytest.param("print", 200, b"printed\n", id="print"),
        pytest.param("empty", 200, b"", id="empty"),
        pytest.param("202", 202, b"content of a.txt", id="status"),
        pytest.param("404", 404, b"content of a.txt", id="status of an error"),
        pytest.param("204", 204, b"", id="status without content"),
        pytest.param("sendfile", 200, b"content of b.txt", id="X-Sendfile"),
    ],
)
def test_what_middleware_may_do(
    site: Site, query: str, status: int, body: bytes
) -> None:
    reply = site.ask(f"/a.txt?{query}", PASS, "If-None-Match: W/none")
    assert (reply.status, reply.body) == (status, body)
    assert reply.get("X-Signed") == "yes"
    if query == "print":
        site.wait_for_log(r"/a.txt \w+\] middleware has printed: that is sent")


def test_a_file_with_a_status_of_its_own_is_whole(site: Site) -> None:
    reply = site.ask("/a.txt?202", PASS, "Range: bytes=1-3", "If-None-Match: *")
    assert (reply.status, reply.body) == (202, b"content of a.txt")
    assert site.ask("/a.txt?202", PASS, method="DELETE").status == 405


def test_a_file_does_not_wait_for_what_middleware_has_begun(
    site: Site, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    reply = site.ask(f"/a.txt?behind={gate}", PASS)
    assert reply.body == b"content of a.txt"
    gate.touch()


def test_what_middleware_imports_is_not_beside_the_file(site: Site) -> None:
    reply = site.ask("/sub/deep.txt?import", PASS)
    assert reply.get("X-Names") == str(site.folder / "htdocs/names.py")


def test_a_page_has_been_asked_about_what_it_sends(site: Site) -> None:
    before = len(list_asked(site))
    assert site.ask("/send.py", PASS).body == b"content of a.txt"
    assert list_asked(site)[before:] == ["/send.py", "/asked.py"]


def test_everybody_may_see_an_error_page(site: Site) -> None:
    before = len(list_asked(site))
    reply = site.ask("/missing.txt", PASS)
    assert (reply.status, reply.body) == (404, b"content of missing.html")
    assert list_asked(site)[before:] == ["/missing.txt", "/asked.py"]


def test_an_error_page_that_is_a_page_follows_middleware(site: Site) -> None:
    write_page(site, "lost.py", "print('lost', __server__['REDIRECT_URL'])")
    reply = site.ask("/.hidden", PASS)
    assert (reply.status, reply.body) == (403, b"lost /.hidden\n")
    assert site.ask("/.hidden").status == 401


def test_rules_of_access_come_first(site: Site) -> None:
    before = len(list_asked(site))
    assert site.ask("/a.txt", PASS, "Host: closed.example").status == 403
    assert list_asked(site)[before:] == ["/asked.py"]
    assert site.ask("/a.txt", "Host: open.example").status == 401
    assert site.ask("/a.txt", PASS, "Host: open.example").status == 200


def test_many_at_once_and_who_leaves(site: Site, tmp_path: Path) -> None:
    """More than there are threads: all wait for the gate."""
    gate = tmp_path / "gate"
    target = f"/a.txt?gate={gate}"
    gone = [site.open() for _ in range(4)]
    for client in gone:
        client.send(target, PASS)
    leave(gone)
    with ThreadPoolExecutor(12) as pool:
        replies = [pool.submit(site.ask, target, PASS) for _ in range(12)]
        refused = [pool.submit(site.ask, target) for _ in range(12)]
        gate.touch()
        assert {one.result().body for one in replies} == {b"content of a.txt"}
        assert {one.result().status for one in refused} == {401}
    assert "request failed" not in site.server.stderr.text


def leave(clients: list[Client]) -> None:
    for client in clients:
        client.input.release()
        client.socket.close()


def test_other_settings_do_not_open_anything(site: Site) -> None:
    path = site.folder / "config.yaml"
    path.write_text(CONFIG.replace("listing: true", "headers: {X-New: settings}"))
    deadline = time.monotonic() + PATIENCE
    while site.ask("/a.txt").get("X-New") is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert site.ask("/a.txt").status == 401
    assert site.ask("/list/").status == 401
    assert site.ask("/a.txt", PASS).get("X-New") == "settings"
