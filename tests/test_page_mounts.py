"""What lies among pages, so that their middleware is asked about it."""

from pathlib import Path

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolution import Resolution
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.scripts import Script
from tests.resolving import (
    find_script,
    make_mount,
    make_pages,
    make_resolver,
    write_site,
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path)


def list_pages(resolver: Resolver, path: str) -> list[str]:
    """Return the URLs of the pages that something lies among."""
    found: Resolution | HTTPError
    try:
        found = resolver.resolve(path)
    except HTTPError as error:
        found = error
    mounts = resolver.page_mounts.find_pages(path, found)
    assert all(mount.output == "page" for mount in mounts)
    return [mount.url for mount in mounts]


def write_releases(site: Path) -> Path:
    """Make two releases with pages; return the link to the first one."""
    for release in ("1", "2"):
        (site / release / "pages").mkdir(parents=True)
        (site / release / "pages/x.css").touch()
    current = site / "current"
    current.symlink_to("1")
    return current


def test_what_is_among_pages_is_known_by_any_name(site: Path) -> None:
    """CWE-288: an alias or a link would be a way around what is asked before pages."""
    links = site / "links"
    links.mkdir()
    (links / "x.css").symlink_to(site / "htdocs/sub/deep/x.css")
    (links / "sub").symlink_to(site / "htdocs/sub")
    (links / "x.png").symlink_to(site / "icons/x.png")
    (site / "htdocs/sub/x.png").symlink_to(site / "icons/x.png")
    (links / "own").mkdir()
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs/sub", "/sub/", output="page"),
        aliases={"/links/": links, "/deep/": site / "htdocs/sub/deep", "/all/": site},
        listing=True,
    )
    assert resolver.page_mounts.has_pages
    among = (
        *("/sub", "/sub/", "/sub/deep/", "/sub/deep/x.css", "/sub/missing"),
        *("/sub/x.png", "/sub/.hidden", "/sub/_part.py"),
        *("/links/x.css", "/links/sub/", "/links/sub/deep/", "/links/sub/deep/x.css"),
        *("/deep/x.css", "/deep/", "/all/htdocs/sub/deep/x.css", "/all/htdocs/sub/"),
        # Whether it is there may be a secret as well.
        *("/deep/missing", "/deep/missing/x", "/all/htdocs/sub", "/all/htdocs/sub/no"),
        *("/links/sub/missing", "/links/sub", "/links/sub/.hidden"),
    )
    for path in among:
        assert list_pages(resolver, path) == ["/sub/"], path
    elsewhere = (
        *("/", "/a b.txt", "/missing", "/empty/", "/links/", "/links/x.png"),
        *("/links/own/", "/links", "/all/icons/x.png", "/all/missing"),
    )
    for path in elsewhere:
        assert not list_pages(resolver, path), path


def test_a_link_between_pages_leads_into_both(site: Path) -> None:
    """CWE-288: those of the inner folder may be closed, and the outer ones open."""
    (site / "htdocs/link.css").symlink_to(site / "htdocs/sub/deep/x.css")
    (site / "htdocs/link").symlink_to(site / "htdocs/sub/deep")
    (site / "htdocs/sub/link.css").symlink_to("deep/x.css")
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs", "/", output="page"),
        make_mount(site / "htdocs/sub", "/sub/", output="page"),
        listing=True,
    )
    for path, urls in (
        ("/a b.txt", ["/"]),
        ("/sub/deep/x.css", ["/sub/"]),
        ("/sub/link.css", ["/sub/"]),
        ("/link.css", ["/", "/sub/"]),
        ("/link/", ["/", "/sub/"]),
        ("/link/x.css", ["/", "/sub/"]),
    ):
        assert list_pages(resolver, path) == urls, path


def test_a_link_that_leads_out_of_pages_is_among_them(site: Path) -> None:
    """CWE-288: as by their own URL, so by that of an alias of their folder."""
    (site / "htdocs/sub/x.png").symlink_to(site / "icons/x.png")
    (site / "htdocs/sub/icons").symlink_to(site / "icons")
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs/sub", "/sub/", output="page"),
        aliases={"/alias/": site / "htdocs/sub"},
        listing=True,
    )
    for url in ("/sub/", "/alias/"):
        for name in ("x.png", "icons/", "icons/x.png"):
            assert list_pages(resolver, url + name) == ["/sub/"], url + name


def test_pages_within_pages_are_known_by_any_name(site: Path) -> None:
    """CWE-288: what closes the inner pages is no business of the outer ones."""
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs", "/", output="page"),
        make_mount(site / "htdocs/sub", "/app/", output="page"),
        aliases={"/app/": site / "htdocs/sub", "/alias/": site / "htdocs"},
        listing=True,
    )
    for path, urls in (
        ("/app", ["/app/"]),
        ("/app/deep/x.css", ["/app/"]),
        ("/sub/deep/x.css", ["/", "/app/"]),
        ("/sub/deep/missing", ["/", "/app/"]),
        ("/alias/sub/deep/x.css", ["/app/"]),
        ("/alias/a b.txt", ["/"]),
    ):
        assert list_pages(resolver, path) == urls, path


