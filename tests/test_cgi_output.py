"""Cases are files: what a script prints (.in), and what that is taken for (.out).

Lines of .out are "key: value" with Python's escapes; what is not there is the default.
``log`` is the reason of an error, which goes to the error log.
"""

import dataclasses
import time
import warnings
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol import cgi_fields
from httpout_cgi.protocol.cgi_output import CgiOutputParser, parse_status_line
from httpout_cgi.protocol.cgi_response import Document, LocalRedirect, Result
from httpout_cgi.scripts import OutputMode

_CASES = Path(__file__).parent / "cases" / "cgi_output"
_NAMES = sorted(path.stem for path in _CASES.glob("*.in"))
_LIMIT = 65536
_MODES: dict[str, OutputMode] = {"cgi": "cgi", "page": "page", "auto": "auto"}


@dataclass
class _Seen:
    """All that a parser said, in the words of the .out files."""

    kind: str = ""
    status: int = 200
    has_status: str = "no"
    reason: str = ""
    allows_content: str = "yes"
    field: list[str] = dataclasses.field(default_factory=list)
    target: str = ""
    sendfile: str = ""
    close: str = "no"
    body: str = ""
    interim: list[str] = dataclasses.field(default_factory=list)
    warning: list[str] = dataclasses.field(default_factory=list)
    log: str = ""


@dataclass
class _Case:
    sent: bytes
    seen: _Seen
    mode: OutputMode = "cgi"
    limit: int = _LIMIT


def _load(name: str) -> _Case:
    case = _Case((_CASES / f"{name}.in").read_bytes(), _Seen())
    keys = {key.name for key in dataclasses.fields(_Seen)}
    for line in (_CASES / f"{name}.out").read_text("ascii").splitlines():
        key, _, escaped = line.partition(":")
        key = key.replace("-", "_")
        value = escaped[1:]
        if key == "mode":
            case.mode = _MODES[value]
        elif key == "limit":
            case.limit = int(value)
        else:
            assert key in keys, line
            _expect(case.seen, key, value)
    return case


def _expect(seen: _Seen, key: str, value: str) -> None:
    if key == "status":
        seen.status = int(value)
    elif key in ("field", "interim", "warning"):
        getattr(seen, key).append(value.encode().decode("unicode_escape"))
    elif key == "log":
        # Already escaped by the parser, except for a blank at the end.
        seen.log = value.replace("\\x20", " ")
    else:
        setattr(seen, key, value.encode().decode("unicode_escape"))


def _parse(case: _Case, pieces: list[bytes]) -> _Seen:
    parser = CgiOutputParser(case.mode, case.limit)
    seen = _Seen()
    behind = []
    result: Result | None = None
    try:
        for piece in pieces:
            if result is None:
                result = parser.feed(piece)
            else:
                behind.append(piece)
        ended = parser.finish()
        assert result is None or ended is None
        _describe(seen, result or ended)
    except HTTPError as error:
        seen.kind, seen.status, seen.log = "error", error.status, error.reason
    seen.body = (parser.rest + b"".join(behind)).decode("latin-1")
    for status, sent in parser.interim:
        text = " ".join(f"{name}: {value}" for name, value in sent)
        seen.interim.append(f"{status} {text}".rstrip(" "))
    seen.warning = parser.warnings
    return seen


def _describe(seen: _Seen, result: Result | None) -> None:
    assert result is not None
    seen.field = [f"{name}: {value}" for name, value in result.fields]
    seen.close = "yes" if result.close else "no"
    if isinstance(result, Document):
        seen.kind, seen.status, seen.reason = "document", result.status, result.reason
        seen.has_status = "yes" if result.has_status else "no"
        seen.allows_content = "yes" if result.allows_content else "no"
        seen.sendfile = result.sendfile or ""
    elif isinstance(result, LocalRedirect):
        seen.kind, seen.target = "local", result.target
    else:
        seen.kind, seen.target = "client", result.location


def test_there_are_cases() -> None:
    assert len(_NAMES) > 100


