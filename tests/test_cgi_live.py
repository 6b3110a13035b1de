"""What scripts are told and how they are run, through a live server.

RFC 3875 sections 3 to 5 and 7, and the rules that Apache adds; each test names its
section or its variable.  What scripts print is in test_cgi_live_output.py.
"""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpout_cgi import __version__
from tests.live_site import CGI_BIN, CONFIG, HTDOCS, LIVE, Client, Site, start_site

ENVIRON = "/cgi-bin/environ.py"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory.mktemp("site")) as site:
        yield site


# Section 1 of the rules: invocation and Script-URI


NAMES = st.text(
    st.characters(blacklist_categories=("Cc", "Cs"), blacklist_characters="/\\"),
    max_size=12,
).filter(lambda name: name not in (".", ".."))
QUERIES = st.text("".join(chr(code) for code in range(0x21, 0x7F) if code != 0x23))


@settings(max_examples=40, deadline=None, database=None)
@given(names=st.lists(NAMES, max_size=4), query=QUERIES)
def test_script_uri_reproduces_itself(site: Site, names: list[str], query: str) -> None:
    extra = "".join(f"/{quote(name)}" for name in names)
    first = site.see(f"{ENVIRON}{extra}?{query}")["environ"]
    path = first["SCRIPT_NAME"] + first.get("PATH_INFO", "")
    target = f"{quote(os.fsencode(path))}?{first['QUERY_STRING']}"
    second = site.see(target)["environ"]
    parts = ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "PATH_TRANSLATED")
    assert [first.get(part) for part in parts] == [second.get(part) for part in parts]
    assert first["QUERY_STRING"] == query


def test_a_script_starts_when_the_content_is_complete(site: Site) -> None:
    marker = site.folder / "started"
    with site.open() as client:
        target = f"/cgi-bin/touch.py?{marker}"
        client.send(target, "Content-Length: 4", method="POST")
        client.socket.sendall(b"ab")
        # Had it been started, this one behind it would have let it run.
        assert site.ask("/cgi-bin/environ.py").status == 200
        assert not marker.exists()
        client.socket.sendall(b"cd")
        assert client.receive("POST").body == b"started\n"
    assert marker.exists()


@pytest.mark.parametrize(
    ("target", "path_info"),
    [
        pytest.param("//cgi-bin///environ.py", None, id="before the script"),
        pytest.param("/cgi-bin/environ.py//a///b", "/a/b", id="in the extra path"),
        pytest.param("/cgi-bin/environ.py//", "/", id="at the end"),
        pytest.param("/a/../cgi-bin/./environ.py", None, id="dots before the script"),
        pytest.param("/%2e%2E/a".replace("/a", "", 0), "400", id="above the root"),
        pytest.param("/x/%2e%2e/cgi-bin/environ.py", None, id="encoded dots"),
        pytest.param("/cgi-bin/environ.py/a/../b", "/b", id="dots in the extra path"),
        pytest.param("/cgi-bin/environ.py/../environ.py/c", "/c", id="across"),
        pytest.param("/cgi-bin/environ.py/a/..", "/", id="dots at the end"),
    ],
)
def test_path_is_normalized_before_it_is_split(
    site: Site, target: str, path_info: str | None
) -> None:
    if path_info == "400":
        assert site.ask(target).status == 400
        return
    environ = site.see(target)["environ"]
    assert environ["SCRIPT_NAME"] == "/cgi-bin/environ.py"
    assert environ.get("PATH_INFO") == path_info


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param("/../cgi-bin/environ.py", 400, id="above the root"),
        pytest.param("/%2e%2e/etc/passwd", 400, id="above the root, encoded"),
        pytest.param("/cgi-bin/environ.py/../../../x", 400, id="from the extra path"),
        pytest.param("/cgi-bin/environ.py/a%2Fb", 404, id="encoded slash"),
        pytest.param("/cgi-bin/environ.py/a%5cb", 404, id="encoded backslash"),
        pytest.param("/cgi-bin/environ.py/a%00b", 404, id="encoded NUL"),
        pytest.param("/cgi-bin/environ.py/%zz", 400, id="broken escape"),
        pytest.param("/cgi-bin%2fenviron.py", 404, id="slash before the script"),
        pytest.param("/cgi-bin/environ.py/a%0ab", 400, id="line end"),
        pytest.param("/cgi-bin/missing.py", 404, id="no such script"),
        pytest.param("/cgi-bin/plain.txt", 403, id="no script"),
        pytest.param("nonsense", 400, id="neither path nor URL"),
        pytest.param("*", 400, id="asterisk for GET"),
    ],
)
def test_a_path_that_names_no_file_is_refused(
    site: Site, target: str, status: int
) -> None:
    # other.example has no error pages of its own, which would have a status too.
    assert site.ask(target, "Host: other.example").status == status


