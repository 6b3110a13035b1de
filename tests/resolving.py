"""What a path leads to, for tests that resolve some."""

from pathlib import Path

import pytest

from httpout_cgi.config import ScriptMount, Site
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolution import StaticFile
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.scripts import Script


def write_site(folder: Path) -> Path:
    """Put a docroot, scripts, and something beside them into a folder; return it."""
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
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    (folder / "htdocs/empty").mkdir()
    return folder


def make_mount(folder: Path, url: str, **settings: object) -> ScriptMount:
    return ScriptMount.model_validate({"url": url, "path": folder, **settings})


def make_resolver(
    site: Path, *mounts: ScriptMount, private: tuple[Path, ...] = (), **settings: object
) -> Resolver:
    scripts = mounts or (make_mount(site / "cgi-bin", "/cgi-bin/"),)
    values = {"docroot": site / "htdocs", "scripts": scripts, **settings}
    return Resolver(Site.model_validate(values), label="example.org", private=private)


def make_pages(site: Path, **settings: object) -> Resolver:
    pages = make_mount(site / "htdocs", "/", output="page", **settings)
    return make_resolver(site, pages, make_mount(site / "cgi-bin", "/cgi-bin/"))


def find_script(resolver: Resolver, path: str) -> Script:
    found = resolver.resolve(path)
    assert isinstance(found, Script)
    return found


def find_status(resolver: Resolver, path: str) -> int:
    with pytest.raises(HTTPError) as refusal:
        resolver.resolve(path)
    return refusal.value.status


def find_file(resolver: Resolver, path: str) -> str:
    found = resolver.resolve(path)
    assert isinstance(found, StaticFile)
    return found.path
