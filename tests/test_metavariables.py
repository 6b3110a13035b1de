import dataclasses
import io
import os
from http import HTTPStatus

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Endpoints, ReceivedFields, Request
from httpout_cgi.protocol.metavariables import (
    Server,
    build_metavariables,
    redirect_variables,
    server_name,
)
from httpout_cgi.scripts import Mount, Script

_ENDPOINTS = Endpoints("http", "192.0.2.7", 40000, "192.0.2.1", 8000)
_REQUEST = Request("GET", "/cgi-bin/a.py", "HTTP/1.1", {}, _ENDPOINTS)
_MOUNT = Mount("/cgi-bin/", "/srv/cgi-bin")
_SCRIPT = Script(
    "/srv/cgi-bin/a.py",
    os.stat(__file__),
    "/cgi-bin/a.py",
    "",
    None,
    "/srv/htdocs",
    _MOUNT,
    "main",
)
_SERVER = Server("example.org", "httpout-cgi/1.2", "root@example.org", "/bin")


def _build(
    request: Request = _REQUEST,
    script: Script = _SCRIPT,
    server: Server = _SERVER,
    redirect: dict[str, str] | None = None,
) -> dict[str, str]:
    return build_metavariables(request, script, server, "run1", redirect)


def _with_fields(**fields: list[str]) -> Request:
    named = {name.replace("_", "-"): values for name, values in fields.items()}
    return _REQUEST._replace(fields=named)


def _with_mount(**settings: object) -> Script:
    # Any keyword that Mount has; a wrong one fails at once.
    mount = dataclasses.replace(_MOUNT, **settings)  # type: ignore[arg-type]
    return _SCRIPT._replace(mount=mount)


def test_environment_of_the_simplest_request() -> None:
    assert _build() == {
        "CONTEXT_DOCUMENT_ROOT": "/srv/cgi-bin/",
        "CONTEXT_PREFIX": "/cgi-bin/",
        "DOCUMENT_ROOT": "/srv/htdocs",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "PATH": "/bin",
        "QUERY_STRING": "",
        "REDIRECT_STATUS": "200",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "40000",
        "REQUEST_METHOD": "GET",
        "REQUEST_SCHEME": "http",
        "REQUEST_URI": "/cgi-bin/a.py",
        "SCRIPT_FILENAME": "/srv/cgi-bin/a.py",
        "SCRIPT_NAME": "/cgi-bin/a.py",
        "SCRIPT_URI": "http://example.org:8000/cgi-bin/a.py",
        "SCRIPT_URL": "/cgi-bin/a.py",
        "SERVER_ADDR": "192.0.2.1",
        "SERVER_ADMIN": "root@example.org",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SIGNATURE": "",
        "SERVER_SOFTWARE": "httpout-cgi/1.2",
        "UNIQUE_ID": "run1",
    }


@pytest.mark.parametrize(
    ("length", "expected"), [(None, None), (0, "0"), (12345, "12345")]
)
def test_content_length_is_set_if_there_is_content(
    length: int | None, expected: str | None
) -> None:
    # RFC 3875 section 4.1.2: a chunked request has no field but has content.
    content = None if length is None else io.BytesIO()
    request = _REQUEST._replace(method="POST", content=content, content_length=length)
    assert _build(request).get("CONTENT_LENGTH") == expected


def test_content_length_is_not_what_the_field_says() -> None:
    environment = _build(_with_fields(content_length=["7"]))
    assert "CONTENT_LENGTH" not in environment
    assert "HTTP_CONTENT_LENGTH" not in environment


def test_content_type_has_no_prefix() -> None:
    environment = _build(_with_fields(content_type=["text/plain; charset=a"]))
    assert environment["CONTENT_TYPE"] == "text/plain; charset=a"
    assert "HTTP_CONTENT_TYPE" not in environment


def test_same_content_type_twice_is_one() -> None:
    request = _with_fields(content_type=["text/plain", "text/plain"])
    assert _build(request)["CONTENT_TYPE"] == "text/plain"


def test_different_content_types_are_refused() -> None:
    with pytest.raises(HTTPError, match="Content-Type") as caught:
        _build(_with_fields(content_type=["text/plain", "text/html"]))
    assert caught.value.status == HTTPStatus.BAD_REQUEST


def test_extra_path() -> None:
    script = _SCRIPT._replace(extra_path="/b c/", path_translated="/srv/htdocs/b c/")
    environment = _build(script=script)
    assert environment["PATH_INFO"] == "/b c/"
    assert environment["PATH_TRANSLATED"] == "/srv/htdocs/b c/"
    assert environment["SCRIPT_NAME"] == "/cgi-bin/a.py"
    assert environment["SCRIPT_URL"] == "/cgi-bin/a.py/b c/"
    assert environment["SCRIPT_URI"] == "http://example.org:8000/cgi-bin/a.py/b c/"


def test_a_page_has_an_extra_path_though_it_be_empty() -> None:
    assert _build(script=_with_mount(output="page"))["PATH_INFO"] == ""
    assert "PATH_INFO" not in _build(script=_with_mount(output="auto"))


