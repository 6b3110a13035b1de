"""Rows of the rules of CGI that only show where all of the gateway works together."""

import asyncio
from pathlib import Path

import pytest

from httpout_cgi import config as settings
from httpout_cgi.gateway import Gateway
from httpout_cgi.messages import (
    Endpoints,
    Fields,
    FilePart,
    FileParts,
    Request,
    Response,
)
from tests.fake_runs import FakeRun, FakeRunner
from tests.live import PATIENCE

_CONFIG = """\
sites:
  - docroot: htdocs
    scripts: [{url: /cgi-bin/, path: cgi-bin, output: OUTPUT}]
"""
_ENDPOINTS = Endpoints("http", "192.0.2.1", 5000, "127.0.0.1", 8000)


def _make_gateway(folder: Path, runner: FakeRunner, output: str = "cgi") -> Gateway:
    """Make one whose scripts are "a b.py" and "nph-a.py"."""
    for name in ("htdocs", "cgi-bin"):
        (folder / name).mkdir()
    for name in ("a b.py", "nph-a.py"):
        (folder / "cgi-bin" / name).touch()
    config = folder / "config.yaml"
    config.write_text(_CONFIG.replace("OUTPUT", output))
    return Gateway(settings.load(config), runner)


def _make_request(target: str) -> Request:
    return Request("GET", target, "HTTP/1.1", {"host": ["localhost"]}, _ENDPOINTS)


def _ignore_interim(status: int, fields: Fields) -> None:
    raise AssertionError("no interim response is expected")


def _ask(gateway: Gateway, target: str) -> Response:
    return asyncio.run(gateway.handle(_make_request(target), _ignore_interim))


def test_script_name_is_decoded(tmp_path: Path) -> None:
    # RFC 3875 section 4.1.13: unlike REQUEST_URI, it is not URL-encoded.
    target = "/cgi-bin/a%20b.py/c%20d"
    runner = FakeRunner(FakeRun([b"X-A: 1\n\n"]))
    assert _ask(_make_gateway(tmp_path, runner), target).status == 200
    environment = runner.invocations[0].environment
    assert environment["SCRIPT_NAME"] == "/cgi-bin/a b.py"
    assert environment["PATH_INFO"] == "/c d"
    assert environment["REQUEST_URI"] == target


@pytest.mark.parametrize(
    ("output", "status"), [("cgi", 500), ("auto", 200)], ids=["cgi", "auto"]
)
def test_the_mount_decides_whether_a_page_needs_fields(
    tmp_path: Path, output: str, status: int
) -> None:
    page = b"<html>\n\nStatus: 404\n"
    gateway = _make_gateway(tmp_path, FakeRunner(FakeRun([page])), output)
    response = _ask(gateway, "/cgi-bin/a%20b.py")
    assert response.status == status
    assert (response.body == page) is (output == "auto")


def test_nph_output_is_not_held_back(tmp_path: Path) -> None:
    # RFC 3875 section 5: the server should not buffer it.
    async def story() -> None:
        first = b"HTTP/1.1 200 OK\n\none"
        run = FakeRun([first], hold=True)
        gateway = _make_gateway(tmp_path, FakeRunner(run))
        request = _make_request("/cgi-bin/nph-a.py")
        answer = gateway.handle(request, _ignore_interim)
        body = (await asyncio.wait_for(answer, PATIENCE)).body
        assert not isinstance(body, (bytes, FilePart, FileParts))
        assert await asyncio.wait_for(anext(body), PATIENCE) == first
        assert not run.ended
        await body.aclose()

    asyncio.run(story())


def test_early_hints_do_not_wait_for_the_response(tmp_path: Path) -> None:
    # RFC 8297: they are worth something only while the script is still at work.
    async def story() -> None:
        hinted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        run = FakeRun([b"Status: 103\nLink: </a>\n\n"], hold=True)
        gateway = _make_gateway(tmp_path, FakeRunner(run))
        request = _make_request("/cgi-bin/a%20b.py")
        answer = asyncio.create_task(
            gateway.handle(request, lambda status, fields: hinted.set_result(status))
        )
        assert await asyncio.wait_for(hinted, PATIENCE) == 103
        assert not answer.done()
        run.end.set()
        assert (await answer).status == 500  # nothing followed

    asyncio.run(story())