@pytest.mark.parametrize("name", _NAMES)
def test_output_in_one_piece(name: str) -> None:
    case = _load(name)
    assert _parse(case, [case.sent]) == case.seen


@pytest.mark.parametrize("name", _NAMES)
def test_output_byte_by_byte(name: str) -> None:
    case = _load(name)
    pieces = [bytes([byte]) for byte in case.sent]
    assert _parse(case, pieces) == case.seen


@pytest.mark.parametrize("name", _NAMES)
def test_output_in_two_pieces_at_every_border(name: str) -> None:
    case = _load(name)
    for border in range(len(case.sent) + 1):
        pieces = [case.sent[:border], case.sent[border:]]
        assert _parse(case, pieces) == case.seen, border


def test_page_that_cgitb_prints_before_any_header() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        cgitb = pytest.importorskip("cgitb", reason="left Python in 3.13")
    page = cgitb.reset().encode()
    parser = CgiOutputParser("cgi", _LIMIT)
    assert parser.feed(page) == Document(fields=(("Content-Type", "text/html"),))
    # A tag of the page: "<body", and "<style" in the cgitb of legacy-cgi.
    assert parser.rest.startswith((b"<body", b"<style"))
    assert parser.warnings == []


def test_result_is_known_as_soon_as_the_header_section_is_complete() -> None:
    parser = CgiOutputParser("cgi", _LIMIT)
    assert parser.feed(b"X-A: 1\n") is None
    assert parser.feed(b"\n") == Document(fields=(("X-A", "1"),))
    assert parser.finish() is None


@pytest.mark.parametrize("sent", [b"<h", b"Hello ", b"Hello\n", b"\n", b"<!--: spam "])
def test_auto_knows_a_page_by_the_first_byte_that_cannot_be_a_field(
    sent: bytes,
) -> None:
    parser = CgiOutputParser("auto", _LIMIT)
    assert parser.feed(sent[:-1]) is None
    assert isinstance(parser.feed(sent[-1:]), Document)
    assert parser.rest == sent


def test_page_begins_with_the_first_byte() -> None:
    parser = CgiOutputParser("page", _LIMIT)
    assert parser.feed(b"") is None
    assert isinstance(parser.feed(b"H"), Document)
    assert parser.rest == b"H"


def test_interim_is_known_before_the_final_header_section() -> None:
    parser = CgiOutputParser("cgi", _LIMIT)
    assert parser.feed(b"Status: 103\nLink: </a>\n\nContent-") is None
    assert parser.interim == [(103, (("Link", "</a>"),))]


def test_results_of_long_header_sections_are_not_kept() -> None:
    section = b"X-A: %s\n\n" % (b"a" * 2000)
    first = CgiOutputParser("cgi", _LIMIT).feed(section)
    second = CgiOutputParser("cgi", _LIMIT).feed(section)
    assert first == second
    assert first is not second


_PIECES = st.sampled_from(
    [
        *(
            b"\n",
            b"\r",
            b"\r\n",
            b"\0",
            b"\t",
            b" ",
            b":",
            b": ",
            b"/",
            b"\xc3",
            b"\x85",
        ),
        *(b"Status", b"Location", b"Content-Type", b"X-Sendfile", b"X-A", b"200 OK"),
        *(b"<!--: spam", b"103", b"Connection: close", b"text/html", b"http://x/"),
    ]
)
_OUTPUT = st.one_of(st.binary(), st.lists(_PIECES).map(b"".join))


@settings(max_examples=500, deadline=None)
@given(_OUTPUT, st.sampled_from(["cgi", "page", "auto"]), st.integers(0, 200))
def test_nothing_that_is_printed_splits_a_response(
    sent: bytes, mode: OutputMode, limit: int
) -> None:
    seen = _parse(_Case(sent, _Seen(), mode, limit), [sent])
    shown = [seen.reason, seen.target, seen.sendfile, *seen.field, *seen.interim]
    assert not any(set(text) & set("\r\n\0") for text in [*shown, *seen.warning])
    assert seen.log.isprintable()


