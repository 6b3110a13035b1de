"""What clients get of what scripts print, through a live server (RFC 3875 section 6).

The rows are those of the decision table; how output is parsed is in
test_cgi_output.py.  What scripts are told is in test_cgi_live.py.
"""

import http.client
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.live_site import CGI_BIN, CONFIG, HTDOCS, Reply, Site, start_site

SAY = "/cgi-bin/say.py?"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory.mktemp("site")) as site:
        yield site


def find_run_id(reply: Reply) -> str:
    match = re.search(rb"Request ([0-9a-f]+)", reply.body)
    assert match, reply.body
    return match[1].decode()


# Documents

TEXT = ("Content-Type", "text/plain")


@pytest.mark.parametrize(
    ("output", "status", "reason", "fields", "body"),
    [
        pytest.param(
            b"Content-Type: text/plain\n\nbody",
            200,
            "OK",
            [TEXT],
            b"body",
            id="document",
        ),
        pytest.param(
            b"Status: 404 Gone fishing\nContent-Type: text/plain\n\nbody",
            *(404, "Gone fishing", [TEXT], b"body"),
            id="status with a reason",
        ),
        pytest.param(
            b"Status: 201\nLocation: /new\n\nx",
            *(201, "Created", [("Location", "/new")], b"x"),
            id="201 and Location",
        ),
        pytest.param(
            b"Location: http://x/\nStatus: 302 Found\nContent-Type: text/plain\n\nbody",
            *(302, "Found", [TEXT, ("Location", "http://x/")], b"body"),
            id="redirect with a document",
        ),
        pytest.param(
            b"Location: /y\nStatus: 302\n\n",
            *(302, "Found", [("Location", "/y")], b""),
            id="local path with a status goes to the client",
        ),
        pytest.param(b"Status: 204\n\ndropped", 204, "No Content", [], b"", id="204"),
        pytest.param(
            b'Status: 304\nETag: "a"\nContent-Type: text/plain\n\ndropped',
            *(304, "Not Modified", [("ETag", '"a"')], b""),
            id="304",
        ),
        pytest.param(
            b"X-A: 1\n\nbody", 200, "OK", [("X-A", "1")], b"body", id="no type"
        ),
        pytest.param(
            b"Content-Type: text/plain\r\n\r\na\r\nb",
            *(200, "OK", [TEXT], b"a\r\nb"),
            id="CRLF",
        ),
        pytest.param(
            b"X-A: 1\r\nContent-Type: text/plain\n\r\nb",
            *(200, "OK", [TEXT, ("X-A", "1")], b"b"),
            id="mixed line ends",
        ),
        pytest.param(
            b"\nContent-Type: text/plain\n\nb",
            *(200, "OK", [], b"Content-Type: text/plain\n\nb"),
            id="blank line first: all is content",
        ),
        pytest.param(
            b"Set-Cookie: a=1\nSet-Cookie: b=2\n\n",
            *(200, "OK", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b""),
            id="cookies",
        ),
        pytest.param(
            b"Content-Type: a/a\nContent-Type: text/plain\nX-A: 1\nX-A: 2\n\n",
            *(200, "OK", [TEXT, ("X-A", "1"), ("X-A", "2")], b""),
            id="repeated fields",
        ),
        pytest.param(
            b"Content-Length: 1\nTransfer-Encoding: chunked\n\nbody",
            *(200, "OK", [], b"body"),
            id="framing is ours",
        ),
        pytest.param(
            b"Keep-Alive: 1\nUpgrade: h2c\nTE: x\nTrailer: x\nProxy-A: 1\n"
            b"X-CGI-A: 1\n\n",
            *(200, "OK", [], b""),
            id="fields of the connection",
        ),
        pytest.param(
            b"X-Bad: a\x00b\nX-Worse: a\rSet-Cookie: x\nX-Good: 1\n\n",
            *(200, "OK", [("X-Good", "1")], b""),
            id="control characters",
        ),
        pytest.param(b"X-A : 1\n\n", 200, "OK", [], b"", id="blank before the colon"),
        pytest.param(
            b"X-A: 1\n two\n\n", 200, "OK", [("X-A", "1 two")], b"", id="folded line"
        ),
        pytest.param(
            b"<!--: spam\nContent-Type: text/plain\n\nb",
            *(200, "OK", [TEXT], b"b"),
            id="cgitb",
        ),
        pytest.param(
            b"X-A: \xc3\xa9\n\n", 200, "OK", [("X-A", "\xc3\xa9")], b"", id="UTF-8"
        ),
        pytest.param(
            b"Location: rel.html\n\n",
            *(302, "Found", [("Location", "rel.html")], None),
            id="relative",
        ),
        pytest.param(
            b"Location: http://x/?a=<b>\nSet-Cookie: a=1\nContent-Length: 9\n\ndropped",
            *(302, "Found", [("Location", "http://x/?a=<b>"), ("Set-Cookie", "a=1")]),
            None,
            id="client redirect",
        ),
        pytest.param(
            b"Status: 200\nLocation: http://x/\n\n",
            *(302, "Found", [("Location", "http://x/")], None),
            id="redirect although 200",
        ),
    ],
)
def test_document(
    site: Site,
    output: bytes,
    status: int,
    reason: str,
    fields: list[tuple[str, str]],
    body: bytes | None,
) -> None:
    reply = site.say(output)
    ours = {"date", "server", "content-length", "x-site", "x-frame-options"}
    passed = [field for field in reply.fields if field[0].lower() not in ours]
    assert (reply.status, reply.reason) == (status, reason)
    # Ours, or none if the content is chunked; never that of the script.
    assert reply.all("Content-Length") in ([], [str(len(reply.body))])
    if body is None:  # a page of ours
        assert passed == [*fields, ("Content-Type", "text/html; charset=utf-8")]
        assert b"dropped" not in reply.body
        assert b"<b>" not in reply.body
    else:
        assert passed == fields
        assert reply.body == body