def test_extra_path_that_leads_out_of_the_docroot_is_not_translated() -> None:
    script = _SCRIPT._replace(extra_path="/x", path_translated=None)
    assert "PATH_TRANSLATED" not in _build(script=script)


def test_query_is_not_decoded() -> None:
    request = _REQUEST._replace(target="/cgi-bin/a.py?a=%20+b?c")
    environment = _build(request)
    assert environment["QUERY_STRING"] == "a=%20+b?c"
    assert environment["REQUEST_URI"] == "/cgi-bin/a.py?a=%20+b?c"


def test_ends_of_a_unix_socket_are_this_machine() -> None:
    request = _REQUEST._replace(endpoints=Endpoints("http", "", 0, "", 0))
    environment = _build(request)
    assert environment["REMOTE_ADDR"] == "127.0.0.1"
    assert environment["REMOTE_PORT"] == "0"
    assert environment["SERVER_ADDR"] == "127.0.0.1"
    assert environment["SERVER_PORT"] == "80"


@pytest.mark.parametrize(
    ("scheme", "port", "uri"),
    [
        ("http", 80, "http://example.org/cgi-bin/a.py"),
        ("http", 443, "http://example.org:443/cgi-bin/a.py"),
        ("https", 443, "https://example.org/cgi-bin/a.py"),
        ("https", 80, "https://example.org:80/cgi-bin/a.py"),
    ],
)
def test_scheme_and_port(scheme: str, port: int, uri: str) -> None:
    endpoints = dataclasses.replace(_ENDPOINTS, scheme=scheme, local_port=port)
    environment = _build(_REQUEST._replace(endpoints=endpoints))
    assert environment["REQUEST_SCHEME"] == scheme
    assert environment["SERVER_PORT"] == str(port)
    assert environment.get("HTTPS") == ("on" if scheme == "https" else None)
    assert environment["SCRIPT_URI"] == uri


def test_method_and_protocol_are_what_the_client_sent() -> None:
    request = _REQUEST._replace(method="pUrGe", version="HTTP/1.0")
    environment = _build(request)
    assert environment["REQUEST_METHOD"] == "pUrGe"
    assert environment["SERVER_PROTOCOL"] == "HTTP/1.0"


def test_mount_of_one_file_has_no_slash() -> None:
    script = _with_mount(url="/git", path="/usr/lib/git-http-backend")
    environment = _build(script=script)
    assert environment["CONTEXT_PREFIX"] == "/git"
    assert environment["CONTEXT_DOCUMENT_ROOT"] == "/usr/lib/git-http-backend"


def test_fields_become_variables() -> None:
    environment = _build(_with_fields(user_agent=["curl"], x_a2_b=[""]))
    assert environment["HTTP_USER_AGENT"] == "curl"
    assert environment["HTTP_X_A2_B"] == ""


def test_repeated_fields_are_merged() -> None:
    # RFC 3875 section 4.1.18; cookies: RFC 6265 section 5.4.
    environment = _build(_with_fields(accept=["a", "b"], cookie=["c=1", "d=2"]))
    assert environment["HTTP_ACCEPT"] == "a, b"
    assert environment["HTTP_COOKIE"] == "c=1; d=2"


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "proxy-authorization",
        "proxy",
        "content-length",
        "transfer-encoding",
        "x_forwarded_for",
        "content_length",
        "x.y",
        "x-\xe9",
        "-_-",
    ],
)
def test_fields_that_are_withheld(name: str) -> None:
    request = _REQUEST._replace(fields={name: ["1"]})
    assert _build(request) == _build()


def test_field_with_underscore_does_not_replace_the_real_one() -> None:
    fields = {"x-user": ["alice"], "x_user": ["mallory"]}
    request = _REQUEST._replace(fields=fields)
    assert _build(request)["HTTP_X_USER"] == "alice"


def test_fields_do_not_say_who_the_user_is() -> None:
    request = _with_fields(
        remote_user=["root"], auth_type=["Basic"], authorization=["Basic cm9vdDp4"]
    )
    environment = _build(request)
    assert not {"REMOTE_USER", "AUTH_TYPE", "REMOTE_IDENT", "REMOTE_HOST"} & set(
        environment
    )


def test_authorization_is_passed_if_the_mount_says_so() -> None:
    request = _with_fields(authorization=["Basic cm9vdDp4"])
    environment = _build(request, _with_mount(pass_authorization=True))
    assert environment["HTTP_AUTHORIZATION"] == "Basic cm9vdDp4"


def test_no_authorization_is_made_up() -> None:
    assert _build(script=_with_mount(pass_authorization=True)) == _build()