# Section 2 of the rules: meta-variables


def test_fixed_variables(site: Site) -> None:
    environ = site.see()["environ"]
    expected = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "SERVER_SOFTWARE": f"httpout-cgi/{__version__}",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_ADDR": "127.0.0.1",
        "SERVER_PORT": str(site.port),
        "REMOTE_ADDR": "127.0.0.1",
        "REQUEST_METHOD": "GET",
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": ENVIRON,
        "SCRIPT_NAME": ENVIRON,
        "SCRIPT_FILENAME": str(CGI_BIN / "environ.py"),
        "DOCUMENT_ROOT": str(HTDOCS),
        "CONTEXT_PREFIX": "/cgi-bin/",
        "CONTEXT_DOCUMENT_ROOT": f"{CGI_BIN}/",
        "QUERY_STRING": "",
        "REDIRECT_STATUS": "200",
        "SERVER_SIGNATURE": "",
        "GREETING": "hello",
    }
    assert {name: environ.get(name) for name in expected} == expected
    assert int(environ["REMOTE_PORT"]) > 0
    assert environ["UNIQUE_ID"] != site.see()["environ"]["UNIQUE_ID"]


@pytest.mark.parametrize(
    "name",
    [
        *("AUTH_TYPE", "REMOTE_USER", "REMOTE_IDENT", "REMOTE_HOST"),
        *("HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION", "HTTP_PROXY", "HTTPS"),
        *("CONTENT_LENGTH", "CONTENT_TYPE", "HTTP_CONTENT_LENGTH"),
        *("PATH_INFO", "PATH_TRANSLATED", "HOME", "PYTHONPATH"),
    ],
)
def test_variable_is_not_set_for_a_plain_request(site: Site, name: str) -> None:
    fields = ("Authorization: Basic YTpi", "Proxy-Authorization: Basic YTpi")
    environ = site.see(ENVIRON, *fields, "Proxy: http://evil/")["environ"]
    assert name not in environ


def test_server_software_is_the_server_field(site: Site) -> None:
    reply = site.ask(ENVIRON)
    assert reply.get("Server") == site.see()["environ"]["SERVER_SOFTWARE"]


def test_authorization_is_passed_where_the_mount_says_so(site: Site) -> None:
    seen = site.see("/authorized/environ.py", "Authorization: Basic YTpi")
    assert seen["environ"]["HTTP_AUTHORIZATION"] == "Basic YTpi"
    assert "AUTH_TYPE" not in seen["environ"]
    assert "REMOTE_USER" not in seen["environ"]


@pytest.mark.parametrize("body", [b"", b"abc"], ids=["empty", "three bytes"])
def test_content_length_counts_the_content(site: Site, body: bytes) -> None:
    seen = site.see(ENVIRON, method="POST", body=body)
    assert seen["environ"]["CONTENT_LENGTH"] == str(len(body))
    assert seen["stdin"] == body.decode()
    assert "HTTP_CONTENT_LENGTH" not in seen["environ"]


def test_content_type_has_no_default_and_is_passed_once(site: Site) -> None:
    bare = site.see(ENVIRON, method="POST", body=b"a")["environ"]
    assert "CONTENT_TYPE" not in bare
    typed = ("Content-Type: a/b;c=D", "Content-Type: a/b;c=D")
    environ = site.see(ENVIRON, *typed, method="POST", body=b"a")["environ"]
    assert environ["CONTENT_TYPE"] == "a/b;c=D"
    assert "HTTP_CONTENT_TYPE" not in environ


def test_content_types_that_differ_are_refused(site: Site) -> None:
    fields = ("Content-Type: text/plain", "Content-Type: text/html")
    assert site.ask(ENVIRON, *fields, method="POST", body=b"a").status == 400


