"""The sample site: each script as a real CGI child process, and through the server.

The scripts promise to be ordinary: what a child process prints is what the server must
answer.  What they print must be right, too.
"""

import hashlib
import html
import os
import re
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import cgi_child
from tests.cgi_child import CGI_BIN, HTDOCS, Case, post, upload
from tests.live import PATIENCE, ROOT, Answer, Server, serving

CONFIG = """\
listen: ["127.0.0.1:0"]
sites:
  - docroot: {htdocs}
    scripts:
      - url: /cgi-bin/
        path: {cgi_bin}
        environment: {{GUESTBOOK_FOLDER: {guestbook}}}
      - {{url: /pages/, path: {pages}, output: page}}
"""

HOSTILE = '<script>alert("1")</script>'
EVERY_BYTE = bytes(range(256))

CASES = {
    "hello": Case("/cgi-bin/hello.py"),
    "environment": Case("/cgi-bin/environment.py"),
    "environment with an extra path that is not UTF-8": Case(
        "/cgi-bin/environment.py/extra/caf%C3%A9/%FF/?a=1&b=%2F"
    ),
    "environment with search words and a hostile field": Case(
        "/cgi-bin/environment.py?one+two", fields={"X-Color": HOSTILE}
    ),
    "form, empty": Case("/cgi-bin/form.py"),
    "form, GET": Case("/cgi-bin/form.py?name=Ann&drink=tea&drink=water"),
    "form, POST": post(
        "/cgi-bin/form.py", name="Zoë", drink=["tea", "coffee"], message=HOSTILE
    ),
    "upload, empty": Case("/cgi-bin/upload.py"),
    "upload, no file": upload("/cgi-bin/upload.py"),
    "upload, 1.3 MB": upload("/cgi-bin/upload.py", **{"a.bin": EVERY_BYTE * 5000}),
    "upload, two files": upload("/cgi-bin/upload.py", **{"1": b"one", "2": b""}),
    "counter, first visit": Case("/cgi-bin/counter.py"),
    "counter, with a cookie": Case(
        "/cgi-bin/counter.py", fields={"Cookie": "theme=dark; visits=41"}
    ),
    "counter, with nonsense in the cookie": Case(
        "/cgi-bin/counter.py", fields={"Cookie": "visits=many"}
    ),
    "counter, start over": post("/cgi-bin/counter.py"),
    "guestbook, empty": Case("/cgi-bin/guestbook.py"),
    "guestbook, nothing said": post("/cgi-bin/guestbook.py", message=""),
    "progress": Case("/cgi-bin/progress.py?pause=0"),
    "image": Case("/cgi-bin/image.py"),
    "image, another hue": Case("/cgi-bin/image.py?hue=30"),
    "a module, not a script": Case("/cgi-bin/lib/page.py"),
}


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of this file."""
    folder = tmp_path_factory.mktemp("samples")
    config = folder / "config.yaml"
    folders = {"htdocs": HTDOCS, "cgi_bin": CGI_BIN, "pages": ROOT / "samples/pages"}
    config.write_text(CONFIG.format(**folders, guestbook=folder))
    with serving(config) as server:
        yield server


def ask(server: Server, case: Case) -> Answer:
    return server.request(case.target, case.method, case.body, case.fields)


def read_table(page: bytes) -> dict[str, str]:
    """Return the rows of environment.py's table."""
    row = r'<tr><th scope="row" class="mono">(.*)</th><td class="mono">(.*)</td></tr>'
    rows = re.findall(row, page.decode())
    return {name: html.unescape(value) for name, value in rows}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_sample_answers_as_a_child_process_would(
    case: Case, live: Server, tmp_path: Path
) -> None:
    port = urlsplit(live.url).port or 0
    child = cgi_child.run(case, port, {"GUESTBOOK_FOLDER": str(tmp_path)})
    assert child.returncode == 0, child.stderr.decode()
    expected = cgi_child.parse(child.stdout)

    answer = ask(live, case)

    assert (answer.status, answer.reason) == (expected.status, expected.reason), (
        live.stderr.text
    )
    assert expected.fields.items() <= answer.fields.items()
    if case.script == "/cgi-bin/environment.py":
        promised = read_table(expected.body)
        for name in ("PATH", "GUESTBOOK_FOLDER", "LC_CTYPE"):
            promised.pop(name, None)  # PEP 538 sets LC_CTYPE in a child
        assert len(promised) >= 13
        assert promised.items() <= read_table(answer.body).items()
    else:
        assert answer.body == expected.body


