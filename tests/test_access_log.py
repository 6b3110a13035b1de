"""The access log: Apache's formats, JSON, and nothing that could be forged."""

import datetime
import json
import os
import re
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi.access_log import AccessLog, validate
from httpout_cgi.errors import ConfigError
from httpout_cgi.log_format import Entry, compile_format
from httpout_cgi.messages import Endpoints, Request

TIME = r"\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
ENDPOINTS = Endpoints("http", "192.0.2.7", 40000, "127.0.0.1", 8000)


def make_request(target: str = "/a?b=c", **fields: str) -> Request:
    values = {name.replace("_", "-"): [value] for name, value in fields.items()}
    return Request("GET", target, "HTTP/1.1", values, ENDPOINTS)


def make_entry(request: Request | None, **values: object) -> Entry:
    given: dict[str, object] = {
        "client": "198.51.100.1",
        "request": request,
        "request_line": f"GET {request.target} HTTP/1.1" if request else "",
        "status": 200,
        "sent": 12,
        "seconds": 0.0034,
        **values,
    }
    return Entry(**given)  # type: ignore[arg-type]  # a helper for keywords


def test_a_status_is_a_number_whatever_its_type() -> None:
    entry = make_entry(None, status=HTTPStatus.NOT_FOUND)
    assert compile_format("%>s")(entry) == "404\n"


def test_common() -> None:
    line = compile_format("common")(make_entry(make_request()))
    assert re.fullmatch(
        rf'198\.51\.100\.1 - - {TIME} "GET /a\?b=c HTTP/1\.1" 200 12\n', line
    )


def test_combined() -> None:
    request = make_request(referer="http://x/", user_agent="curl/8")
    line = compile_format("combined")(make_entry(request))
    assert line.endswith('" 200 12 "http://x/" "curl/8"\n')


def test_json() -> None:
    request = make_request(host="example.org", user_agent="caf\xe9", cookie="s=1")
    line = compile_format("json")(make_entry(request, user="anna", run_id="7f"))
    values = json.loads(line)
    assert line.count("\n") == 1
    assert values.pop("time")[10] == "T"
    assert values == {
        "client": "198.51.100.1",
        "user": "anna",
        "request": "GET /a?b=c HTTP/1.1",
        "method": "GET",
        "target": "/a?b=c",
        "host": "example.org",
        "status": 200,
        "bytes": 12,
        "seconds": 0.0034,
        "referer": None,
        "user_agent": "caf\xe9",
        "run_id": "7f",
    }


@pytest.mark.parametrize(
    "format_", ["common", "combined", "json", "%m%U%q%H%v%A%p%u%r"]
)
def test_a_request_that_could_not_be_read_has_a_line(format_: str) -> None:
    line = compile_format(format_)(make_entry(None, status=400))
    assert line.endswith("\n")


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("%a %h", "198.51.100.1 198.51.100.1"),
        ("%{c}a", "192.0.2.7"),
        ("%A %p %{local}p %{canonical}p %{remote}p", "127.0.0.1 8000 8000 8000 40000"),
        ("%b %B", "12 12"),
        ("%O", "212"),
        ("%D %T %{ms}T %{us}T %{s}T", "1234567 1 1235 1234567 1"),
        ("%H %m %U %q", "HTTP/1.1 GET /a ?b=c"),
        ("%l %u", "- anna"),
        ("%L", "7f"),
        pytest.param("%P", str(os.getpid()), id="%P"),
        ("%s %>s %<s", "200 200 200"),
        ("%v %V", "example.org example.org"),
        ("%{Host}i %{X-None}i", "example.org -"),
        ("%{content-TYPE}o %{X-None}o", "text/html -"),
        ("100%% %m%%", "100% GET%"),
        (r"%m\t%H\"", 'GET\tHTTP/1.1"'),
    ],
)
def test_code(format_: str, expected: str) -> None:
    entry = make_entry(
        make_request(host="example.org"),
        seconds=1.2345674,
        fields=[("Content-Type", "text/html")],
        user="anna",
        run_id="7f",
        head_sent=200,
    )
    assert compile_format(format_)(entry) == expected + "\n"


@pytest.mark.parametrize(
    ("format_", "pattern"),
    [
        ("%t", TIME),
        ("%{sec}t", r"\d{10}"),
        ("%{msec}t", r"\d{13}"),
        ("%{usec}t", r"\d{16}"),
        ("%{%Y-%m}t", r"\d{4}-\d\d"),
    ],
)
def test_time(format_: str, pattern: str) -> None:
    assert re.fullmatch(pattern + "\n", compile_format(format_)(make_entry(None)))


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        (
            "%t",
            datetime.datetime.fromtimestamp(999_990).strftime("[%d/Jan/1970:%H:%M:%S "),
        ),
        ("%{sec}t", "999990\n"),
        ("%{msec}t", "999990500\n"),
        ("%{%S}t", "30\n"),
        (
            "json",
            datetime.datetime.fromtimestamp(999_990).strftime('{"time": "%FT%T.500'),
        ),
    ],
)
def test_the_time_is_when_the_request_came(
    monkeypatch: pytest.MonkeyPatch, format_: str, expected: str
) -> None:
    monkeypatch.setattr(time, "time", lambda: 1e6)
    monkeypatch.setattr(time, "time_ns", lambda: 10**15)
    line = compile_format(format_)(make_entry(None, seconds=9.5))
    assert line.startswith(expected)