@pytest.mark.parametrize("name", ["Date", "Server"])
def test_our_clock_and_name_win(site: Site, name: str) -> None:
    reply = site.say(f"{name}: mine\n\n".encode())
    assert reply.get(name) not in (None, "mine")


def test_connection_close_is_honored(site: Site) -> None:
    with site.open() as client:
        client.send(SAY + quote("Connection: close\n\nbody"))
        answer = client.receive_all()  # the server closes
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(b"\r\n\r\nbody")


def test_response_to_an_old_client_ends_with_the_connection(site: Site) -> None:
    with site.open() as client:
        client.send("/cgi-bin/head.py?/dev/null", version="HTTP/1.0")
        answer = client.receive_all()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert len(body) == 64 * 8192


# What is no response

LONG = b"X-A: " + b"a" * 5000 + b"\n\n"


@pytest.mark.parametrize(
    ("output", "status", "logged"),
    [
        pytest.param(b"", 500, "end of script output before headers", id="nothing"),
        pytest.param(
            b"Content-Type: text/plain\n",
            *(500, "premature end of script headers"),
            id="no blank line",
        ),
        pytest.param(
            b"<html>\n\nStatus: 404\n",
            *(500, "malformed header from script: <html>"),
            id="no colon",
        ),
        pytest.param(
            b"text\nStatus: 404\n\n", 500, "malformed header", id="late status"
        ),
        pytest.param(b"Status: abc\n\n", 500, "invalid status", id="status abc"),
        pytest.param(b"Status: 99\n\n", 500, "invalid status", id="status 99"),
        pytest.param(b"Status: 1000\n\n", 500, "invalid status", id="status 1000"),
        pytest.param(LONG, 502, "header section above 4096 bytes", id="too long"),
    ],
)
def test_what_is_no_response_is_an_error_page_and_a_log_line(
    site: Site, output: bytes, status: int, logged: str
) -> None:
    reply = site.say(output)
    assert reply.status == status
    run_id = find_run_id(reply)
    pattern = rf"\[127\.0\.0\.1 /cgi-bin/say\.py {run_id}\] {status}: {logged}"
    assert "[error]" in site.wait_for_log(rf".*{pattern}.*\n").group()


