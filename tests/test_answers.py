"""Answers of the gateway's own, and changes to those of others."""

from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi import answers
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolution import DirectoryRedirect, StaticFile
from httpout_cgi.files.static import StaticFiles
from httpout_cgi.messages import Endpoints, Request, Response
from httpout_cgi.protocol.cgi_response import ClientRedirect, Document

ENDPOINTS = Endpoints("http", "192.0.2.1", 5000, "127.0.0.1", 8000)
FIELDS = {
    "host": ["localhost"],
    "cookie": ["a=1"],
    "content-type": ["text/plain"],
    "content-length": ["3"],
    "content-encoding": ["gzip"],
    "transfer-encoding": ["chunked"],
    "if-none-match": ["*"],
    "range": ["bytes=0-1"],
}


def make_request(method: str = "GET", **fields: str) -> Request:
    named = {name.replace("_", "-"): [value] for name, value in fields.items()}
    return Request(method, "/", "HTTP/1.1", named, ENDPOINTS)


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
def test_methods_that_nobody_answers(method: str) -> None:
    with pytest.raises(HTTPError) as refused:
        answers.check_method(make_request(method))
    assert refused.value.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert dict(refused.value.fields)["Allow"]


def test_asterisk_is_for_options_alone() -> None:
    assert answers.answer_asterisk(make_request("OPTIONS")).status == 204
    with pytest.raises(HTTPError) as refused:
        answers.answer_asterisk(make_request("GET"))
    assert refused.value.status == HTTPStatus.BAD_REQUEST


@pytest.mark.parametrize(("query", "location"), [("", "/a/"), ("b=1", "/a/?b=1")])
def test_a_redirect_to_a_folder_keeps_the_query(query: str, location: str) -> None:
    response = answers.redirect_to_directory(DirectoryRedirect("/a/"), query)
    assert response.status == 301
    assert ("Location", location) in response.fields


def test_a_client_redirect_has_a_page_and_the_fields_of_the_script() -> None:
    fields = (("Location", "http://x/"), ("Set-Cookie", "a=1"))
    response = answers.redirect_client(ClientRedirect("http://x/", fields, close=True))
    assert response.status == 302
    assert response.close
    assert list(response.fields[:2]) == list(fields)
    assert isinstance(response.body, bytes)
    assert b'href="http://x/"' in response.body


def test_a_redirected_request_is_a_get_without_content() -> None:
    request = Request("POST", "/a", "HTTP/1.1", FIELDS, ENDPOINTS, None, 3)
    redirected = answers.make_redirected_request(request, "/b")
    assert (redirected.method, redirected.target) == ("GET", "/b")
    assert redirected.content_length is None
    assert set(redirected.fields) == {"host", "cookie", "if-none-match", "range"}


def test_a_page_that_nobody_asked_for_is_sent_whole() -> None:
    request = Request("GET", "/a", "HTTP/1.1", FIELDS, ENDPOINTS)
    redirected = answers.make_redirected_request(request, "/b", whole=True)
    assert set(redirected.fields) == {"host", "cookie"}


def test_a_304_does_not_describe_content() -> None:
    fields = [("Content-Type", "a/b"), ("Content-Location", "/a"), ("ETag", '"a"')]
    assert answers.remove_content_fields(fields) == fields[1:]


def test_added_fields_do_not_replace_but_cookies_add_up() -> None:
    response = Response(200, [("X-A", "own"), ("Set-Cookie", "a=1")])
    added = [("x-a", "theirs"), ("X-B", "1"), ("Set-Cookie", "b=2")]
    changed = answers.add_fields(response, added)
    assert list(changed.fields) == [
        *(("X-A", "own"), ("Set-Cookie", "a=1")),
        *(("X-B", "1"), ("Set-Cookie", "b=2")),
    ]
    vary = answers.add_fields(Response(200, [("Vary", "A")]), [("Vary", "B")])
    assert list(vary.fields) == [("Vary", "A"), ("Vary", "B")]
    raw = Response(200, raw=True)
    assert answers.add_fields(raw, added) is raw
    assert answers.add_fields(response, ()) is response


TAGGED = Document(fields=(("ETag", '"a"'),))


