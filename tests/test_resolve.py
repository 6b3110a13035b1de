"""From a path to a file, a script or a redirect, in real folders."""

import errno
import os
import socket
from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi.config import ScriptMount, Site
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolve import (
    DirectoryRedirect,
    Resolution,
    Resolver,
    StaticFile,
    make_http_error,
)
from httpout_cgi.files.roots import is_source
from httpout_cgi.protocol.url_path import parse_target
from httpout_cgi.scripts import Script
from tests.accounts import public_folder, without_privileges
from tests.resolving import find_script, find_status

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can give files to other accounts"
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a docroot, scripts, and something beside them."""
    for name in (
        "htdocs/index.html",
        "htdocs/page.py",
        "htdocs/a b.txt",
        "htdocs/.htpasswd",
        "htdocs/.well-known/security.txt",
        "htdocs/sub/.well-known/x",
        "htdocs/sub/index.html",
        "htdocs/sub/deep/x.css",
        "htdocs/python/index.py",
        "htdocs/config.yaml",
        "htdocs/cgi-bin/inside.pl",
        "htdocs/cgi-bin/index.html",
        "cgi-bin/hello.py",
        "cgi-bin/tool.pl",
        "cgi-bin/data.txt",
        "cgi-bin/.secret.py",
        "cgi-bin/sub/more.py",
        "cgi-bin/app/index.py",
        "cgi-bin/static/x.css",
        "icons/x.png",
        "icons/y.py",
        "outside/secret.txt",
        "git-http-backend",
    ):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (tmp_path / "htdocs/empty").mkdir()
    return tmp_path


def make_mount(folder: Path, url: str, **settings: object) -> ScriptMount:
    return ScriptMount.model_validate({"url": url, "path": folder, **settings})


def make_resolver(
    site: Path, *mounts: ScriptMount, private: tuple[Path, ...] = (), **settings: object
) -> Resolver:
    scripts = mounts or (make_mount(site / "cgi-bin", "/cgi-bin/"),)
    values = {"docroot": site / "htdocs", "scripts": scripts, **settings}
    return Resolver(Site.model_validate(values), label="example.org", private=private)


def find_file(resolver: Resolver, path: str) -> str:
    found = resolver.resolve(path)
    assert isinstance(found, StaticFile)
    return found.path


# Static files


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/", "htdocs/index.html"),
        ("/index.html", "htdocs/index.html"),
        ("/a b.txt", "htdocs/a b.txt"),
        ("/sub/", "htdocs/sub/index.html"),
        ("/sub/deep/x.css", "htdocs/sub/deep/x.css"),
        ("/.well-known/security.txt", "htdocs/.well-known/security.txt"),
        ("/icons/x.png", "icons/x.png"),
        ("/icons/more/x.css", "htdocs/sub/deep/x.css"),
    ],
)
def test_path_leads_to_a_static_file(site: Path, path: str, file: str) -> None:
    aliases = {"/icons/": site / "icons", "/icons/more/": site / "htdocs/sub/deep"}
    resolver = make_resolver(site, aliases=aliases)

    found = resolver.resolve(path)

    root = "icons" if file.startswith("icons") else "htdocs"
    root = "htdocs/sub/deep" if path.startswith("/icons/more") else root
    seen = os.stat(site / file)
    assert found == StaticFile(str(site / file), seen, root=str(site / root))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/missing", 404, id="missing"),
        pytest.param("/missing/more/", 404, id="missing folder"),
        pytest.param("/index.html/", 404, id="file with slash"),
        pytest.param("/index.html/more", 404, id="file as folder"),
        pytest.param("/empty/", 403, id="folder without index"),
        pytest.param("/sub/deep/", 403, id="folder without index, with files"),
        pytest.param("/python/", 403, id="index.py without mount"),
        pytest.param("/page.py", 403, id="source"),
        pytest.param("/page.py/more", 404, id="source with extra path"),
        pytest.param("/.htpasswd", 403, id="hidden file"),
        pytest.param("/.git/config", 403, id="hidden folder that is missing"),
        pytest.param("/sub/.well-known/x", 403, id="well-known further down"),
        pytest.param("/.well-known/.x", 403, id="hidden in well-known"),
        pytest.param("/icons/.well-known", 403, id="well-known in an alias"),
        pytest.param("/icons/y.py", 403, id="source in an alias"),
        pytest.param("/" + "x" * 256, 404, id="name too long"),
        pytest.param("/x" * 3000, 404, id="path too long"),
        pytest.param("/\udcff", 404, id="bytes that are no text"),
    ],
)
def test_path_is_refused(site: Path, path: str, status: int) -> None:
    resolver = make_resolver(site, aliases={"/icons/": site / "icons"})

    assert find_status(resolver, path) == status


def test_path_too_long_for_the_system_is_not_found(site: Path) -> None:
    segment = "/" + "x" * 200

    # Missing folders would stop it early; a real one does not.
    deep = site / "htdocs"
    folder = os.open(deep, os.O_RDONLY)
    try:
        for _ in range(25):
            os.mkdir(segment[1:], dir_fd=folder)
            below = os.open(segment[1:], os.O_RDONLY, dir_fd=folder)
            os.close(folder)
            folder = below
    finally:
        os.close(folder)

    assert find_status(make_resolver(site), segment * 25) == 404


def test_hidden_files_may_be_allowed(site: Path) -> None:
    resolver = make_resolver(site, hidden_files="allow")

    assert find_file(resolver, "/.htpasswd") == str(site / "htdocs/.htpasswd")


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/sub", "/sub/"),
        ("/empty", "/empty/"),
        ("/icons", "/icons/"),
        ("/cgi-bin", "/cgi-bin/"),
        ("/cgi-bin/app", "/cgi-bin/app/"),
        ("/a?b%c#d \u00e9\udcff;x", "/a%3Fb%25c%23d%20%C3%A9%FF;x/"),
    ],
)
def test_folder_without_slash_is_redirected(
    site: Path, path: str, location: str
) -> None:
    (site / "htdocs" / path[1:]).mkdir(exist_ok=True)
    resolver = make_resolver(site, aliases={"/icons/": site / "icons"})

    assert resolver.resolve(path) == DirectoryRedirect(location)


def test_redirect_never_names_another_host(site: Path) -> None:
    (site / "htdocs/evil.example").mkdir()

    found = make_resolver(site).resolve(parse_target("//evil.example").path)

    assert found == DirectoryRedirect("/evil.example/")


def test_index_files_are_tried_in_order(site: Path) -> None:
    (site / "htdocs/sub/default.htm").write_text("")
    (site / "htdocs/sub/home").mkdir()
    resolver = make_resolver(site, index=["none", "home", "default.htm", "index.html"])

    assert find_file(resolver, "/sub/") == str(site / "htdocs/sub/default.htm")


def test_index_that_is_source_is_passed_over(site: Path) -> None:
    (site / "htdocs/python/index.html").write_text("")
    resolver = make_resolver(site, index=["index.py", "index.html"])

    assert find_file(resolver, "/python/") == str(site / "htdocs/python/index.html")


def test_index_of_a_script_folder_is_a_script(site: Path) -> None:
    (site / "cgi-bin/app/index.html").write_text("")

    script = find_script(make_resolver(site), "/cgi-bin/app/")

    assert script.path == str(site / "cgi-bin/app/index.py")


def test_index_that_may_not_be_followed_is_refused(site: Path) -> None:
    (site / "htdocs/empty/index.html").symlink_to(site / "outside/secret.txt")
    resolver = make_resolver(site, follow_symlinks="never")

    assert find_status(resolver, "/empty/") == 403


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
def test_what_is_no_regular_file_is_refused(site: Path, kind: str) -> None:
    path = site / "htdocs/odd"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(path))
    else:
        path.symlink_to("/dev/null")

    resolver = make_resolver(site, follow_symlinks="always")

    assert find_status(resolver, "/odd") == 403
    assert find_status(resolver, "/odd/more") == 403


def test_docroot_may_be_the_root_of_the_disk(site: Path) -> None:
    resolver = make_resolver(site, docroot=Path("/"))

    assert find_file(resolver, f"{site}/htdocs/index.html") == str(
        site / "htdocs/index.html"
    )


# Scripts


@pytest.mark.parametrize(
    ("path", "file", "name", "extra"),
    [
        ("/cgi-bin/hello.py", "cgi-bin/hello.py", "/cgi-bin/hello.py", ""),
        ("/cgi-bin/hello.py/", "cgi-bin/hello.py", "/cgi-bin/hello.py", "/"),
        ("/cgi-bin/hello.py/a/b/", "cgi-bin/hello.py", "/cgi-bin/hello.py", "/a/b/"),
        ("/cgi-bin/hello.py/.x", "cgi-bin/hello.py", "/cgi-bin/hello.py", "/.x"),
        ("/cgi-bin/hello.py/x.py", "cgi-bin/hello.py", "/cgi-bin/hello.py", "/x.py"),
        ("/cgi-bin/sub/more.py/x", "cgi-bin/sub/more.py", "/cgi-bin/sub/more.py", "/x"),
        ("/cgi-bin/app/", "cgi-bin/app/index.py", "/cgi-bin/app/index.py", ""),
    ],
)
def test_path_leads_to_a_script(
    site: Path, path: str, file: str, name: str, extra: str
) -> None:
    script = find_script(make_resolver(site), path)

    assert script.path == str(site / file)
    assert script.stat == os.stat(site / file)
    assert (script.name, script.extra_path) == (name, extra)
    assert script.document_root == str(site / "htdocs")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/cgi-bin/missing.py", 404, id="missing"),
        pytest.param("/cgi-bin/data.txt", 403, id="no script"),
        pytest.param("/cgi-bin/tool.pl", 403, id="no script, source of one"),
        pytest.param("/cgi-bin/.secret.py", 403, id="hidden script"),
        pytest.param("/cgi-bin/", 403, id="folder"),
        pytest.param("/cgi-bin/sub", 403, id="folder without slash or index"),
        pytest.param("/cgi-bin/sub/", 403, id="folder below"),
        pytest.param("/cgi-bin/hello.py.bak", 404, id="missing backup"),
    ],
)
def test_script_is_refused(site: Path, path: str, status: int) -> None:
    assert find_status(make_resolver(site), path) == status


def test_script_carries_its_mount(site: Path) -> None:
    mount = make_mount(
        site / "cgi-bin",
        "/cgi-bin/",
        match=["*.pl", "hello.*"],
        output="auto",
        runner="thread",
        environment={"A": "b"},
        pass_authorization=True,
        indexed_query=False,
        timeout="5s",
    )
    resolver = make_resolver(site, mount)

    script = find_script(resolver, "/cgi-bin/hello.py")

    assert find_script(resolver, "/cgi-bin/tool.pl").mount is script.mount
    assert script.site == "example.org"
    assert script.mount.url == "/cgi-bin/"
    assert script.mount.path == str(site / "cgi-bin")
    assert script.mount.match == ("*.pl", "hello.*")
    assert (script.mount.output, script.mount.runner) == ("auto", "thread")
    assert script.mount.environment == {"A": "b"}
    assert script.mount.pass_authorization
    assert not script.mount.indexed_query
    assert script.mount.timeout == 5.0


def test_scripts_carry_the_label(site: Path) -> None:
    values = {"docroot": site, "scripts": [make_mount(site / "cgi-bin", "/")]}
    resolver = Resolver(Site.model_validate(values), label="main")

    assert find_script(resolver, "/hello.py").site == "main"


def test_star_matches_executable_files_only(site: Path) -> None:
    (site / "cgi-bin/tool.pl").chmod(0o755)
    mount = make_mount(site / "cgi-bin", "/cgi-bin/", match=["*"])
    resolver = make_resolver(site, mount)

    assert find_script(resolver, "/cgi-bin/tool.pl").name == "/cgi-bin/tool.pl"
    assert find_status(resolver, "/cgi-bin/data.txt") == 403


def test_what_has_an_interpreter_runs_whatever_its_name(site: Path) -> None:
    (site / "cgi-bin/a.cgi.pl").touch()
    programs = {".pl": "/bin/perl", ".cgi.pl": "/bin/other", ".txt": "/bin/cat"}
    mount = make_mount(site / "cgi-bin", "/cgi-bin/", interpreters=programs)
    resolver = make_resolver(site, mount)

    assert find_script(resolver, "/cgi-bin/tool.pl").interpreter == "/bin/perl"
    assert find_script(resolver, "/cgi-bin/a.cgi.pl").interpreter == "/bin/other"
    assert find_script(resolver, "/cgi-bin/data.txt/x").interpreter == "/bin/cat"
    assert find_script(resolver, "/cgi-bin/hello.py").interpreter == ""
    assert find_status(resolver, "/cgi-bin/static/x.css") == 403


def test_longest_url_wins(site: Path) -> None:
    resolver = make_resolver(
        site,
        make_mount(site / "cgi-bin", "/s/"),
        make_mount(site / "cgi-bin/sub", "/s/app/"),
        aliases={"/s/app/icons/": site / "icons", "/s/": site / "outside"},
    )

    assert find_script(resolver, "/s/app/more.py").path == str(
        site / "cgi-bin/sub/more.py"
    )
    assert find_file(resolver, "/s/app/icons/x.png") == str(site / "icons/x.png")
    assert find_script(resolver, "/s/hello.py").mount.url == "/s/"
    assert find_status(resolver, "/s/secret.txt") == 404


@pytest.mark.parametrize(
    ("path", "extra"),
    [
        ("/git", ""),
        ("/git/", "/"),
        ("/git/repository.git/info", "/repository.git/info"),
    ],
)
def test_mounted_file_takes_all_below_its_url(
    site: Path, path: str, extra: str
) -> None:
    file = site / "git-http-backend"
    mount = ScriptMount.model_validate({"url": "/git", "file": file})

    script = find_script(make_resolver(site, mount), path)

    assert (script.path, script.name, script.extra_path) == (str(file), "/git", extra)


def test_mounted_file_wins_over_an_alias_of_its_url(site: Path) -> None:
    file = site / "git-http-backend"
    mount = ScriptMount.model_validate({"url": "/git", "file": file})
    resolver = make_resolver(site, mount, aliases={"/git/": site / "icons"})

    assert find_script(resolver, "/git").path == str(file)
    assert find_script(resolver, "/git/x.png").path == str(file)


def test_mounted_file_has_a_border(site: Path) -> None:
    file = site / "git-http-backend"
    mount = ScriptMount.model_validate({"url": "/git", "file": file})

    assert find_status(make_resolver(site, mount), "/github") == 404


def test_mounted_file_may_be_missing_later(site: Path) -> None:
    file = site / "git-http-backend"
    mount = ScriptMount.model_validate({"url": "/git", "file": file})
    resolver = make_resolver(site, mount)
    file.unlink()
    assert find_status(resolver, "/git") == 404

    file.mkdir()
    assert find_status(resolver, "/git") == 403


@pytest.mark.parametrize(
    ("extra", "translated"),
    [
        ("", None),
        ("/", "htdocs/"),
        ("/a/b", "htdocs/a/b"),
        ("/a/b/", "htdocs/a/b/"),
        ("/icons/x", "icons/x"),
        ("/icons", "htdocs/icons"),
        ("/cgi-bin/hello.py", "htdocs/cgi-bin/hello.py"),
    ],
)
def test_extra_path_is_translated(
    site: Path, extra: str, translated: str | None
) -> None:
    resolver = make_resolver(site, aliases={"/icons/": site / "icons"})

    script = find_script(resolver, "/cgi-bin/hello.py" + extra)

    expected = None if translated is None else f"{site}/{translated}"
    assert script.path_translated == expected


# Pages in the docroot


def make_pages(site: Path, **settings: object) -> Resolver:
    pages = make_mount(site / "htdocs", "/", output="page", **settings)
    return make_resolver(site, pages, make_mount(site / "cgi-bin", "/cgi-bin/"))


def test_pages_lie_between_static_files(site: Path) -> None:
    resolver = make_pages(site)

    assert find_script(resolver, "/page.py/x").mount.output == "page"
    assert find_file(resolver, "/a b.txt") == str(site / "htdocs/a b.txt")
    assert find_file(resolver, "/") == str(site / "htdocs/index.html")
    assert find_script(resolver, "/python/").name == "/python/index.py"
    assert resolver.resolve("/python") == DirectoryRedirect("/python/")
    assert find_script(resolver, "/cgi-bin/hello.py").mount.output == "cgi"
    assert find_status(resolver, "/empty/") == 403


def test_pages_in_a_folder_of_the_docroot(site: Path) -> None:
    pages = make_mount(site / "htdocs/sub", "/sub/", output="page")
    resolver = make_resolver(site, pages)

    assert find_file(resolver, "/sub/deep/x.css") == str(site / "htdocs/sub/deep/x.css")
    assert find_status(resolver, "/page.py") == 403


def is_among_pages(resolver: Resolver, path: str) -> bool:
    found: Resolution | HTTPError
    try:
        found = resolver.resolve(path)
    except HTTPError as error:
        found = error
    mounts = resolver.find_pages(path, found)
    assert all(mount.output == "page" for mount in mounts)
    return bool(mounts)


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
    assert resolver.has_pages
    among = (
        *("/sub", "/sub/", "/sub/deep/", "/sub/deep/x.css", "/sub/missing"),
        *("/sub/x.png", "/sub/.hidden", "/sub/_part.py"),
        *("/links/x.css", "/links/sub/", "/links/sub/deep/", "/links/sub/deep/x.css"),
        *("/deep/x.css", "/deep/", "/all/htdocs/sub/deep/x.css", "/all/htdocs/sub/"),
    )
    for path in among:
        assert is_among_pages(resolver, path), path
    elsewhere = (
        *("/", "/a b.txt", "/missing", "/empty/", "/links/", "/links/x.png"),
        *("/links/own/", "/links", "/all/icons/x.png", "/all/missing"),
    )
    for path in elsewhere:
        assert not is_among_pages(resolver, path), path


def test_a_link_between_pages_leads_into_both(site: Path) -> None:
    """CWE-288: those of the inner folder may be closed, and the outer ones open."""
    (site / "htdocs/link.css").symlink_to(site / "htdocs/sub/deep/x.css")
    (site / "htdocs/link").symlink_to(site / "htdocs/sub/deep")
    resolver = make_resolver(
        site,
        make_mount(site / "htdocs", "/", output="page"),
        make_mount(site / "htdocs/sub", "/sub/", output="page"),
        listing=True,
    )
    for path, urls in (
        ("/a b.txt", ["/"]),
        ("/sub/deep/x.css", ["/sub/"]),
        ("/link.css", ["/", "/sub/"]),
        ("/link/", ["/", "/sub/"]),
        ("/link/x.css", ["/", "/sub/"]),
    ):
        mounts = resolver.find_pages(path, resolver.resolve(path))
        assert [mount.url for mount in mounts] == urls, path


def test_what_is_no_page_is_described_as_one(site: Path) -> None:
    resolver = make_pages(site)
    mount = find_script(resolver, "/page.py").mount

    def describe(path: str) -> Script:
        return resolver.describe_stand_in(mount, path, resolver.resolve(path))

    file = describe("/a b.txt")
    assert (file.name, file.extra_path, file.mount) == ("/a b.txt", "", mount)
    assert (file.path, file.stat.st_size) == (str(site / "htdocs/a b.txt"), 14)
    assert describe("/sub/").name == "/sub/index.html"
    assert describe("/sub").path == str(site / "htdocs")
    assert not make_resolver(site).has_pages


def test_page_is_not_shown_by_another_name(site: Path) -> None:
    (site / "htdocs/page.cgi").write_text("secret")
    (site / "htdocs/public.txt").symlink_to("page.cgi")
    resolver = make_pages(site, match=["*.cgi"])

    assert find_script(resolver, "/page.cgi").name == "/page.cgi"
    assert find_status(resolver, "/public.txt") == 403


def test_pages_elsewhere_are_no_overlay(site: Path) -> None:
    pages = make_mount(site / "cgi-bin", "/pages/", output="page")

    assert find_status(make_resolver(site, pages), "/pages/data.txt") == 403


# Never source, never settings


@pytest.mark.parametrize(
    "name",
    [
        "x.py",
        "X.PY",
        "x.pyc",
        "x.pyo",
        "x.pyw",
        "x.py~",
        "#x.py#",
        "x.py.swp",
        "x.py.bak",
        "x.py.orig",
        "x.py-2",
        "x.py.1",
        "x.py_old",
        "x.py copy",
        "x.py.",
        "x.py.gz",
        "x.py.txt~",
        "x.py::$DATA",
        "x.py.bak.py",
        "__pycache__/x.cpython-311.opt-1.pyc",
        "__pycache__/x",
    ],
)
def test_source_is_never_static(site: Path, name: str) -> None:
    file = site / "htdocs" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("secret")

    assert find_status(make_resolver(site), "/" + name) == 403


@pytest.mark.parametrize(
    "name",
    [
        "x.pyramid",
        "py",
        "x.txt",
        "x.py.txt",
        "x.py.html",
        "a.py/x.css",
        "happy",
        "x.pl",
    ],
)
def test_other_names_are_no_source(name: str) -> None:
    assert not is_source("/" + name)


def test_script_folder_inside_the_docroot_is_not_static(site: Path) -> None:
    mount = make_mount(site / "htdocs/cgi-bin", "/run/", match=["*.pl"])
    resolver = make_resolver(site, mount)

    assert find_script(resolver, "/run/inside.pl").name == "/run/inside.pl"
    assert find_status(resolver, "/cgi-bin/inside.pl") == 403
    assert find_status(resolver, "/cgi-bin/") == 403
    assert find_status(resolver, "/cgi-bin/index.html") == 403


def test_script_folder_at_its_own_place_in_the_docroot(site: Path) -> None:
    mount = make_mount(site / "htdocs/cgi-bin", "/cgi-bin/", match=["*.pl"])
    resolver = make_resolver(site, mount)

    assert find_script(resolver, "/cgi-bin/inside.pl").name == "/cgi-bin/inside.pl"
    assert find_status(resolver, "/cgi-bin/index.html") == 403


def test_folder_with_a_similar_name_is_static(site: Path) -> None:
    (site / "htdocs/cgi-binary").mkdir()
    (site / "htdocs/cgi-binary/x.pl").write_text("")
    resolver = make_resolver(site, make_mount(site / "htdocs/cgi-bin", "/run/"))

    assert find_file(resolver, "/cgi-binary/x.pl").endswith("x.pl")


def test_mounted_file_inside_the_docroot_is_not_static(site: Path) -> None:
    file = site / "htdocs/sub/deep/x.css"
    mount = ScriptMount.model_validate({"url": "/x", "file": file})

    assert find_status(make_resolver(site, mount), "/sub/deep/x.css") == 403


@pytest.mark.parametrize("target", ["../cgi-bin/tool.pl", "../cgi-bin"])
def test_link_into_a_script_folder_is_not_static(site: Path, target: str) -> None:
    (site / "htdocs/link").symlink_to(target)

    path = "/link" if target.endswith(".pl") else "/link/tool.pl"

    assert find_status(make_resolver(site), path) == 403


def test_link_into_a_script_folder_of_a_switched_release(site: Path) -> None:
    for release in ("1", "2"):
        (site / release / "cgi-bin").mkdir(parents=True)
        (site / release / "htdocs").mkdir()
        (site / release / "cgi-bin/x").write_text("secret")
        (site / release / "htdocs/link.txt").symlink_to("../cgi-bin/x")
    current = site / "current"
    current.symlink_to("1")
    resolver = make_resolver(
        site,
        make_mount(current / "cgi-bin", "/cgi-bin/", match=["x"]),
        docroot=current / "htdocs",
    )
    current.unlink()
    current.symlink_to("2")

    assert find_status(resolver, "/link.txt") == 403
    assert find_script(resolver, "/cgi-bin/x").path == str(current / "cgi-bin/x")


def test_index_that_is_a_link_to_a_script_is_refused(site: Path) -> None:
    (site / "htdocs/empty/index.html").symlink_to("../../cgi-bin/tool.pl")

    assert find_status(make_resolver(site), "/empty/") == 403


@pytest.mark.parametrize(
    ("link", "target"), [("x.txt", "x.py"), ("x.py", "program"), ("x.txt", "x.py~")]
)
def test_link_from_or_to_source_is_refused(site: Path, link: str, target: str) -> None:
    (site / "outside" / target).write_text("secret")
    (site / "htdocs" / link).symlink_to(site / "outside" / target)

    assert find_status(make_resolver(site), "/" + link) == 403


@pytest.mark.parametrize("url", ["/s/", "/longer-than-cgi-bin/"])
def test_alias_of_a_script_folder_is_not_static(site: Path, url: str) -> None:
    resolver = make_resolver(site, aliases={url: site / "cgi-bin"})

    assert find_status(resolver, url + "data.txt") == 403


def test_alias_below_a_script_folder_is_static(site: Path) -> None:
    resolver = make_resolver(site, aliases={"/static/": site / "cgi-bin/static"})

    assert find_file(resolver, "/static/x.css") == str(site / "cgi-bin/static/x.css")
    assert find_status(resolver, "/cgi-bin/static/x.css") == 403


def test_settings_are_never_static(site: Path) -> None:
    config = site / "htdocs/config.yaml"
    (site / "htdocs/link.txt").symlink_to("config.yaml")
    resolver = make_resolver(site, private=(config,))

    assert find_status(resolver, "/config.yaml") == 403
    assert find_status(resolver, "/link.txt") == 403
    assert find_file(make_resolver(site), "/config.yaml") == str(config)


# Symbolic links


@pytest.mark.parametrize(
    ("policy", "is_followed"), [("owner", True), ("always", True), ("never", False)]
)
@pytest.mark.parametrize(
    ("link", "target", "path"),
    [
        ("link.txt", "../outside/secret.txt", "/link.txt"),
        ("link", "../outside", "/link/secret.txt"),
        ("link", "sub/deep", "/link/x.css"),
    ],
)
def test_links_of_one_owner(
    site: Path, policy: str, is_followed: bool, link: str, target: str, path: str
) -> None:
    (site / "htdocs" / link).symlink_to(target)
    resolver = make_resolver(site, follow_symlinks=policy)

    if is_followed:
        assert find_file(resolver, path) == f"{site}/htdocs{path}"
    else:
        assert find_status(resolver, path) == 403


@needs_root
@pytest.mark.parametrize("followed", ["link", "folder"])
@pytest.mark.parametrize(
    ("policy", "is_followed"), [("owner", False), ("always", True), ("never", False)]
)
def test_links_to_files_of_another_owner(
    site: Path, policy: str, is_followed: bool, followed: str
) -> None:
    name = "link" if followed == "folder" else "link.txt"
    target = "../outside" if followed == "folder" else "../outside/secret.txt"
    path = "/link/secret.txt" if followed == "folder" else "/link.txt"
    link = site / "htdocs" / name
    link.symlink_to(target)
    os.lchown(link, 65534, 65534)
    resolver = make_resolver(site, follow_symlinks=policy)

    if is_followed:
        assert find_file(resolver, path) == f"{site}/htdocs{path}"
    else:
        assert find_status(resolver, path) == 403


def test_where_links_led_is_known(site: Path) -> None:
    (site / "htdocs/link.txt").symlink_to("a b.txt")
    (site / "htdocs/link").symlink_to("sub")
    resolver = make_resolver(site)

    file, below = resolver.resolve("/link.txt"), resolver.resolve("/link/deep/x.css")

    assert isinstance(file, StaticFile)
    assert isinstance(below, StaticFile)
    assert (file.links, file.real) == ("owner", str(site / "htdocs/a b.txt"))
    assert file.stat == os.stat(site / "htdocs/a b.txt")
    assert below.real == str(site / "htdocs/sub/deep/x.css")


def test_script_behind_a_link_keeps_its_path(site: Path) -> None:
    (site / "cgi-bin/link.py").symlink_to("hello.py")

    script = find_script(make_resolver(site), "/cgi-bin/link.py")

    assert script.path == str(site / "cgi-bin/link.py")
    assert script.stat == os.stat(site / "cgi-bin/hello.py")


@pytest.mark.parametrize(
    ("target", "status"), [("nowhere", 404), ("loop", 403), ("index.html/x", 404)]
)
def test_broken_links(site: Path, target: str, status: int) -> None:
    (site / "htdocs/loop").symlink_to(target)

    assert find_status(make_resolver(site), "/loop") == status


def test_folder_that_may_not_be_entered() -> None:
    with public_folder() as docroot:
        (docroot / "closed").mkdir()
        (docroot / "closed/index.html").write_text("")
        (docroot / "closed").chmod(0)
        resolver = Resolver(Site(docroot=docroot), label="site")

        with without_privileges():
            assert find_status(resolver, "/closed/index.html") == 403
            assert find_status(resolver, "/closed/") == 403


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (errno.ENOENT, HTTPStatus.NOT_FOUND),
        (errno.EACCES, HTTPStatus.FORBIDDEN),
        (errno.EMFILE, HTTPStatus.SERVICE_UNAVAILABLE),
        (errno.EIO, HTTPStatus.INTERNAL_SERVER_ERROR),
    ],
)
def test_answer_to_a_failing_system(code: int, status: HTTPStatus) -> None:
    error = make_http_error(OSError(code, os.strerror(code), "/x"))

    assert (error.status, error.reason) == (status, f"{os.strerror(code)}: /x")
    assert ("Retry-After" in dict(error.fields)) == (status == 503)


# X-Sendfile


@pytest.mark.parametrize(
    "name", ["htdocs/a b.txt", "cgi-bin/data.txt", "icons/x.png", "cgi-bin/hello.py"]
)
def test_script_may_send_files_of_its_site(site: Path, name: str) -> None:
    resolver = make_resolver(site, aliases={"/icons/": site / "icons"})

    found = resolver.resolve_sendfile(str(site / name))

    assert found == StaticFile(str(site / name), os.stat(site / name))


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("outside/secret.txt", 403),
        ("htdocs/../outside/secret.txt", 403),
        ("htdocs-2/x", 403),
        ("htdocs/link.txt", 403),
        ("htdocs/config.yaml", 403),
        ("htdocs/sub", 403),
        ("htdocs/missing", 404),
        ("htdocs/\0", 404),
    ],
)
def test_script_may_not_send_other_files(site: Path, name: str, status: int) -> None:
    (site / "htdocs/link.txt").symlink_to("../outside/secret.txt")
    resolver = make_resolver(site, private=(site / "htdocs/config.yaml",))

    with pytest.raises(HTTPError) as refusal:
        resolver.resolve_sendfile(f"{site}/{name}")

    assert refusal.value.status == status


def test_script_may_not_send_relative_paths(site: Path) -> None:
    with pytest.raises(HTTPError) as refusal:
        make_resolver(site).resolve_sendfile("htdocs/index.html")

    assert refusal.value.status == 404


@pytest.mark.parametrize("name", ["config.yaml~", "config.yaml.bak", "error.log.1"])
def test_copies_of_private_files_are_private_too(site: Path, name: str) -> None:
    (site / "htdocs" / name).write_text("secret")
    private = (site / "htdocs/config.yaml", site / "htdocs/error.log")
    assert find_status(make_resolver(site, private=private), f"/{name}") == 403