def test_all_that_a_chain_of_links_leads_through_is_known(site: Path) -> None:
    """CWE-288: a link from elsewhere into pages, and one there that leads out again."""
    (site / "links/below").mkdir(parents=True)
    (site / "htdocs/sub/out.png").symlink_to("../../icons/x.png")
    (site / "htdocs/sub/icons").symlink_to(site / "icons")
    (site / "links/x.png").symlink_to(site / "htdocs/sub/out.png")
    (site / "links/below/y.png").symlink_to("../x.png")
    (site / "links/icons").symlink_to("below/../../htdocs/./sub/icons")
    (site / "links/loop.png").symlink_to("loop.png")
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs/sub", "/sub/", output="page"),
        aliases={"/links/": site / "links", "/all/": site},
        listing=True,
    )
    for path in (
        *("/links/x.png", "/links/below/y.png", "/links/icons/x.png", "/links/icons/"),
        *("/all/htdocs/sub/out.png", "/all/htdocs/sub/icons/x.png"),
        *("/links/icons/missing", "/all/links/icons/x.png"),
    ):
        assert list_pages(resolver, path) == ["/sub/"], path
    for path in ("/links/loop.png", "/links/below/", "/all/icons/x.png"):
        assert not list_pages(resolver, path), path


def test_pages_below_an_alias_behind_a_link_are_known(site: Path) -> None:
    """CWE-288: the links above a root are the administrator's, and always followed."""
    (site / "current").symlink_to(".")
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs/sub", "/sub/", output="page"),
        aliases={"/alias/": site / "current/htdocs"},
    )
    assert list_pages(resolver, "/alias/sub/deep/x.css") == ["/sub/"]


def test_an_alias_that_leads_through_pages_is_among_them(site: Path) -> None:
    """CWE-288: by the pages' own URL, what is behind that link is asked about."""
    (site / "htdocs/sub/out").symlink_to(site / "icons")
    (site / "way").symlink_to(site / "htdocs/sub/out")
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs/sub", "/sub/", output="page"),
        aliases={"/out/": site / "htdocs/sub/out", "/way/": site / "way"},
        listing=True,
    )
    for url in ("/sub/out/", "/out/", "/way/"):
        for name in ("", "x.png", "missing"):
            assert list_pages(resolver, url + name) == ["/sub/"], url + name


def test_an_alias_that_is_switched_into_pages_is_among_them(site: Path) -> None:
    current = site / "current"
    current.symlink_to("icons")
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs/sub", "/sub/", output="page"),
        aliases={"/current/": current},
    )
    assert list_pages(resolver, "/current/x.png") == []
    current.unlink()
    current.symlink_to("htdocs/sub")
    assert list_pages(resolver, "/current/deep/x.css") == ["/sub/"]


def test_pages_that_are_switched_are_known_by_an_alias(site: Path) -> None:
    current = write_releases(site)
    resolver = make_resolver(
        site,
        make_mount(current / "pages", "/pages/", output="page"),
        aliases={"/pages/": current / "pages", "/two/": site / "2"},
    )
    assert list_pages(resolver, "/two/pages/x.css") == []
    current.unlink()
    current.symlink_to("2")
    assert list_pages(resolver, "/two/pages/x.css") == ["/pages/"]


def test_a_link_into_pages_of_a_switched_release(site: Path) -> None:
    current = write_releases(site)
    (site / "htdocs/link.css").symlink_to(current / "pages/x.css")
    resolver = make_resolver(
        site,
        make_mount(current / "pages", "/pages/", output="page"),
        aliases={"/pages/": current / "pages"},
    )
    assert list_pages(resolver, "/link.css") == ["/pages/"]

    current.unlink()
    current.symlink_to("2")

    assert list_pages(resolver, "/link.css") == ["/pages/"]


def test_what_is_no_page_is_described_as_one(site: Path) -> None:
    resolver = make_pages(site)
    pages = resolver.page_mounts
    mount = find_script(resolver, "/page.py").mount

    def describe(path: str) -> Script:
        return pages.describe_stand_in(mount, path, resolver.resolve(path))

    file = describe("/a b.txt")
    assert (file.name, file.extra_path, file.mount) == ("/a b.txt", "", mount)
    assert (file.path, file.stat.st_size) == (str(site / "htdocs/a b.txt"), 14)
    assert describe("/sub/").name == "/sub/index.html"
    assert describe("/sub").path == str(site / "htdocs")
    assert not make_resolver(site).page_mounts.has_pages