@pytest.mark.parametrize(
    ("request_", "document", "status"),
    [
        pytest.param(make_request(if_none_match='"a"'), TAGGED, 304, id="same"),
        pytest.param(make_request(if_none_match='"b"'), TAGGED, None, id="other"),
        pytest.param(make_request(if_match='"b"'), TAGGED, 412, id="demand"),
        pytest.param(make_request(), TAGGED, None, id="no condition"),
        pytest.param(make_request(if_match='"b"'), Document(), None, id="no validator"),
        pytest.param(
            make_request("POST", if_match='"b"'), TAGGED, None, id="too late for POST"
        ),
        pytest.param(
            make_request(if_match='"b"'),
            Document(fields=TAGGED.fields, has_status=True),
            None,
            id="the script has judged",
        ),
    ],
)
def test_conditions(request_: Request, document: Document, status: int | None) -> None:
    assert answers.judge_conditions(request_, document) == status


@pytest.fixture
def file(tmp_path: Path) -> StaticFile:
    path = tmp_path / "a.txt"
    path.write_text("content")
    return StaticFile(str(path), path.stat())


def test_a_sent_file_has_its_own_validators(file: StaticFile) -> None:
    document = Document(
        fields=(("ETag", "mine"), ("X-A", "1"), ("Content-Type", "a/b")), close=True
    )
    response = answers.send_file(StaticFiles(), file, make_request(), document, now=0)
    fields = dict(response.fields)
    assert (response.status, response.body) == (200, b"content")
    assert response.close
    assert fields["Content-Type"] == "a/b"
    assert fields["X-A"] == "1"
    assert fields["ETag"] != "mine"
    same = make_request(if_none_match=fields["ETag"])
    unchanged = answers.send_file(StaticFiles(), file, same, document, now=0)
    assert unchanged.status == 304
    assert "Content-Type" not in dict(unchanged.fields)


def test_a_sent_file_ignores_conditions_on_what_a_script_did(file: StaticFile) -> None:
    post = make_request("POST", if_none_match="*", range="bytes=0-1")
    response = answers.send_file(StaticFiles(), file, post, Document(), now=0)
    assert (response.status, response.body) == (200, b"content")


def test_a_sent_file_keeps_the_status_of_the_script(file: StaticFile) -> None:
    document = Document(status=404, reason="Sold out", has_status=True)
    response = answers.send_file(
        StaticFiles(), file, make_request(range="bytes=0-1"), document, now=0
    )
    assert (response.status, response.reason) == (404, "Sold out")
    assert response.body == b"content"


def test_what_middleware_says_of_a_response_of_ours() -> None:
    fields = (
        *(("Vary", "Cookie"), ("Cache-Control", "private"), ("ETag", "mine")),
        *(("Content-Security-Policy", "img-src *"), ("X-A", "1")),
    )
    own = (
        *(("Content-Security-Policy", "default-src 'none'"), ("Vary", "Accept")),
        ("Cache-Control", "max-age=60"),
    )
    said = answers.add_said(Response(200, own, b"x"), Document(202, "Fine", fields))
    assert (said.status, said.reason, said.body) == (202, "Fine", b"x")
    assert said.fields == (*fields[:2], fields[4], *own[:2])
    redirect = answers.add_said(Response(301), Document(202, "Fine", fields[:1]))
    assert (redirect.status, redirect.reason) == (301, "")
    assert list(redirect.fields) == list(fields[:1])


def test_the_reason_of_200_is_not_that_of_206(file: StaticFile) -> None:
    document = Document(reason="Fine", has_status=True)
    part = answers.send_file(
        StaticFiles(), file, make_request(range="bytes=0-1"), document, now=0
    )
    assert (part.status, part.reason) == (206, "")


def test_parts_of_a_sent_file_have_the_type_that_the_script_says(
    file: StaticFile,
) -> None:
    document = Document(fields=(("Content-Type", "a/b"), ("X-A", "1")))
    request = make_request(range="bytes=0-0,2-2")
    response = answers.send_file(StaticFiles(), file, request, document, now=0)
    fields = [name for name, _ in response.fields]
    assert fields.count("Content-Type") == 1
    assert dict(response.fields)["Content-Type"].startswith("multipart/byteranges")
    assert isinstance(response.body, bytes)
    assert b"Content-Type: a/b\r\n" in response.body
