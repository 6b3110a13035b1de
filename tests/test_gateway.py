"""The gateway with runs that a test makes up; with real ones see test_cgi_live.py."""

import asyncio
import io
import logging
from collections.abc import Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import pytest

from httpout_cgi import config as settings
from httpout_cgi import gateway as gateway_module
from httpout_cgi.errors import HTTPError
from httpout_cgi.gateway import Gateway
from httpout_cgi.messages import (
    Endpoints,
    Fields,
    FilePart,
    FileParts,
    Request,
    Response,
)
from httpout_cgi.scripts import Mount
from tests.fake_runs import TIMEOUT, FakeRun, FakeRunner

T = TypeVar("T")
ENDPOINTS = Endpoints("http", "192.0.2.1", 5000, "127.0.0.1", 8000)
SCRIPT = "/cgi-bin/a.py"
TEXT = b"Content-Type: text/plain\n\n"

CONFIG = """\
listen: ["127.0.0.1:0"]
sites:
  - docroot: htdocs
    scripts: [{url: /cgi-bin/, path: cgi-bin}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("cgi-bin/a.py", "cgi-bin/nph-a.py", "htdocs/page.html"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("a page\n")
    return tmp_path


def make_gateway(folder: Path, *runs: FakeRun | HTTPError, extra: str = "") -> Gateway:
    path = folder / "config.yaml"
    path.write_text(CONFIG + extra)
    return Gateway(settings.load(path), FakeRunner(*runs))


def make_request(
    target: str = SCRIPT,
    method: str = "GET",
    content: bytes | None = None,
    version: str = "HTTP/1.1",
    **fields: str,
) -> Request:
    named = {name.replace("_", "-"): [value] for name, value in fields.items()}
    return Request(
        *(method, target, version, {"host": ["localhost"], **named}, ENDPOINTS),
        content=None if content is None else io.BytesIO(content),
        content_length=None if content is None else len(content),
    )


def ignore_interim(status: int, fields: Fields) -> None:
    raise AssertionError("no interim response is expected")


def ask(gateway: Gateway, request: Request | None = None) -> Response:
    return run(gateway.handle(request or make_request(), ignore_interim))


# Any: what a coroutine is sent and yields is nobody's business.
def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(coroutine)


async def read_all(response: Response) -> bytes:
    body = response.body
    assert not isinstance(body, (bytes, FilePart, FileParts))
    try:
        return b"".join([chunk async for chunk in body])
    finally:
        await body.aclose()


def test_output_of_an_ended_run_is_one_piece(folder: Path) -> None:
    fake = FakeRun([TEXT + b"body"])
    response = ask(make_gateway(folder, fake))
    assert (response.status, response.body) == (200, b"body")
    assert fake.is_closed


def test_output_of_a_run_under_way_is_streamed(folder: Path) -> None:
    async def story() -> None:
        fake = FakeRun([TEXT[:5], TEXT[5:] + b"one", b"two"])
        gateway = make_gateway(folder, fake)
        response = await gateway.handle(make_request(), ignore_interim)
        assert not fake.is_closed
        assert await read_all(response) == b"onetwo"
        assert fake.is_closed

    run(story())


def test_closing_an_unread_response_ends_the_run(folder: Path) -> None:
    async def story() -> None:
        fake = FakeRun([TEXT], hold=True)
        gateway = make_gateway(folder, fake)
        response = await gateway.handle(make_request(), ignore_interim)
        body = response.body
        assert not isinstance(body, (bytes, FilePart, FileParts))
        await body.aclose()
        assert fake.is_closed

    run(story())


def test_a_client_that_leaves_before_the_header_section_ends_the_run(
    folder: Path,
) -> None:
    async def story() -> None:
        fake = FakeRun([], hold=True)
        gateway = make_gateway(folder, fake)
        task = asyncio.create_task(gateway.handle(make_request(), ignore_interim))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert fake.is_closed

    run(story())


def test_a_time_limit_within_the_content_is_logged_and_raised(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        fake = FakeRun([TEXT + b"a", TIMEOUT])
        gateway = make_gateway(folder, fake)
        response = await gateway.handle(make_request(), ignore_interim)
        with pytest.raises(HTTPError):
            await read_all(response)
        assert fake.is_closed

    run(story())
    assert "504: over the time limit; the response is cut off" in caplog.text
    assert "[* /cgi-bin/a.py " in caplog.text


def test_interim_responses_are_sent_while_the_run_goes_on(folder: Path) -> None:
    sent: list[tuple[int, Fields]] = []
    hints = b"Status: 103\nLink: </a>\n\n"
    runs = [FakeRun([hints, TEXT]) for _ in range(2)]
    gateway = make_gateway(folder, *runs)

    def send(status: int, fields: Fields) -> None:
        sent.append((status, fields))

    assert run(gateway.handle(make_request(), send)).status == 200
    assert sent == [(103, (("Link", "</a>"),))]
    old = make_request(version="HTTP/1.0")
    assert run(gateway.handle(old, ignore_interim)).status == 200


def test_a_full_queue_keeps_its_fields(folder: Path) -> None:
    full = HTTPError(
        HTTPStatus.SERVICE_UNAVAILABLE, "full", fields=[("Retry-After", "1")]
    )
    response = ask(make_gateway(folder, full))
    assert response.status == 503
    assert ("Retry-After", "1") in response.fields


@pytest.mark.parametrize("debug", [True, False])
def test_a_traceback_is_shown_with_debug_only(folder: Path, debug: bool) -> None:
    fake = FakeRun([])
    fake.failure = "Traceback: <b>"
    extra = f"debug: {str(debug).lower()}\n"
    response = ask(make_gateway(folder, fake, extra=extra))
    assert isinstance(response.body, bytes)
    assert (b"Traceback: &lt;b&gt;" in response.body) is debug
    assert fake.is_closed


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        pytest.param("/%zz", "POST", 400, id="no target"),
        pytest.param("http://unknown.:x/", "POST", 400, id="no host"),
        pytest.param("/missing", "POST", 404, id="no file"),
        pytest.param("/page.html", "POST", 405, id="static file"),
        pytest.param(SCRIPT, "TRACE", 405, id="no method"),
        pytest.param("*", "OPTIONS", 204, id="asterisk"),
        pytest.param("/page.html", "GET", 200, id="GET with content"),
    ],
)
def test_content_that_no_run_gets_is_closed(
    folder: Path, target: str, method: str, status: int
) -> None:
    request = make_request(target, method, b"content")
    assert ask(make_gateway(folder), request).status == status
    assert request.content is not None
    assert request.content.closed


def test_content_that_contradicts_itself_is_closed(folder: Path) -> None:
    request = make_request(SCRIPT, "POST", b"content")
    fields = {**request.fields, "content-type": ["a/a", "b/b"]}
    content = io.BytesIO()
    twice = Request("POST", SCRIPT, "HTTP/1.1", fields, ENDPOINTS, content, 0)
    assert ask(make_gateway(folder), twice).status == 400
    assert content.closed


@pytest.mark.parametrize("output", [b"Location: /missing\n\n", b"nonsense\n\n"])
def test_content_of_a_run_is_the_runners_to_close(folder: Path, output: bytes) -> None:
    # Closing it under the script that reads it would free its descriptor for others.
    request = make_request(SCRIPT, "POST", b"content")

    async def story() -> None:
        gateway = make_gateway(folder, FakeRun([output], hold=True))
        response = await gateway.handle(request, ignore_interim)
        assert response.status >= 400
        assert request.content is not None
        assert not request.content.closed
        await gateway.close()

    run(story())


def test_a_redirected_run_goes_on_until_the_gateway_is_closed(folder: Path) -> None:
    async def story() -> None:
        fake = FakeRun([b"Location: http://x/\n\n"], hold=True)
        gateway = make_gateway(folder, fake)
        response = await gateway.handle(make_request(), ignore_interim)
        assert response.status == 302
        await asyncio.sleep(0)
        assert not fake.is_closed
        await gateway.close()
        assert fake.is_closed

    run(story())


def test_a_redirected_run_over_its_time_limit_is_logged(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        fake = FakeRun([b"Location: http://x/\n\n", b"dropped", TIMEOUT])
        gateway = make_gateway(folder, fake)
        await gateway.handle(make_request(), ignore_interim)
        while not fake.is_closed:
            await asyncio.sleep(0)
        await gateway.close()

    run(story())
    assert "504: over the time limit" in caplog.text


def test_connection_close_survives_a_local_redirect(folder: Path) -> None:
    output = b"Location: /page.html\nConnection: close\n\n"
    assert ask(make_gateway(folder, FakeRun([output]))).close


def test_nph_output_is_raw(folder: Path) -> None:
    async def story() -> None:
        pieces = [b"HTTP/1.1 2", b"99 Odd\nX-A: 1\n\nbody", b" and more"]
        gateway = make_gateway(folder, FakeRun(pieces), extra="")
        request = make_request("/cgi-bin/nph-a.py")
        response = await gateway.handle(request, ignore_interim)
        assert (response.status, response.raw) == (299, True)
        assert await read_all(response) == b"".join(pieces)

    run(story())


PAGES = CONFIG.replace("scripts: [", "scripts: [{url: /, path: htdocs, output: page}, ")


class FakeGuards:
    """Wants to be asked, or not, or cannot be."""

    def __init__(self, answer: bool | HTTPError) -> None:
        self._answer = answer
        self.mounts: list[Mount] = []

    def guards(self, mount: Mount) -> bool:
        self.mounts.append(mount)
        if isinstance(self._answer, HTTPError):
            raise self._answer
        return self._answer


@pytest.mark.parametrize("answer", [False, True], ids=["nobody", "middleware"])
def test_a_file_takes_a_run_only_where_there_is_middleware(
    folder: Path, answer: bool
) -> None:
    path = folder / "config.yaml"
    path.write_text(PAGES)
    runner = FakeRunner(FakeRun([b"Status: 401\n\nwho are you?"]))
    guards = FakeGuards(answer)
    gateway = Gateway(settings.load(path), runner, guards)
    content = io.BytesIO(b"x")
    request = make_request("/page.html")._replace(content=content, content_length=1)
    response = ask(gateway, request)
    assert [mount.url for mount in guards.mounts] == ["/"]
    assert len(runner.invocations) == answer
    if answer:
        assert (response.status, response.body) == (401, b"who are you?")
        (invocation,) = runner.invocations
        assert invocation.environment["SCRIPT_NAME"] == "/page.html"
        assert invocation.stdin is content  # the run's to close
    else:
        assert response.body == b"a page\n"
        assert content.closed


def test_nothing_is_sent_where_middleware_cannot_be_asked(folder: Path) -> None:
    path = folder / "config.yaml"
    path.write_text(PAGES)
    failure = HTTPError(HTTPStatus.INTERNAL_SERVER_ERROR, "middleware is missing")
    runner = FakeRunner()
    gateway = Gateway(settings.load(path), runner, FakeGuards(failure))
    for target in ("/page.html", "/missing", "/"):
        assert ask(gateway, make_request(target)).status == 500
    assert runner.invocations == []


@pytest.mark.parametrize("answer", [False, True], ids=["nobody", "middleware"])
def test_a_link_between_pages_is_no_way_around_either(
    folder: Path, answer: bool
) -> None:
    inner = folder / "htdocs/inner"
    inner.mkdir()
    (inner / "x.html").write_text("closed")
    (folder / "htdocs/link.html").symlink_to(inner / "x.html")
    path = folder / "config.yaml"
    pages = "{url: /inner/, path: htdocs/inner, output: page}, "
    path.write_text(PAGES.replace("scripts: [", f"scripts: [{pages}"))
    guards = FakeGuards(answer)
    runner = FakeRunner(FakeRun([b"Status: 401\n\nwho are you?"]))
    gateway = Gateway(settings.load(path), runner, guards)
    response = ask(gateway, make_request("/link.html"))
    assert [mount.url for mount in guards.mounts] == ["/", "/inner/"]
    assert response.status == (401 if answer else 200)


def test_nothing_is_sent_early_that_middleware_is_to_be_asked_about(
    folder: Path,
) -> None:
    path = folder / "config.yaml"
    path.write_text(PAGES)
    runner = FakeRunner()
    gateway = Gateway(settings.load(path), runner, FakeGuards(True))
    for target in ("/page.html", "/missing"):
        assert run(gateway.answer_early(make_request(target))) is None
    assert runner.invocations == []


def make_gateway_with_error_page(folder: Path, url: str, *runs: FakeRun) -> Gateway:
    path = folder / "config.yaml"
    path.write_text(
        CONFIG.replace(
            "docroot: htdocs", f"docroot: htdocs\n    error_pages: {{404: '{url}'}}"
        )
    )
    return Gateway(settings.load(path), FakeRunner(*runs))


def test_an_error_page_may_have_any_name(folder: Path) -> None:
    (folder / "htdocs/a é.html").write_text("our page")
    gateway = make_gateway_with_error_page(folder, "/a é.html")
    response = ask(gateway, make_request("/missing"))
    assert (response.status, response.body) == (404, b"our page")


def test_an_error_page_decides_about_its_status(folder: Path) -> None:
    fake = FakeRun([b"Status: 410\n\ngone"])
    gateway = make_gateway_with_error_page(folder, SCRIPT, fake)
    response = ask(gateway, make_request("/missing"))
    assert (response.status, response.body) == (410, b"gone")


@pytest.mark.parametrize(
    "output", [b"", b"Location: /missing\n\n"], ids=["fails", "is missing"]
)
def test_an_error_page_that_fails_is_replaced_by_ours(
    folder: Path, output: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    gateway = make_gateway_with_error_page(folder, SCRIPT, FakeRun([output]))
    response = ask(gateway, make_request("/missing"))
    assert response.status == 404
    assert isinstance(response.body, bytes)
    assert b"There is no page at this address." in response.body
    assert len(caplog.records) == 2


def make_gateway_for_site(folder: Path, settings_of_site: str) -> Gateway:
    path = folder / "config.yaml"
    with_more = f"docroot: htdocs\n    {settings_of_site}"
    path.write_text(CONFIG.replace("docroot: htdocs", with_more))
    return Gateway(settings.load(path), FakeRunner())


def test_files_are_kept_as_long_as_the_site_says(folder: Path) -> None:
    gateway = make_gateway_for_site(
        folder, "cache_control: {'*.html': max-age=60, '/*': no-cache}"
    )
    (folder / "htdocs/a.css").touch()

    def find(target: str, if_match: str = "*") -> list[str]:
        response = ask(gateway, make_request(target, if_match=if_match))
        return [value for name, value in response.fields if name == "Cache-Control"]

    assert find("/page.html") == ["max-age=60"]
    assert find("/page.html", if_match='"other"') == []
    assert find("/a.css") == ["no-cache"]
    assert find("/missing.html") == []


def test_error_pages_are_not_kept(folder: Path) -> None:
    gateway = make_gateway_for_site(
        folder, "cache_control: {'*': max-age=60}\n    error_pages: {404: /page.html}"
    )
    response = ask(gateway, make_request("/missing"))
    assert (response.status, response.body) == (404, b"a page\n")
    assert "Cache-Control" not in dict(response.fields)


def test_a_folder_is_listed_where_the_site_says_so(folder: Path) -> None:
    gateway = make_gateway_for_site(folder, "listing: true")
    response = ask(gateway, make_request("/"))
    assert response.status == 200
    assert isinstance(response.body, bytes)
    assert b'href="page.html"' in response.body
    assert dict(response.fields)["Content-Type"] == "text/html; charset=utf-8"
    assert ask(gateway, make_request("/", "POST")).status == 405
    assert ask(gateway, make_request("/", "OPTIONS")).status == 204
    assert ask(make_gateway(folder), make_request("/")).status == 403


def break_it(*args: object, **options: object) -> None:
    raise RuntimeError("a mistake of ours")


def test_a_mistake_of_ours_is_an_error_page_and_a_traceback_in_the_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gateway_module, "check_method", break_it)
    response = ask(make_gateway(folder))
    assert response.status == 500
    assert isinstance(response.body, bytes)
    assert b"mistake" not in response.body
    assert "RuntimeError: a mistake of ours" in caplog.text


def test_a_mistake_of_ours_in_an_error_page_does_not_end_the_connection(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gateway = make_gateway_with_error_page(folder, "/page.html")
    monkeypatch.setattr("httpout_cgi.files.static.StaticFiles.respond", break_it)
    assert ask(gateway, make_request("/missing")).status == 404
    assert "RuntimeError: a mistake of ours" in caplog.text


def test_what_never_became_a_request_is_refused_and_logged(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    gateway = make_gateway(folder)
    slow = HTTPError(HTTPStatus.REQUEST_TIMEOUT, "slow")
    busy = HTTPError(HTTPStatus.SERVICE_UNAVAILABLE, "too many")
    assert [gateway.refuse(error).status for error in (slow, busy)] == [408, 503]
    levels = [record.levelname for record in caplog.records]
    assert levels == ["INFO", "ERROR"]
    assert "408 refused: slow [" in caplog.text


def test_ids_are_unique(folder: Path) -> None:
    path = folder / "config.yaml"
    path.write_text(CONFIG)
    runner = FakeRunner(*(FakeRun([TEXT]) for _ in range(3)))
    gateway = Gateway(settings.load(path), runner)
    for _ in range(3):
        ask(gateway)
    assert len({invocation.run_id for invocation in runner.invocations}) == 3