@pytest.mark.parametrize(
    ("extra", "path_info"),
    [
        pytest.param("/", "/", id="slash"),
        pytest.param("/a/B/", "/a/B/", id="slash at the end, case"),
        pytest.param("/a%20b%3Fc%23d", "/a b?c#d", id="decoded"),
        pytest.param("/a+b%2Bc", "/a+b+c", id="plus is no blank"),
        pytest.param("/caf%C3%A9", "/café", id="UTF-8"),
        pytest.param("/%FF", "/\udcff", id="not UTF-8"),
        pytest.param("/%25%32%46", "/%2F", id="decoded once"),
        pytest.param("/a;b=c", "/a;b=c", id="parameters"),
        pytest.param("/.hidden", "/.hidden", id="hidden name"),
    ],
)
def test_path_info_is_decoded(site: Site, extra: str, path_info: str) -> None:
    environ = site.see(ENVIRON + extra)["environ"]
    assert environ["PATH_INFO"] == path_info
    assert environ["PATH_TRANSLATED"] == str(HTDOCS) + path_info
    assert environ["SCRIPT_NAME"] == ENVIRON
    assert environ["REQUEST_URI"] == ENVIRON + extra


def test_path_translated_follows_aliases(site: Site) -> None:
    environ = site.see(f"{ENVIRON}/icons/a.png")["environ"]
    assert environ["PATH_TRANSLATED"] == f"{LIVE}/icons/a.png"


@pytest.mark.parametrize(
    "query", ["", "a=1&b=%2F+%zz", "x?y", "a=caf%C3%A9", "%ff=1", "a=1&a=2;c"]
)
def test_query_string_is_raw(site: Site, query: str) -> None:
    seen = site.see(f"{ENVIRON}?{query}")
    assert seen["environ"]["QUERY_STRING"] == query
    assert seen["environ"]["REQUEST_URI"] == f"{ENVIRON}?{query}"


def test_query_string_keeps_bytes_that_are_not_ascii(site: Site) -> None:
    environ = site.see(f"{ENVIRON}?a=\xc3\xa9&b=\xff")["environ"]
    assert environ["QUERY_STRING"] == "a=é&b=\udcff"


FORWARDED = (
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: example.org",
)


def test_an_untrusted_peer_is_not_believed(site: Site) -> None:
    environ = site.see(ENVIRON, *FORWARDED)["environ"]
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["REQUEST_SCHEME"] == "http"
    assert environ["SERVER_NAME"] == "localhost"
    assert environ["SERVER_PORT"] == str(site.port)
    assert "HTTPS" not in environ
    assert environ["HTTP_X_FORWARDED_FOR"] == "203.0.113.9"


def test_a_trusted_proxy_is_believed(site: Site) -> None:
    environ = site.see(ENVIRON, *FORWARDED, unix=True)["environ"]
    assert environ["REMOTE_ADDR"] == "203.0.113.9"
    assert environ["REQUEST_SCHEME"] == "https"
    assert environ["HTTPS"] == "on"
    assert environ["SERVER_NAME"] == "example.org"
    assert environ["HTTP_HOST"] == "example.org"
    assert environ["SERVER_PORT"] == "443"
    assert environ["SCRIPT_URI"] == f"https://example.org{ENVIRON}"


def test_only_what_trusted_proxies_wrote_counts(site: Site) -> None:
    forwarded = "X-Forwarded-For: 6.6.6.6, 2001:db8::1"
    environ = site.see(ENVIRON, forwarded, unix=True)["environ"]
    assert environ["REMOTE_ADDR"] == "2001:db8::1"


def test_client_of_a_unix_socket_is_this_machine(site: Site) -> None:
    environ = site.see(ENVIRON, unix=True)["environ"]
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["SERVER_PORT"] == "80"


def test_ipv6_addresses_have_no_brackets_but_server_name_has(tmp_path: Path) -> None:
    if not socket.has_ipv6:  # pragma: no cover
        pytest.skip("no IPv6")
    config = CONFIG.replace("127.0.0.1:0", "[::1]:0")
    with start_site(tmp_path, config) as site:
        environ = site.see(ENVIRON, f"Host: [0:0::1]:{site.port}")["environ"]
    assert environ["REMOTE_ADDR"] == "::1"
    assert environ["SERVER_ADDR"] == "::1"
    assert environ["SERVER_NAME"] == "[::1]"


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND", "get"]
)
def test_any_method_reaches_the_script(site: Site, method: str) -> None:
    environ = site.see(method=method)["environ"]
    assert environ["REQUEST_METHOD"] == method


