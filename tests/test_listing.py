"""Listings: what is in a folder, and the page that shows it."""

import os
from http import HTTPStatus
from pathlib import Path

import pytest

from httpout_cgi.config import ScriptMount, Site
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.listing import Entry, list_folder
from httpout_cgi.files.resolution import Folder
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.listing_page import format_size, render_listing
from httpout_cgi.scripts import Owner

OLD = 1_600_000_000


@pytest.fixture
def docroot(tmp_path: Path) -> Path:
    folder = tmp_path / "htdocs"
    folder.mkdir()
    return folder


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, (OLD, OLD))


def make_resolver(
    docroot: Path,
    *scripts: ScriptMount,
    private: tuple[Path, ...] = (),
    owner: Owner | None = None,
    **settings: object,
) -> Resolver:
    values = {"docroot": docroot, "scripts": scripts, "listing": True, **settings}
    site = Site.model_validate(values)
    return Resolver(site, label="x", private=private, owner=owner)


def find(resolver: Resolver, path: str = "/") -> list[Entry]:
    folder = resolver.resolve(path)
    assert isinstance(folder, Folder)
    return list_folder(folder, resolver)


def find_names(resolver: Resolver, path: str = "/") -> list[str]:
    return [entry.name for entry in find(resolver, path)]


def test_folders_come_first_then_names_whatever_their_case(docroot: Path) -> None:
    make(docroot, "b.txt", "A.txt", "c.txt", "a.txt", "sub/x", "Z/x")

    names = find_names(make_resolver(docroot))

    assert names == ["sub", "Z", "A.txt", "a.txt", "b.txt", "c.txt"]


def test_sizes_and_times(docroot: Path) -> None:
    make(docroot, "a.txt", "sub/x")
    os.utime(docroot / "sub", (OLD, OLD))

    assert find(make_resolver(docroot)) == [
        Entry("sub", True, None, OLD),
        Entry("a.txt", False, 5, OLD),
    ]


def test_only_what_may_be_asked_for_is_listed(docroot: Path, tmp_path: Path) -> None:
    make(docroot, "a.txt", ".htpasswd", "page.py", "config.yaml", "a.py~", ".git/x")
    make(docroot, "cgi-bin/a.pl", "__pycache__/a.pyc")
    make(tmp_path, "outside/secret")
    (docroot / "gone").symlink_to("nowhere")
    (docroot / "link").symlink_to(tmp_path / "outside")
    os.mkfifo(docroot / "fifo")
    mount = ScriptMount(url="/cgi-bin/", path=docroot / "cgi-bin")
    private = (docroot / "config.yaml",)

    resolver = make_resolver(docroot, mount, private=private, follow_symlinks="never")

    assert find_names(resolver) == ["a.txt"]


def test_hidden_files_where_they_are_not_hidden(docroot: Path) -> None:
    make(docroot, ".profile")

    assert find_names(make_resolver(docroot, hidden_files="allow")) == [".profile"]


def test_scripts_are_listed_without_a_size(docroot: Path) -> None:
    make(docroot, "page.py", "sub/index.py", "a.txt")
    mount = ScriptMount(url="/", path=docroot)

    found = find(make_resolver(docroot, mount))

    assert [(entry.name, entry.size) for entry in found] == [
        ("sub", None),
        ("a.txt", 5),
        ("page.py", None),
    ]


def test_what_a_mount_covers_is_listed_as_what_it_is_there(docroot: Path) -> None:
    make(docroot, "tool", "backend", "api/x")
    mount = ScriptMount(url="/api", file=docroot / "backend")

    found = find(make_resolver(docroot, mount))

    assert [(entry.name, entry.is_folder) for entry in found] == [
        ("api", False),
        ("tool", False),
    ]


def test_script_folders_are_not_listed(docroot: Path, tmp_path: Path) -> None:
    make(tmp_path, "cgi-bin/a.py")
    resolver = make_resolver(docroot, ScriptMount(url="/s/", path=tmp_path / "cgi-bin"))

    with pytest.raises(HTTPError) as refusal:
        resolver.resolve("/s/")
    assert refusal.value.status == HTTPStatus.FORBIDDEN


