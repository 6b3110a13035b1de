"""The pages of the sample site, through the server, as config.yaml mounts them."""

import re
from collections.abc import Iterator

import pytest

from tests.live import ROOT
from tests.live_site import Site, start_site

CONFIG = f"""\
listen: ["127.0.0.1:0"]
sites:
  - docroot: {ROOT}/htdocs
    scripts: [{{url: /pages/, path: {ROOT}/samples/pages, output: page}}]
"""
PAGES = sorted(path.name for path in (ROOT / "samples/pages").glob("[a-z]*.py"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory.mktemp("samples"), CONFIG) as site:
        yield site


def test_the_first_page_links_all_of_them(site: Site) -> None:
    links = re.findall(r'href="/pages/([\w.]+)"', site.ask("/").body.decode())
    assert sorted(links) == PAGES
    assert "url: /pages/" in (ROOT / "config.yaml").read_text()


@pytest.mark.parametrize("name", PAGES)
def test_each_is_a_whole_page(site: Site, name: str) -> None:
    reply = site.ask(f"/pages/{name}")
    text = reply.body.decode()
    assert (reply.status, reply.get("Content-Type")) == (
        200,
        "text/html; charset=utf-8",
    )
    assert text.startswith("<!DOCTYPE html>\n")
    assert text.endswith("</html>\n")


def test_the_form_shows_what_was_sent(site: Site) -> None:
    kind = "Content-Type: application/x-www-form-urlencoded"
    reply = site.ask(
        "/pages/form.py", kind, method="POST", body=b"name=%3Cb%3EZo%C3%AB"
    )
    assert "<strong>&lt;b&gt;Zoë</strong>" in reply.body.decode()
    assert site.ask("/pages/form.py", method="PUT").status == 405


def test_events_come_until_the_client_leaves(site: Site) -> None:
    with site.open() as client:
        client.send("/pages/events.py", "Accept: text/event-stream")
        seen = b""
        while b"data: " not in seen:
            seen += client.input.read1(4096)
    assert b"Content-Type: text/event-stream" in seen


def test_what_pages_are_made_of_is_no_page(site: Site) -> None:
    assert site.ask("/pages/_frame.py").status == 404