@pytest.mark.parametrize(
    ("host", "name"),
    [
        pytest.param("example.org", "example.org", id="name"),
        pytest.param("EXAMPLE.Org:8080", "example.org", id="case and port"),
        pytest.param("example.org.", "example.org", id="dot at the end"),
        pytest.param("127.0.0.1:1", "127.0.0.1", id="IPv4"),
        pytest.param("[::1]:8000", "[::1]", id="IPv6"),
        pytest.param("xn--bcher-kva.example", "xn--bcher-kva.example", id="IDNA"),
    ],
)
def test_server_name_is_the_host(site: Site, host: str, name: str) -> None:
    environ = site.see(ENVIRON, f"Host: {host}")["environ"]
    assert environ["SERVER_NAME"] == name
    assert environ["HTTP_HOST"] == host
    # The local port, whatever the client believes.
    assert environ["SERVER_PORT"] == str(site.port)


@pytest.mark.parametrize(
    "host",
    [
        "a/b",
        "a\\b",
        "user@example.org",
        "a b",
        "a:99999",
        "[::1",
        "bücher",
        "a,b",
        "<x>",
    ],
)
def test_a_malformed_host_is_refused(site: Site, host: str) -> None:
    assert site.ask(ENVIRON, f"Host: {host}").status == 400


def test_without_a_host_the_server_name_is_the_address(site: Site) -> None:
    with site.open() as client:
        client.socket.sendall(f"GET {ENVIRON} HTTP/1.0\r\n\r\n".encode())
        reply = client.receive()
    assert b'"SERVER_NAME": "127.0.0.1"' in reply.body
    assert b'"SERVER_PROTOCOL": "HTTP/1.0"' in reply.body


def test_an_absolute_target_replaces_the_host(site: Site) -> None:
    target = f"http://EXAMPLE.org:81{ENVIRON}/x?y=1"
    environ = site.see(target, "Host: other.example")["environ"]
    assert environ["SERVER_NAME"] == "example.org"
    assert environ["HTTP_HOST"] == "EXAMPLE.org:81"
    assert environ["SCRIPT_NAME"] == ENVIRON
    assert environ["PATH_INFO"] == "/x"
    assert environ["QUERY_STRING"] == "y=1"
    assert environ["REQUEST_URI"] == target


@pytest.mark.parametrize(
    ("fields", "name", "value"),
    [
        pytest.param(["X-A: 1"], "HTTP_X_A", "1", id="plain"),
        pytest.param(["X-A: 1", "x-a: 2"], "HTTP_X_A", "1, 2", id="merged"),
        pytest.param(
            ["Cookie: a=1", "Cookie: b"], "HTTP_COOKIE", "a=1; b", id="cookie"
        ),
        pytest.param(["X-A: caf\xc3\xa9"], "HTTP_X_A", "café", id="UTF-8"),
        pytest.param(["X-A: \xff"], "HTTP_X_A", "\udcff", id="not UTF-8"),
        pytest.param(["X-A:"], "HTTP_X_A", "", id="empty"),
        pytest.param(["X_A: 1"], "HTTP_X_A", None, id="underscore"),
        pytest.param(["X-A: 1", "X_A: 2"], "HTTP_X_A", "1", id="underscore beside"),
        pytest.param(["X.A: 1"], "HTTP_X.A", None, id="dot"),
        pytest.param(["Proxy: http://e/"], "HTTP_PROXY", None, id="httpoxy"),
        pytest.param(
            ["Transfer-Encoding_: x"], "HTTP_TRANSFER_ENCODING", None, id="TE"
        ),
    ],
)
def test_fields_become_variables(
    site: Site, fields: list[str], name: str, value: str | None
) -> None:
    assert site.see(ENVIRON, *fields)["environ"].get(name) == value


def test_a_configured_lower_case_proxy_stays(tmp_path: Path) -> None:
    config = CONFIG.replace("GREETING: hello", "http_proxy: 'http://proxy:3128'")
    with start_site(tmp_path, config) as site:
        environ = site.see(ENVIRON, "Proxy: http://evil/")["environ"]
    assert environ["http_proxy"] == "http://proxy:3128"
    assert "HTTP_PROXY" not in environ


# Section 3 of the rules: content, argv, methods, NPH


def test_standard_input_ends_where_the_content_ends(site: Site) -> None:
    with site.open() as client:
        client.send(ENVIRON, method="POST", body=b"first")
        client.send("/page.html")  # follows at once, on the same connection
        assert b'"stdin": "first"' in client.receive("POST").body
        assert client.receive().body == b"a page\n"


def test_content_that_a_script_does_not_read_is_skipped(site: Site) -> None:
    with site.open() as client:
        client.send("/cgi-bin/hop.py?0", method="POST", body=b"x" * 1_000_000)
        assert client.receive("POST").body == b"arrived\n"
        client.send("/page.html")
        assert client.receive().body == b"a page\n"