def test_warnings_about_a_header_section_are_logged(site: Site) -> None:
    site.say(b"X-Warned : 1\n\n")
    assert "[warning]" in site.wait_for_log(r".*dropped field X-Warned.*\n").group()


def test_what_a_script_prints_cannot_forge_a_log_line(site: Site) -> None:
    site.say(b"forged\r\x1b[2J\xe2\x80\xa8 line\n\n")
    line = site.wait_for_log(r".*forged.*\n").group()
    assert r"forged\r\x1b[2J" in line
    assert line.count("\n") == 1


# Local redirects


def test_local_redirect_answers_with_a_get_of_the_other_page(site: Site) -> None:
    location = (
        b"Location: /cgi-bin/environ.py/extra?a=1+%20\nSet-Cookie: s=1\n\ndropped"
    )
    with site.open() as client:
        client.send(SAY.rstrip("?"), "X-A: 1", method="POST", body=location)
        reply = client.receive("POST")
    assert reply.status == 200
    assert reply.get("Set-Cookie") == "s=1"
    assert b"dropped" not in reply.body
    for part in (
        rb'"REQUEST_METHOD": "GET"',
        rb'"QUERY_STRING": "a=1\+%20"',
        rb'"PATH_INFO": "/extra"',
        rb'"REDIRECT_STATUS": "200"',
        rb'"REDIRECT_URL": "/cgi-bin/say.py"',
        rb'"REQUEST_URI": "/cgi-bin/say.py"',
        rb'"HTTP_X_A": "1"',
        rb'"stdin": ""',
    ):
        assert re.search(part, reply.body), reply.body
    assert b"CONTENT_LENGTH" not in reply.body


def test_local_redirect_tells_the_query_that_led_to_it(site: Site) -> None:
    output = quote("Location: /cgi-bin/environ.py#part\n\n")
    reply = site.ask(SAY + output)
    assert f'"REDIRECT_QUERY_STRING": "{output}"'.encode() in reply.body
    assert b'"QUERY_STRING": ""' in reply.body


def test_request_uri_stays_that_of_the_client_over_two_redirects(site: Site) -> None:
    first = f"{SAY}{quote('Location: /cgi-bin/environ.py' + chr(10) * 2)}"
    sent = f"{SAY}{quote(f'Location: {first}' + chr(10) * 2)}"
    reply = site.ask(sent)
    assert f'"REQUEST_URI": "{sent}"'.encode() in reply.body
    assert b'"REDIRECT_URL": "/cgi-bin/say.py"' in reply.body
    query = first.partition("?")[2]
    assert f'"REDIRECT_QUERY_STRING": "{query}"'.encode() in reply.body


def test_local_redirect_to_a_static_file(site: Site) -> None:
    reply = site.say(b"Location: /page.html\nSet-Cookie: a=1\n\n", method="POST")
    assert (reply.status, reply.body) == (200, b"a page\n")
    assert reply.get("Content-Type") == "text/html; charset=utf-8"
    assert reply.get("Set-Cookie") == "a=1"


def test_local_redirect_keeps_conditions(site: Site) -> None:
    etag = site.ask("/page.html").get("ETag")
    reply = site.say(b"Location: /page.html\n\n", f"If-None-Match: {etag}")
    assert reply.status == 304


def test_local_redirect_to_a_folder(site: Site) -> None:
    reply = site.say(b"Location: /folder\n\n")
    assert (reply.status, reply.get("Location")) == (301, "/folder/")


def test_local_redirect_to_a_missing_page_is_not_found(site: Site) -> None:
    for location in (b"/missing", b"/a%2Fb"):
        reply = site.say(b"Location: " + location + b"\n\n")
        assert (reply.status, reply.body) == (404, b"<p>our own 404\n")


