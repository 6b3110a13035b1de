"""Pages through a live server: what they print is the body."""

from collections.abc import Iterator

import pytest

from tests.live_site import Site
from tests.page_site import start_pages, write_page

HTML = "text/html; charset=utf-8"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_pages(tmp_path_factory.mktemp("pages")) as site:
        yield site


def test_what_a_page_prints_is_the_body(site: Site) -> None:
    write_page(site, "hello.py", "print('Content-Type: text/plain')\nprint('<b>ä</b>')")
    reply = site.ask("/hello.py")
    assert (reply.status, reply.get("Content-Type")) == (200, HTML)
    assert reply.body.decode() == "Content-Type: text/plain\n<b>ä</b>\n"
    # It has ended at once: one write.
    assert reply.get("Content-Length") == str(len(reply.body))


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


NAMES = [
    pytest.param("/page.py", 200, id="page"),
    pytest.param("/style.css", 200, id="static file"),
    pytest.param("/_part.py", 404, id="part of pages"),
    pytest.param("/_part.css", 404, id="static part"),
    pytest.param("/data.sqlite3", 403, id="unknown type"),
    pytest.param("/data", 403, id="no type"),
    pytest.param("/.env", 403, id="hidden"),
    pytest.param("/.well-known/security.txt", 200, id="well-known"),
    pytest.param("/folder/", 200, id="index"),
    pytest.param("/missing.py", 404, id="missing"),
]


@pytest.mark.parametrize(("target", "status"), NAMES)
def test_what_is_a_page_and_what_is_sent(site: Site, target: str, status: int) -> None:
    for name in ("page.py", "_part.py", "_part.css", "style.css", "data.sqlite3"):
        write_page(site, name, "")
    for name in ("data", ".env", ".well-known/security.txt", "folder/index.py"):
        write_page(site, name, "")
    assert site.ask(target).status == status


def test_an_extra_path_becomes_path_info(site: Site) -> None:
    source = "import os\nprint(os.environ['SCRIPT_NAME'], os.environ['PATH_INFO'])"
    write_page(site, "path.py", source)
    assert site.ask("/path.py/a/b").body == b"/path.py /a/b\n"
