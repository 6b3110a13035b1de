"""Opening component by component, while somebody exchanges them."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from httpout_cgi.config import Site
from httpout_cgi.errors import HTTPError
from httpout_cgi.files import opening
from httpout_cgi.files.contents import Contents
from httpout_cgi.files.listing import list_folder
from httpout_cgi.files.opening import Links, open_file, open_folder
from httpout_cgi.files.resolution import Folder, StaticFile
from httpout_cgi.files.resolve import Resolver

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A docroot beside a folder that is none of it."""
    for name in ("htdocs/sub", "outside/sub"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "a.txt").write_text(name)
    return tmp_path / "htdocs"


def read(root: Path, name: str, links: Links, real: Path | None = None) -> str:
    path = f"{root}/{name}"
    opened = open_file(str(root), path, links, None if real is None else str(real))
    with open(opened) as file:
        return file.read()


def test_file_is_opened_below_its_root(root: Path) -> None:
    assert read(root, "sub/a.txt", "never") == "htdocs/sub"


def test_folder_is_opened_to_be_listed(root: Path) -> None:
    for path in (f"{root}/sub", str(root)):
        opened = open_folder(str(root), path, "never")
        assert os.listdir(opened) == os.listdir(path)
        os.close(opened)


def test_root_may_be_the_root_of_the_disk(root: Path) -> None:
    opened = open_file("", f"{root}/sub/a.txt", "never")
    assert os.read(opened, 99) == b"htdocs/sub"
    os.close(opened)


def test_root_may_be_reached_by_links(root: Path) -> None:
    link = root.parent / "current"
    link.symlink_to("htdocs")
    assert read(link, "sub/a.txt", "never") == "htdocs/sub"


@pytest.mark.parametrize("target", ["../outside/sub", "{}/outside/sub", "sub"])
@pytest.mark.parametrize("name", ["link/a.txt", "link.txt"])
@pytest.mark.parametrize("links", ["never", "owner", "always"])
def test_links(root: Path, links: Links, name: str, target: str) -> None:
    text = "htdocs/sub" if target == "sub" else "outside/sub"
    target = target.format(root.parent)
    if name == "link.txt":
        target += "/a.txt"
    (root / name.split("/")[0]).symlink_to(target)
    if links == "never":
        with pytest.raises(OSError, match=r"link|directory") as caught:
            read(root, name, links)
        assert caught.value.filename == f"{root}/{name}"
    else:
        assert read(root, name, links) == text


@needs_root
@pytest.mark.parametrize("owner", ["link", "target"])
@pytest.mark.parametrize("links", ["owner", "always"])
def test_links_to_what_another_owner_has(root: Path, links: Links, owner: str) -> None:
    link = root / "link"
    link.symlink_to("../outside/sub")
    os.lchown(link if owner == "link" else root.parent / "outside/sub", NOBODY, NOBODY)
    if links == "always":
        assert read(root, "link/a.txt", links) == "outside/sub"
        return
    with pytest.raises(OSError, match="another owner") as caught:
        read(root, "link/a.txt", links)
    assert caught.value.errno == errno.ELOOP


def test_file_that_the_links_no_longer_lead_to(root: Path) -> None:
    (root / "link").symlink_to("sub")
    real = root / "sub/a.txt"
    assert read(root, "link/a.txt", "always", real) == "htdocs/sub"
    (root / "link").unlink()
    (root / "link").symlink_to("../outside/sub")
    with pytest.raises(OSError, match="another file by now"):
        read(root, "link/a.txt", "always", real)
    with pytest.raises(OSError, match="directory"):
        read(root, "link/a.txt", "always", root / "link/a.txt")


def test_what_is_not_there(root: Path) -> None:
    for name in ("missing/a.txt", "sub/a.txt/b", "sub/missing"):
        with pytest.raises(OSError, match=r"No such|Not a directory"):
            read(root, name, "always")