def test_local_redirect_may_have_a_blank(site: Site) -> None:
    reply = site.say(b"Location: /cgi-bin/environ.py/a b\n\n")
    assert b'"PATH_INFO": "/a b"' in reply.body


@pytest.mark.parametrize("path", ["/%zz", "/../x", "/a\tb"])
def test_local_redirect_to_nonsense_is_the_fault_of_the_script(
    site: Site, path: str
) -> None:
    assert site.say(f"Location: {path}\n\n".encode()).status == 500


def test_ten_local_redirects_are_followed_and_eleven_are_a_loop(site: Site) -> None:
    assert site.ask("/cgi-bin/hop.py?10").body == b"arrived\n"
    reply = site.ask("/cgi-bin/hop.py?11")
    assert reply.status == 500
    site.wait_for_log(rf"{find_run_id(reply)}\] 500: more than 10 local redirects")


# Early hints


def test_early_hints_are_sent_at_once_but_not_to_old_clients(site: Site) -> None:
    output = b"Status: 103\nLink: </a.css>\n\nStatus: 100\n\nX-A: 1\n\nbody"
    target = f"{SAY}{quote(output)}"
    with site.open() as client:
        client.send(target, "Connection: close")
        answer = client.receive_all()
    assert answer.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
    assert answer.count(b"HTTP/1.1") == 2
    assert b"HTTP/1.1 200 OK\r\n" in answer
    with site.open() as client:
        client.send(target, version="HTTP/1.0")
        answer = client.receive_all()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"103" not in answer


# Conditions on a script's own validators

VALIDATORS = b'ETag: "a"\nLast-Modified: Sun, 06 Nov 1994 08:49:37 GMT\n'


@pytest.mark.parametrize(
    ("field", "status"),
    [
        pytest.param('If-None-Match: "b", "a"', 304, id="tag matches"),
        pytest.param('If-None-Match: "b"', 200, id="tag differs"),
        pytest.param("If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304, id="old"),
        pytest.param("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 200, id="new"),
        pytest.param('If-Match: "b"', 412, id="demand not met"),
        pytest.param('If-Match: "a"', 200, id="demand met"),
    ],
)
def test_conditions_are_judged_by_the_validators_of_a_script(
    site: Site, field: str, status: int
) -> None:
    output = VALIDATORS + b"Content-Type: text/plain\nX-A: 1\n\nbody"
    reply = site.say(output, field)
    assert reply.status == status
    if status == 304:
        assert reply.get("ETag") == '"a"'
        assert reply.get("X-A") == "1"
        assert reply.get("Content-Type") is None
    # A script that sets a status has judged for itself, and so has one that acted.
    assert site.say(b"Status: 200\n" + output, field).status == 200
    assert site.say(output, field, method="POST").status == 200


# X-Sendfile


@pytest.mark.parametrize(
    "name", ["X-Sendfile", "X-Accel-Redirect", "X-Lighttpd-Send-File"]
)
def test_a_file_is_sent_instead_of_the_output(site: Site, name: str) -> None:
    output = (
        f"{name}: {HTDOCS}/page.html\nContent-Type: text/x\nETag: mine\n"
        "Content-Disposition: attachment\n\ndropped"
    ).encode()
    reply = site.say(output)
    assert (reply.status, reply.body) == (200, b"a page\n")
    assert reply.get("Content-Type") == "text/x"
    assert reply.get("Content-Disposition") == "attachment"
    assert reply.get("ETag") not in (None, "mine")
    assert reply.get(name) is None
    assert site.say(output, "Range: bytes=2-5").body == b"page"
    assert site.say(output, f"If-None-Match: {reply.get('ETag')}").status == 304
    posted = site.say(output, "If-None-Match: *", method="POST")
    assert (posted.status, posted.body) == (200, b"a page\n")


def test_a_file_is_sent_whole_with_the_status_of_the_script(site: Site) -> None:
    output = f"Status: 410 Sold out\nX-Sendfile: {HTDOCS}/page.html\n\n".encode()
    reply = site.say(output, "Range: bytes=0-1", "If-None-Match: *")
    assert (reply.status, reply.reason, reply.body) == (410, "Sold out", b"a page\n")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/etc/passwd", 403, id="outside"),
        pytest.param(f"{HTDOCS}/../../../conftest.py", 403, id="outside by dots"),
        pytest.param("page.html", 404, id="relative"),
        pytest.param(f"{HTDOCS}/missing", 404, id="missing"),
        pytest.param(f"{HTDOCS}/folder", 403, id="folder"),
        pytest.param(f"{CGI_BIN}/plain.txt", 200, id="below a script mount"),
    ],
)
def test_only_files_of_the_site_are_sent(site: Site, path: str, status: int) -> None:
    assert site.say(f"X-Sendfile: {path}\n\n".encode()).status == status