@settings(max_examples=500, deadline=None)
@given(_OUTPUT, st.sampled_from(["cgi", "auto"]), st.integers(0, 200), st.data())
def test_borders_of_pieces_change_nothing(
    sent: bytes, mode: OutputMode, limit: int, data: st.DataObject
) -> None:
    case = _Case(sent, _Seen(), mode, limit)
    size = data.draw(st.integers(1, 10))
    pieces = [sent[start : start + size] for start in range(0, len(sent), size)]
    assert _parse(case, pieces) == _parse(case, [sent])


@pytest.mark.parametrize("mode", ["cgi", "auto"])
@pytest.mark.parametrize(
    "unit",
    [
        b"a",
        b"a:\n",
        b"\r",
        b"a: b\r\n c\r\n",
        b"Status: 103\n\n",
        b"\n ",
        b"<!--: spam\n",
    ],
    ids=repr,
)
def test_floods_take_linear_time(unit: bytes, mode: OutputMode) -> None:
    flood = unit * (100_000 // len(unit))
    started = time.process_time()
    _parse(_Case(flood, _Seen(), mode, 100_000), [flood])
    one_by_one = [bytes([byte]) for byte in flood]
    _parse(_Case(flood, _Seen(), mode, 100_000), one_by_one)
    # Quadratic code would need minutes; this bound is for slow machines.
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("line", "status"),
    [
        pytest.param(b"HTTP/1.0 200 OK\r\n", 200, id="CRLF"),
        pytest.param(b"HTTP/1.1 404 Not Found\n", 404, id="LF"),
        pytest.param(b"HTTP/1.1 204 ", 204, id="empty reason"),
        pytest.param(b"HTTP/1.1 204", 204, id="no reason"),
        pytest.param(b"HTTP/1.1 200 f\xc3\xbcr\tdich", 200, id="bytes in the reason"),
    ],
)
def test_status_line_of_an_nph_script(line: bytes, status: int) -> None:
    assert parse_status_line(line) == status


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"Content-Type: text/plain\n",
        b"HTTP/2 200 OK\n",
        b"HTTP/1.1  200 OK\n",
        b"HTTP/1.1 20 OK\n",
        b"HTTP/1.1 2000 OK\n",
        b"HTTP/1.1 099 OK\n",
        b"HTTP/1.1 200OK\n",
        b"HTTP/1.1 200 OK\rX: y\n",
        b"HTTP/1.1 200 O\0K\n",
        b"HTTP/1.1 200 OK\nX: y\n",
        b" HTTP/1.1 200 OK\n",
    ],
    ids=repr,
)
def test_malformed_status_line_of_an_nph_script(line: bytes) -> None:
    with pytest.raises(HTTPError, match="malformed header from script: ") as caught:
        parse_status_line(line)
    assert caught.value.status == HTTPStatus.INTERNAL_SERVER_ERROR


def test_a_first_line_that_is_no_field_is_refused_at_once() -> None:
    parser = CgiOutputParser("cgi", _LIMIT)
    assert parser.feed(b"<html>\n") is None, "the next line may be a continuation"
    with pytest.raises(HTTPError, match="malformed header from script: <html>"):
        parser.feed(b"<")


def test_a_first_line_that_goes_on_is_judged_as_a_whole() -> None:
    parser = CgiOutputParser("cgi", _LIMIT)
    assert parser.feed(b"Content-Type:\n text/plain\n<html>") is None
    with pytest.raises(HTTPError, match="malformed header from script: <html>"):
        parser.feed(b"\n\n")


def test_long_names_of_fields_are_not_kept() -> None:
    # CWE-770: a script may make up names of 64 kB, or pass on what its client sends.
    kept = cgi_fields._recall_kind.cache_info().currsize
    assert cgi_fields._classify("X" * 1000) == "passed"
    assert cgi_fields._recall_kind.cache_info().currsize == kept
