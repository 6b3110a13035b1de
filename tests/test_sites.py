"""Which site answers for a host."""

from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi import config as settings
from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Endpoints, Request
from httpout_cgi.sites import SiteMap

CONFIG = """\
sites:
  - {hosts: [example.org, "[::1]"], docroot: ., headers: {X-A: b}}
  - {hosts: ["*.example.org"], docroot: ., error_pages: {404: /a b.html}}
  - {hosts: [bücher.example, example.org], docroot: .}
"""


@pytest.fixture
def sites(tmp_path: Path) -> SiteMap:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return SiteMap(settings.load(path))


def make_request(
    host: str | None, address: str = "192.0.2.1", scheme: str = "http"
) -> Request:
    fields = {} if host is None else {"host": [host]}
    endpoints = Endpoints(scheme, "192.0.2.9", 1, address, 80)
    return Request("GET", "/", "HTTP/1.1", fields, endpoints)


@pytest.mark.parametrize(
    ("host", "label", "name"),
    [
        pytest.param("example.org", "example.org", "example.org", id="first match"),
        pytest.param("EXAMPLE.org:81", "example.org", "example.org", id="case, port"),
        pytest.param("a.example.org", "*.example.org", "a.example.org", id="wildcard"),
        pytest.param("a.b.example.org", "*.example.org", "a.b.example.org", id="deep"),
        pytest.param("[0:0::1]:8000", "example.org", "[::1]", id="IPv6"),
        pytest.param(
            "xn--bcher-kva.example",
            *("xn--bcher-kva.example", "xn--bcher-kva.example"),
            id="IDNA",
        ),
    ],
)
def test_the_first_site_that_matches(
    sites: SiteMap, host: str, label: str, name: str
) -> None:
    site, server = sites.find(make_request(host))
    assert (site.label, server.name) == (label, name)
    assert sites.find(make_request(host))[0] is site


@pytest.mark.parametrize("host", ["org", "badexample.org", ".example.org", "192.0.2.1"])
@pytest.mark.parametrize(
    ("scheme", "status"),
    [("http", (404, 400)), ("https", (421, 400))],
    ids=["http", "https"],
)
def test_a_host_that_is_not_ours(
    sites: SiteMap, host: str, scheme: str, status: tuple[int, int]
) -> None:
    with pytest.raises(HTTPError) as refused:
        sites.find(make_request(host, scheme=scheme))
    malformed = host.startswith(".")
    assert refused.value.status == status[1 if malformed else 0]


def test_a_malformed_host_is_a_bad_request(sites: SiteMap) -> None:
    with pytest.raises(HTTPError) as refused:
        sites.find(make_request("a/b"))
    assert refused.value.status == HTTPStatus.BAD_REQUEST


def test_without_a_host_the_address_counts(sites: SiteMap) -> None:
    assert sites.find(make_request(None, "::1"))[1].name == "[::1]"
    with pytest.raises(HTTPError, match="no site for localhost"):
        sites.find(make_request(None, ""))


def test_made_up_hosts_do_not_fill_the_memory(sites: SiteMap) -> None:
    for number in range(3000):
        sites.find(make_request(f"n{number}.example.org"))
    assert len(sites._found) <= 1024


def test_settings_of_a_site_are_ready_for_requests(sites: SiteMap) -> None:
    assert sites.find(make_request("example.org"))[0].headers == (("X-A", "b"),)
    pages = sites.find(make_request("a.example.org"))[0].error_pages
    assert pages == {404: "/a%20b.html"}