def test_no_descriptor_is_left_open(root: Path) -> None:
    (root / "link").symlink_to("../outside/sub")
    before = os.listdir("/proc/self/fd")
    for links in ("never", "owner", "always"):
        for name in ("sub/a.txt", "link/a.txt", "sub/missing", "x/y"):
            with suppress(OSError):
                os.close(open_file(str(root), f"{root}/{name}", links, f"{root}/x"))
    assert os.listdir("/proc/self/fd") == before


# --- races

ROUNDS = 300


@contextmanager
def exchanging(folder: Path, target: Path) -> Iterator[None]:
    """Let a folder be itself and a link to another one, in turns, all the time."""
    kept, link = folder.with_name("kept"), folder.with_name("link")
    ends = threading.Event()

    def exchange() -> None:
        while not ends.is_set():
            folder.rename(kept)
            link.symlink_to(target)
            link.rename(folder)
            folder.unlink()
            kept.rename(folder)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        yield
    finally:
        ends.set()
        thread.join()


def make_resolver(root: Path, links: Links) -> Resolver:
    settings = {"docroot": root, "follow_symlinks": links, "listing": True}
    return Resolver(Site.model_validate(settings), label="test")


def send(resolver: Resolver, path: str) -> str | None:
    """Return what is sent, None if it is refused."""
    try:
        found = resolver.resolve(path)
        if isinstance(found, Folder):
            return " ".join(one.name for one in list_folder(found, resolver))
        assert isinstance(found, StaticFile)
        # Nothing is remembered: each time is a race.
        content = Contents(0).open(found, found.stat.st_ctime)
        content.close()
        return content.data.decode()
    except HTTPError as refused:
        assert refused.status in (403, 404)  # noqa: PT017 - both ways are right
        return None


@pytest.mark.parametrize(
    ("links", "give_away"),
    [
        pytest.param("never", False, id="never"),
        pytest.param("owner", True, id="owner", marks=needs_root),
    ],
)
def test_folder_that_is_exchanged_with_a_link_shows_nothing(
    root: Path, links: Links, give_away: bool
) -> None:
    outside = root.parent / "outside/sub"
    (outside / "secret").write_text("secret")
    if give_away:
        for path in (outside, *outside.iterdir()):
            os.chown(path, NOBODY, NOBODY)
    resolver = make_resolver(root, links)
    with exchanging(root / "sub", outside):
        sent = [send(resolver, "/sub/a.txt") for _ in range(ROUNDS)]
        shown = [send(resolver, "/sub/") for _ in range(ROUNDS)]
    assert set(sent) <= {"htdocs/sub", None}
    # Its names are looked at one by one, which may be refused.
    assert set(shown) <= {"a.txt", "", None}


# Between looking at the file and opening it, without any luck.
def exchange_once(folder: Path, target: Path) -> Callable[..., int]:
    def exchange(*arguments: str) -> int:
        folder.rename(folder.with_name("kept"))
        folder.symlink_to(target)
        return open_file(*arguments)  # type: ignore[arg-type]

    return exchange


@pytest.mark.parametrize("links", ["never", "owner", "always"])
def test_folder_that_is_exchanged_before_the_file_is_opened(
    root: Path, links: Links, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = exchange_once(root / "sub", root.parent / "outside/sub")
    monkeypatch.setattr("httpout_cgi.files.contents.open_file", exchange)
    assert send(make_resolver(root, links), "/sub/a.txt") is None


def test_script_cannot_be_sent_by_a_link_that_is_exchanged(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "link").symlink_to("sub")
    scripts = root.parent / "scripts"
    scripts.mkdir()
    (scripts / "a.txt").write_text("source")
    exchange = exchange_once(root / "link", scripts)
    monkeypatch.setattr("httpout_cgi.files.contents.open_file", exchange)
    assert send(make_resolver(root, "always"), "/link/a.txt") is None


def test_systems_that_cannot_open_a_link_itself(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_PATH", 0)
    monkeypatch.setattr(opening, "_THROUGH", os.O_DIRECTORY)
    assert read(root, "sub/a.txt", "never") == "htdocs/sub"
    (root / "link").symlink_to("sub")
    assert read(root, "link/a.txt", "always") == "htdocs/sub"
    with pytest.raises(OSError, match=r"link|directory"):
        read(root, "link/a.txt", "never")