def test_chunked_content_is_decoded_and_counted(site: Site) -> None:
    with site.open() as client:
        client.send(ENVIRON, "Transfer-Encoding: chunked", method="POST")
        client.socket.sendall(b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n")
        reply = client.receive("POST")
    assert b'"CONTENT_LENGTH": "5"' in reply.body
    assert b'"stdin": "abcde"' in reply.body
    assert b"TRANSFER_ENCODING" not in reply.body
    assert b"TRAILER" not in reply.body


def test_content_codings_are_left_as_they_are(site: Site) -> None:
    seen = site.see(ENVIRON, "Content-Encoding: gzip", method="POST", body=b"\x1f\x8b")
    assert seen["environ"]["HTTP_CONTENT_ENCODING"] == "gzip"
    assert seen["stdin"] == "\x1f\x8b"


def test_head_drops_the_content_but_lets_the_script_print_it(site: Site) -> None:
    marker = site.folder / "printed"
    with site.open() as client:
        client.send(f"/cgi-bin/head.py?{marker}", method="HEAD")
        reply = client.receive("HEAD")
        client.send("/page.html")  # nothing of the content is in between
        assert client.receive().body == b"a page\n"
    assert reply.status == 200
    assert reply.get("Content-Type") == "text/plain"
    assert marker.exists()


def test_head_has_the_length_that_get_has(site: Site) -> None:
    output = b"Content-Type: text/plain\n\n12345"
    head = site.say(output, method="HEAD")
    assert head.get("Content-Length") == site.say(output).get("Content-Length") == "5"
    assert head.body == b""


def test_trace_is_refused(site: Site) -> None:
    reply = site.ask(ENVIRON, "Cookie: secret=1", method="TRACE")
    assert reply.status == 405
    assert "TRACE" not in (reply.get("Allow") or "TRACE")
    assert b"secret" not in reply.body


def test_options_asterisk_is_about_the_server(site: Site) -> None:
    reply = site.ask("*", method="OPTIONS")
    assert reply.status == 204
    assert "OPTIONS" in (reply.get("Allow") or "")


@pytest.mark.parametrize(
    ("target", "method", "words"),
    [
        pytest.param("?foo+bar", "GET", ["foo", "bar"], id="split"),
        pytest.param("?a%2Bb+%20c", "HEAD", None, id="HEAD"),
        pytest.param("?a%2Bb+%20c", "GET", ["a+b", " c"], id="decoded"),
        pytest.param("?a%21;b", "GET", ["a\\!\\;b"], id="escaped"),
        pytest.param("?a=b", "GET", [], id="equals sign"),
        pytest.param("?a%3Db", "GET", ["a=b"], id="encoded equals sign"),
        pytest.param("?foo+bar", "POST", [], id="POST"),
        pytest.param("?foo+%zz", "GET", [], id="one word is broken: none at all"),
        pytest.param("", "GET", [], id="no query"),
    ],
)
def test_search_words_become_arguments(
    site: Site, target: str, method: str, words: list[str] | None
) -> None:
    if words is None:
        assert site.ask(ENVIRON + target, method=method).status == 200
        return
    argv = site.see(ENVIRON + target, method=method)["argv"]
    assert argv == [str(CGI_BIN / "environ.py"), *words]


def test_search_words_can_be_switched_off(site: Site) -> None:
    assert site.see("/no-words/environ.py?foo+bar")["argv"][1:] == []


def test_working_directory_is_the_script_folder(site: Site) -> None:
    assert site.see()["cwd"] == str(CGI_BIN)


NPH = "/cgi-bin/nph-say.py?" + quote(
    "HTTP/1.1 299 As I like it\nX-Odd : 1\r\nConnection: keep-alive\n\nbody"
)


def ask_raw(client: Client, target: str, method: str = "GET") -> bytes:
    client.send(target, method=method)
    return client.receive_all()


def test_nph_output_is_not_modified_and_ends_the_connection(site: Site) -> None:
    with site.open() as client:
        answer = ask_raw(client, NPH)
    assert answer == (
        b"HTTP/1.1 299 As I like it\nX-Odd : 1\r\nConnection: keep-alive\n\nbody"
    )


def test_nph_output_without_a_status_line_is_refused(site: Site) -> None:
    reply = site.ask("/cgi-bin/nph-say.py?Content-Type:%20text/plain%0A%0A")
    assert reply.status == 500
    assert site.ask("/cgi-bin/nph-say.py").status == 500


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_nph_output_without_content_is_sent(site: Site, status: str) -> None:
    head = f"HTTP/1.1 {status}\r\nX-A: 1\r\n\r\n"
    with site.open() as client:
        assert ask_raw(client, f"/cgi-bin/nph-say.py?{quote(head)}") == head.encode()


def test_nph_script_answers_head_itself(site: Site) -> None:
    head = "HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n"
    target = f"/cgi-bin/nph-say.py?{quote(head)}"
    with site.open() as client:
        assert ask_raw(client, target, "HEAD") == head.encode()


# Sites


def test_the_host_chooses_the_site(site: Site) -> None:
    assert site.ask("/", "Host: example.org").body == b"home\n"
    for host in ("a.wild.example", "a.b.WILD.example", "other.example:1"):
        assert site.ask("/", f"Host: {host}").body == b"wild\n"


@pytest.mark.parametrize("host", ["wild.example", "notwild.example", "unknown"])
def test_a_host_that_is_not_served_is_not_found(site: Site, host: str) -> None:
    assert site.ask("/", f"Host: {host}").status == 404


def test_a_host_that_is_not_served_is_misdirected_over_tls(site: Site) -> None:
    fields = ("X-Forwarded-Proto: https", "X-Forwarded-Host: unknown")
    assert site.ask("/", *fields, unix=True).status == 421


def test_fields_of_the_site_are_added_to_every_response(site: Site) -> None:
    own = site.say(b"X-Frame-Options: SAMEORIGIN\n\nx")
    assert own.get("X-Frame-Options") == "SAMEORIGIN"
    for target in ("/page.html", ENVIRON, "/folder", "/missing", "/cgi-bin/fail.py"):
        assert site.ask(target).get("X-Site") == "main"
    for status, field in ((304, "If-None-Match: *"), (412, "If-Match: none")):
        reply = site.ask("/page.html", field)
        assert (reply.status, reply.get("X-Site")) == (status, "main")
    for status, field in ((206, "Range: bytes=0-1"), (416, "Range: bytes=9999-")):
        reply = site.ask("/page.html", field)
        assert (reply.status, reply.get("X-Site")) == (status, "main")
    for status, method in ((200, "HEAD"), (405, "POST"), (204, "OPTIONS")):
        reply = site.ask("/page.html", method=method)
        assert (reply.status, reply.get("X-Site")) == (status, "main")
    assert site.ask("/", "Host: other.example").get("X-Site") is None


def test_a_folder_is_redirected_to_its_slash_with_the_query(site: Site) -> None:
    reply = site.ask("/folder?a=%C3%A9")
    assert reply.status == 301
    assert reply.get("Location") == "/folder/?a=%C3%A9"
    assert site.ask("/folder/").body == b"in a folder\n"


def test_a_static_file_has_no_post(site: Site) -> None:
    with site.open() as client:
        client.send("/page.html", method="POST", body=b"x" * 100_000)
        reply = client.receive("POST")
        assert reply.status == 405
        assert reply.get("Allow") == "GET, HEAD, OPTIONS"
        client.send("/page.html")
        assert client.receive().status == 200


def test_error_pages_of_the_site(site: Site) -> None:
    reply = site.ask("/missing", "If-None-Match: *", "Range: bytes=0-1")
    assert reply.status == 404
    assert reply.body == b"<p>our own 404\n"
    reply = site.ask("/cgi-bin/plain.txt?a", method="POST", body=b"x")
    assert reply.status == 403
    assert reply.body.decode().splitlines() == [
        "REDIRECT_STATUS=403",
        "REDIRECT_URL=/cgi-bin/plain.txt",
        "REQUEST_METHOD=GET",
        "REQUEST_URI=/cgi-bin/plain.txt?a",
        "REDIRECT_QUERY_STRING=a",
        "QUERY_STRING=",
        "CONTENT_LENGTH=None",
    ]


def test_error_page_belongs_to_our_own_errors(site: Site) -> None:
    # What a script says of itself is its own page, as in Apache.
    reply = site.say(b"Status: 404\nContent-Type: text/plain\n\nmine")
    assert (reply.status, reply.body) == (404, b"mine")
    assert site.ask("/missing", method="HEAD").status == 404
    assert site.ask("/missing", method="HEAD").body == b""


def test_error_page_that_is_asked_for_is_a_page(site: Site) -> None:
    reply = site.ask("/errors/404.html")
    assert (reply.status, reply.body) == (200, b"<p>our own 404\n")
