"""What may not leave as a static file, by whatever name, in real folders."""

from pathlib import Path

import pytest

from httpout_cgi.config import ScriptMount
from httpout_cgi.files.roots import is_source
from tests.resolving import (
    find_file,
    find_script,
    find_status,
    make_mount,
    make_pages,
    make_resolver,
    write_site,
)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return write_site(tmp_path)


@pytest.mark.parametrize("name", ["page.cgi", "page.html"])
def test_page_is_not_shown_by_another_name(site: Path, name: str) -> None:
    (site / "htdocs" / name).write_text("secret")
    (site / "htdocs/public.txt").symlink_to(name)
    resolver = make_pages(site, match=[name])

    assert find_script(resolver, f"/{name}").name == f"/{name}"
    assert find_status(resolver, "/public.txt") == 403


def test_data_beside_pages_is_their_own(site: Path) -> None:
    (site / "htdocs/data.sqlite").write_text("secret")

    assert find_status(make_pages(site), "/data.sqlite") == 403


def test_pages_elsewhere_are_no_overlay(site: Path) -> None:
    pages = make_mount(site / "cgi-bin", "/pages/", output="page")

    assert find_status(make_resolver(site, pages), "/pages/data.txt") == 403


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


@pytest.mark.parametrize(
    ("alias", "scripts"),
    [
        pytest.param("current", "2/scripts", id="the alias"),
        pytest.param("2", "current/scripts", id="the scripts"),
    ],
)
def test_a_release_that_is_switched_shows_no_source(
    site: Path, alias: str, scripts: str
) -> None:
    """CWE-59: where a root leads to is known from the start, and may change."""
    for release in ("1", "2"):
        (site / release / "scripts").mkdir(parents=True)
        (site / release / "scripts/tool.pl").write_text("secret")
        (site / release / "public.txt").touch()
    current = site / "current"
    current.symlink_to("1")
    resolver = make_resolver(
        site,
        make_mount(site / scripts, "/s/", match=["*.pl"]),
        aliases={"/all/": site / alias},
    )
    current.unlink()
    current.symlink_to("2")
    assert find_status(resolver, "/all/scripts/tool.pl") == 403
    find_file(resolver, "/all/public.txt")


def test_a_mount_whose_link_has_gone_has_no_script(site: Path) -> None:
    current = site / "current"
    current.symlink_to(".")
    resolver = make_resolver(site, make_mount(current / "cgi-bin", "/s/"))
    find_file(resolver, "/a b.txt")
    current.unlink()
    assert find_status(resolver, "/s/tool.pl") == 404
    find_file(resolver, "/a b.txt")


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


@pytest.mark.parametrize(
    ("docroot", "private"), [("current/htdocs", "htdocs"), ("htdocs", "current/htdocs")]
)
def test_settings_are_private_behind_a_link_above_them(
    site: Path, docroot: str, private: str
) -> None:
    (site / "current").symlink_to(".")
    config = site / private / "config.yaml"
    resolver = make_resolver(site, docroot=site / docroot, private=(config,))

    assert find_status(resolver, "/config.yaml") == 403


@pytest.mark.parametrize("name", ["config.yaml~", "config.yaml.bak", "error.log.1"])
def test_copies_of_private_files_are_private_too(site: Path, name: str) -> None:
    (site / "htdocs" / name).write_text("secret")
    private = (site / "htdocs/config.yaml", site / "htdocs/error.log")
    assert find_status(make_resolver(site, private=private), f"/{name}") == 403
