"""From a path to a file, a script or a redirect, in real folders."""

import os
import socket
from pathlib import Path

import pytest

from httpout_cgi.config import ScriptMount, Site
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolution import DirectoryRedirect, StaticFile
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.protocol.url_path import parse_target
from tests.accounts import public_folder, without_privileges
from tests.resolving import (
    find_file,
    find_script,
    find_status,
    make_mount,
    make_pages,
    make_resolver,
    write_site,
)

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can give files to other accounts"
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path)


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