def test_hello_is_what_the_front_page_shows(live: Server) -> None:
    source = (CGI_BIN / "hello.py").read_text()

    shown = re.search(
        r"<pre[^>]*><code>(.*?)</code></pre>", live.request("/").text, re.S
    )

    assert shown
    assert html.unescape(shown[1]) == source
    assert live.request("/cgi-bin/hello.py").text == "Hello, World!\n"


def test_every_link_of_the_front_page_answers(live: Server) -> None:
    links = re.findall(r'(?:href|src)="(/[^"]*)"', live.request("/").text)

    statuses = {link: live.request(html.unescape(link)).status for link in links}

    assert len(statuses) >= 13
    assert {link for link, status in statuses.items() if status != 200} == {
        "/cgi-bin/error.py"
    }


def test_every_script_is_on_the_front_page(live: Server) -> None:
    front = live.request("/").text

    missing = [
        path.name
        for path in CGI_BIN.glob("*.py")
        if f'"/cgi-bin/{path.name}' not in front
    ]

    assert not missing


def test_every_script_can_be_executed_by_apache() -> None:
    scripts = sorted(CGI_BIN.glob("*.py"))

    assert len(scripts) >= 10
    assert all(os.access(path, os.X_OK) for path in scripts)
    assert all(
        path.read_bytes().startswith(b"#!/usr/bin/env python3\n") for path in scripts
    )


def test_form_shows_what_was_sent_and_escapes_it(live: Server) -> None:
    answer = ask(live, CASES["form, POST"])

    assert "<td>Zoë</td>" in answer.text
    assert html.escape(HOSTILE) in answer.text
    assert HOSTILE not in answer.text


def test_upload_tells_size_and_digest(live: Server) -> None:
    answer = ask(live, CASES["upload, 1.3 MB"])

    assert "1,280,000" in answer.text
    assert hashlib.sha256(EVERY_BYTE * 5000).hexdigest() in answer.text


def test_counter_goes_on_with_its_own_cookie(live: Server) -> None:
    cookie = live.request("/cgi-bin/counter.py").fields["set-cookie"].split(";")[0]

    second = live.request("/cgi-bin/counter.py", fields={"Cookie": cookie})

    assert second.fields["set-cookie"].startswith("visits=2; ")
    assert '<span class="big">2</span>' in second.text


def test_guestbook_posts_redirects_and_gets_it_escaped(live: Server) -> None:
    posted = ask(live, post("/cgi-bin/guestbook.py", name="Zoë", message=HOSTILE))

    assert (posted.status, posted.body) == (303, b"")
    page = live.request(posted.fields["location"])
    assert "<h3>Zoë</h3>" in page.text
    assert f"<p>{html.escape(HOSTILE)}</p>" in page.text
    assert HOSTILE not in page.text


def test_image_is_a_png_of_its_size(live: Server) -> None:
    png = live.request("/cgi-bin/image.py").body

    width, height = struct.unpack(">II", png[16:24])
    begin = png.index(b"IDAT")
    length = int.from_bytes(png[begin - 4 : begin], "big")
    pixels = zlib.decompress(png[begin + 4 : begin + 4 + length])
    assert (width, height) == (640, 200)
    assert len(pixels) == height * (width + 1)


def test_progress_arrives_while_the_script_still_runs(live: Server) -> None:
    connection = live.connect()
    connection.request("GET", "/cgi-bin/progress.py?pause=100")
    response = connection.getresponse()
    times = [time.monotonic() for line in response if b"<li>Step" in line]
    connection.close()

    # Eleven pauses of 100 ms; half of that leaves room for a busy machine.
    assert len(times) == 12
    assert times[-1] - times[0] > 0.55


def test_redirect_is_answered_with_the_other_script(live: Server) -> None:
    answer = live.request("/cgi-bin/redirect.py")

    table = read_table(answer.body)
    assert answer.status == 200
    assert table["SCRIPT_NAME"] == "/cgi-bin/environment.py"
    assert table["QUERY_STRING"] == "from=redirect"
    assert table["REDIRECT_URL"] == "/cgi-bin/redirect.py"


def test_error_shows_a_run_id_and_logs_the_traceback_under_it(live: Server) -> None:
    answer = live.request("/cgi-bin/error.py")

    assert answer.status == 500
    assert "ZeroDivisionError" not in answer.text
    shown = [
        word for word in re.findall(r"\w{6,}", answer.text) if re.search(r"\d", word)
    ]
    # Under its own: somebody else may have asked for the same page before.
    own = "|".join(shown)
    live.stderr.wait_for(
        rf"error\.py ({own})\] ZeroDivisionError: division by zero", timeout=PATIENCE
    )