# Errors


def test_error_page_and_log_have_the_same_id(site: Site) -> None:
    reply = site.ask("/cgi-bin/fail.py")
    assert reply.status == 500
    assert reply.get("Content-Type") == "text/html; charset=utf-8"
    for hidden in (b"Traceback", b"RuntimeError", b"alert", b"cgi-bin"):
        assert hidden not in reply.body
    tag = rf"\[127\.0\.0\.1 /cgi-bin/fail\.py {find_run_id(reply)}\]"
    site.wait_for_log(rf"{tag} Traceback \(most recent call last\):")
    site.wait_for_log(rf"{tag} RuntimeError: <script>alert\(1\)</script>")
    site.wait_for_log(rf"{tag} 500: end of script output before headers")


def test_cgitb_shows_its_page(site: Site) -> None:
    reply = site.ask("/cgi-bin/traceback_page.py")
    assert reply.status == 200
    assert b"ZeroDivisionError" in reply.body


def test_cgitb_prints_a_header_section_of_its_own(site: Site) -> None:
    reply = site.ask("/cgi-bin/traceback_early.py")
    assert reply.status == 200
    assert reply.get("Content-Type") == "text/html"
    assert b"ZeroDivisionError" in reply.body


def test_debug_shows_the_traceback_escaped(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    config = f"debug: true\n{CONFIG}"
    with start_site(tmp_path_factory.mktemp("debug"), config) as site:
        reply = site.ask("/cgi-bin/fail.py")
    assert reply.status == 500
    assert b"RuntimeError: &lt;script&gt;alert(1)&lt;/script&gt;" in reply.body
    assert b"<script>" not in reply.body


def test_the_settings_are_never_sent(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("settings")
    config = CONFIG.replace(f"docroot: {HTDOCS}", f"docroot: {folder}")
    with start_site(folder, config) as site:
        assert site.ask("/config.yaml").status == 403
        sent = site.say(f"X-Sendfile: {folder}/config.yaml\n\n".encode())
        (folder / "link").symlink_to("config.yaml")
        linked = site.ask("/link")
    assert sent.status == 403
    assert linked.status == 403


def test_a_run_over_its_time_limit_is_a_gateway_timeout(site: Site) -> None:
    reply = site.ask("/short/slow.py")
    assert reply.status == 504
    tag = rf"\[127\.0\.0\.1 /short/slow\.py {find_run_id(reply)}\]"
    site.wait_for_log(rf"{tag} 504: over the time limit of 1 s")


@pytest.mark.parametrize(
    ("version", "error"),
    [
        pytest.param("HTTP/1.1", http.client.IncompleteRead, id="no last chunk"),
        pytest.param("HTTP/1.0", ConnectionResetError, id="reset"),
    ],
)
def test_a_time_limit_within_the_content_cuts_the_connection(
    site: Site, version: str, error: type[Exception]
) -> None:
    with site.open() as client:
        target = f"/short/slow.py?{quote('X-A: 1' + chr(10) * 2 + 'partial')}"
        client.send(target, version=version)
        response = client.begin()
        assert response.status == 200
        assert response.read(7) == b"partial"
        with pytest.raises(error):
            response.read()
    site.wait_for_log(r"/short/slow\.py \w+\] 504: .*; the response is cut off")