def test_the_month_is_english_and_right() -> None:
    line = compile_format("%t")(make_entry(None))
    datetime.datetime.strptime(line.strip(), "[%d/%b/%Y:%H:%M:%S %z]")


def test_nothing_sent_is_a_hyphen_as_in_apache() -> None:
    assert compile_format("%b %B")(make_entry(None, sent=0)) == "- 0\n"


def test_empty_values_are_hyphens() -> None:
    entry = make_entry(None, client="")
    line = compile_format("%h %u %L %r %m %U%q %H %v %A %p %{c}a %{remote}p")(entry)
    assert line == "- - - - - - - - - - - -\n"


@pytest.mark.parametrize(
    ("sent", "logged"),
    [
        pytest.param('a"b', r"a\"b", id="quote"),
        pytest.param("a\\b", r"a\\b", id="backslash"),
        pytest.param("a\nb\rc\td", r"a\nb\rc\td", id="breaks"),
        pytest.param("\x1b\x7f\x00", r"\x1b\x7f\x00", id="control"),
        pytest.param("caf\xe9", r"caf\xe9", id="bytes"),
        pytest.param("\u20ac\U0001f600", r"\u20ac\U0001f600", id="beyond bytes"),
    ],
)
@pytest.mark.parametrize("code", ["%r", "%u", "%{User-Agent}i", "%U", "%{X-A}o"])
def test_no_value_can_forge_a_line(code: str, sent: str, logged: str) -> None:
    entry = make_entry(
        make_request(sent, user_agent=sent),
        request_line=sent,
        user=sent,
        fields=[("X-A", sent)],
    )
    assert compile_format(code)(entry) == logged + "\n"


@pytest.mark.parametrize(
    "code",
    [
        "%{Cookie}i",
        "%{COOKIE}i",
        "%{Authorization}i",
        "%{Proxy-Authorization}i",
        "%{Set-Cookie}o",
        "%{set-cookie2}o",
    ],
)
def test_credentials_are_never_logged(code: str) -> None:
    request = make_request(
        cookie="secret", authorization="secret", proxy_authorization="secret"
    )
    fields = [("Set-Cookie", "secret"), ("Set-Cookie2", "secret")]
    assert compile_format(code)(make_entry(request, fields=fields)) == "-\n"


def test_fields_with_several_values_are_joined() -> None:
    request = Request("GET", "/", "HTTP/1.1", {"a": ["1", "2"]}, ENDPOINTS)
    entry = make_entry(request, fields=[("B", "3"), ("b", "4")])
    assert compile_format("%{A}i %{B}o")(entry) == "1, 2 3, 4\n"


@pytest.mark.parametrize(
    ("format_", "problem"),
    [
        ("combind", "'combind' is none of combined, common, json"),
        ("%h %Y", "unknown code '%Y'"),
        ("%{x}Y", "unknown code '%{x}Y'"),
        ("%{later}p", "unknown code '%{later}p'"),
        ("%h %", "unknown code '%'"),
        ("%{Host", "unknown code '%{'"),
        ("%{session}C", "cookies are never logged"),
    ],
)
def test_wrong_format(format_: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)):
        validate(format_)


class Turns:
    """A loop's call_soon, and the turns."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def call_soon(self, callback: Callable[[], None]) -> None:
        self.due.append(callback)

    def turn(self) -> None:
        due, self.due = self.due, []
        for callback in due:
            callback()


def test_lines_of_one_turn_are_one_write() -> None:
    turns = Turns()
    reader, writer = os.pipe()
    log = AccessLog("%s", writer, turns.call_soon)
    log.record(make_entry(None, status=200))
    log.record(make_entry(None, status=404))
    assert len(turns.due) == 1
    turns.turn()
    assert os.read(reader, 100) == b"200\n404\n"
    log.record(make_entry(None, status=500))
    turns.turn()
    log.flush()
    os.close(writer)
    assert os.read(reader, 100) == b"500\n"
    os.close(reader)


def test_long_turns_are_written_by_whole_lines() -> None:
    """Two workers' lines must not mix in a pipe (PIPE_BUF)."""
    turns = Turns()
    # Datagrams show each write.
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with reader, writer:
        log = AccessLog("%r", writer.fileno(), turns.call_soon)
        for letter in "abc":
            log.record(make_entry(None, request_line=letter * 3000))
        turns.turn()
        lines = [reader.recv(10_000) for _ in "abc"]
    assert lines == [(letter * 3000 + "\n").encode() for letter in "abc"]


def test_a_full_disk_is_told_once_and_breaks_no_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turns = Turns()
    descriptor = os.open("/dev/full", os.O_WRONLY)
    log = AccessLog("%s", descriptor, turns.call_soon)
    for _ in range(3):
        log.record(make_entry(None))
        turns.turn()
    os.close(descriptor)
    assert [record.getMessage() for record in caplog.records] == [
        "access log cannot be written: No space left on device"
    ]


def test_a_log_that_nobody_reads_is_known(tmp_path: Path) -> None:
    for path, is_read in ((Path(os.devnull), False), (tmp_path / "log", True)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
        try:
            assert AccessLog("common", descriptor, lambda _: None).is_read is is_read
        finally:
            os.close(descriptor)