def test_an_index_file_wins(docroot: Path) -> None:
    make(docroot, "sub/index.html", "sub/x")
    resolver = make_resolver(docroot)

    assert not isinstance(resolver.resolve("/sub/"), Folder)
    assert find_names(resolver) == ["sub"]


def test_aliases_are_listed(docroot: Path, tmp_path: Path) -> None:
    make(tmp_path, "icons/a.png")

    resolver = make_resolver(docroot, aliases={"/icons/": tmp_path / "icons"})

    assert find_names(resolver, "/icons/") == ["a.png"]


@pytest.mark.parametrize("uid", [0, 1], ids=["same", "other"])
def test_folder_of_somebody_else_is_not_listed_for_an_account(
    docroot: Path, uid: int
) -> None:
    make(docroot, "a.txt")
    resolver = make_resolver(docroot, owner=Owner("joe", os.geteuid() + uid))
    if uid:
        with pytest.raises(HTTPError) as refusal:
            find(resolver)
        assert refusal.value.status == HTTPStatus.FORBIDDEN
    else:
        assert find_names(resolver) == ["a.txt"]


def test_folder_that_is_gone(docroot: Path) -> None:
    resolver = make_resolver(docroot)

    with pytest.raises(HTTPError) as refusal:
        list_folder(Folder(str(docroot / "gone"), "/gone/"), resolver)

    assert refusal.value.status == HTTPStatus.NOT_FOUND


def test_folder_that_is_gone_while_it_is_looked_at(
    docroot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(docroot, "a.txt", "sub/x")

    def vanish(path: str) -> os.stat_result:
        raise FileNotFoundError(2, "gone", path)

    resolver = make_resolver(docroot)
    folder = resolver.resolve("/")
    assert isinstance(folder, Folder)
    monkeypatch.setattr("httpout_cgi.files.listing.os.stat", vanish)

    assert [entry.name for entry in list_folder(folder, resolver)] == ["a.txt"]


# The page


def test_page_shows_names_sizes_and_times() -> None:
    entries = [Entry("sub", True, None, OLD), Entry("a b.txt", False, 1536, OLD + 59.9)]

    page = render_listing("/über uns/", entries).decode()

    assert "<h1>/über uns/</h1>" in page
    assert '<a href="../">../</a>' in page
    assert '<a href="sub/">sub/</a>' in page
    assert '<a href="a%20b.txt">a b.txt</a>' in page
    assert ">1.5 KiB<" in page
    assert '<time datetime="2020-09-13 12:26:40Z">2020-09-13 12:26</time>' in page
    assert 'name="viewport"' in page


def test_there_is_no_way_up_from_the_top() -> None:
    assert b"../" not in render_listing("/", [])


@pytest.mark.parametrize(
    "name",
    [
        '"><script>alert(1)</script>',
        "javascript:alert(1)",
        "<img src=x onerror=alert(1)>",
        "' onclick='alert(1)",
        "a&lt;b",
        "//example.org",
        "a?b#c",
        "{title}",
        os.fsdecode(b"\xff\xfe\n"),
    ],
)
def test_no_name_is_markup_or_leads_away(name: str) -> None:
    page = render_listing(f"/{name}/", [Entry(name, False, 0, OLD)]).decode()

    assert page.count("<script") == page.count("<img") == 0
    assert page.count("<a ") == 2
    href = page.rpartition('href="')[2].partition('"')[0]
    assert not set(href) & set(":?#&<>'\"/ \n")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 KiB"),
        (1024, "1.0 KiB"),
        (10_189, "10 KiB"),
        (100 * 1024, "100 KiB"),
        (1023 * 1024, "1.0 MiB"),
        (5 * 1024**3, "5.0 GiB"),
        (3000 * 1024**4, "3000 TiB"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert format_size(size) == text