def test_bytes_become_text_as_python_does_it() -> None:
    request = _REQUEST._replace(
        target="/a?\xc3\xa9\xff",
        fields={
            "x-a": ["caf\xc3\xa9"],
            "content-type": ["\xff"],
            "authorization": ["\xc3\xa9"],
        },
    )
    environment = _build(request, _with_mount(pass_authorization=True))
    assert environment["QUERY_STRING"] == os.fsdecode(b"\xc3\xa9\xff")
    assert environment["REQUEST_URI"] == os.fsdecode(b"/a?\xc3\xa9\xff")
    assert environment["HTTP_X_A"] == os.fsdecode("café".encode())
    assert environment["CONTENT_TYPE"] == os.fsdecode(b"\xff")
    assert environment["HTTP_AUTHORIZATION"] == os.fsdecode("é".encode())


def test_environment_of_the_mount_comes_last() -> None:
    script = _with_mount(environment={"HTTP_ACCEPT": "x", "APP": "y", "PATH": "/opt"})
    environment = _build(_with_fields(accept=["a"]), script)
    assert environment["HTTP_ACCEPT"] == "x"
    assert environment["APP"] == "y"
    assert environment["PATH"] == "/opt"


def test_each_run_has_an_environment_of_its_own() -> None:
    _build()["GATEWAY_INTERFACE"] = "changed"
    assert _build()["GATEWAY_INTERFACE"] == "CGI/1.1"


def test_local_redirect() -> None:
    first = _REQUEST._replace(target="/cgi-bin/%61.py?a=\xff")
    second = _REQUEST._replace(target="/cgi-bin/b.py?b")
    third = _REQUEST._replace(target="/cgi-bin/c.py")
    once = redirect_variables(first, "/cgi-bin/a.py")
    assert once == {
        "REDIRECT_STATUS": "200",
        "REDIRECT_URL": "/cgi-bin/a.py",
        "REDIRECT_QUERY_STRING": os.fsdecode(b"a=\xff"),
        "REQUEST_URI": os.fsdecode(b"/cgi-bin/%61.py?a=\xff"),
    }
    twice = redirect_variables(second, "/cgi-bin/b.py", earlier=once)
    environment = _build(third, redirect=twice)
    assert environment["REDIRECT_URL"] == "/cgi-bin/b.py"
    assert environment["REDIRECT_QUERY_STRING"] == "b"
    assert environment["REQUEST_URI"] == once["REQUEST_URI"]
    assert environment["QUERY_STRING"] == ""


def test_error_page() -> None:
    variables = redirect_variables(_REQUEST, "/cgi-bin/a.py", 404)
    environment = _build(redirect=variables)
    assert environment["REDIRECT_STATUS"] == "404"
    assert "REDIRECT_QUERY_STRING" not in environment


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        (None, "fallback"),
        ("", "fallback"),
        ("Example.ORG", "example.org"),
        ("example.org:8080", "example.org"),
        ("example.org:", "example.org"),
        ("example.org.", "example.org"),
        ("my_host-2", "my_host-2"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("192.0.2.1:80", "192.0.2.1"),
        ("[2001:DB8:0::1]", "[2001:db8::1]"),
        ("[::1]:65535", "[::1]"),
    ],
)
def test_server_name(sent: str | None, name: str) -> None:
    # RFC 3875 section 4.1.14.
    assert server_name(sent, "fallback") == name


@pytest.mark.parametrize(
    "sent",
    [
        "a b",
        "user@example.org",
        "example.org/path",
        "example.org\\path",
        "<script>",
        "a,b",
        "a\nb",
        "a\n",
        "a\0",
        "example..org",
        "..",
        ".",
        ".example.org",
        "example.org..",
        "b\xc3\xbccher.example",
        "\u212aelvin",
        "a:b",
        "a:80:80",
        "a:65536",
        "a:123456",
        "a:\u0661",
        ":80",
        "::1",
        "[::1",
        "[::1]x",
        "[1.2.3.4]",
        "[fe80::1%eth0]",
        "[]",
        "a" * 256,
        "%61",
    ],
    ids=ascii,
)
def test_malformed_host_is_refused(sent: str) -> None:
    with pytest.raises(HTTPError, match="malformed Host") as caught:
        server_name(sent, "fallback")
    assert caught.value.status == HTTPStatus.BAD_REQUEST


def test_a_script_that_changes_its_variables_changes_nobody_elses() -> None:
    request = _REQUEST._replace(fields=ReceivedFields({"host": ["a"], "x": ["1"]}))
    first = _build(request)
    first["HTTP_X"] = "2"
    first["HTTP_Y"] = "3"
    second = _build(request)
    assert second["HTTP_X"] == "1"
    assert "HTTP_Y" not in second


def test_who_may_see_a_password_is_decided_for_each_script() -> None:
    # RFC 3875 section 9.2: the fields are the same, the scripts are not.
    fields = ReceivedFields({"authorization": ["Basic YTpi"]})
    request = _REQUEST._replace(fields=fields)
    mount = dataclasses.replace(_MOUNT, pass_authorization=True)
    trusted = _build(request, _SCRIPT._replace(mount=mount))
    assert trusted["HTTP_AUTHORIZATION"] == "Basic YTpi"
    assert "HTTP_AUTHORIZATION" not in _build(request)
