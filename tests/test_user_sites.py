"""The sites of accounts: which file of whom a URL leads to."""

import os
import pwd
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from stat import S_IMODE

import pytest

from httpout_cgi import accounts
from httpout_cgi import config as settings
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolution import DirectoryRedirect, Resolution, StaticFile
from httpout_cgi.files.static import StaticFiles
from httpout_cgi.messages import Endpoints, Request, Response
from httpout_cgi.protocol.ownership import OwnershipError
from httpout_cgi.scripts import Owner, Script
from httpout_cgi.sites import SiteMap
from tests.accounts import public_folder, without_privileges

CONFIG = """\
user: www
sites:
  - hosts: [example.org]
    docroot: htdocs
    follow_symlinks: always
    scripts: []
  - {hosts: [$user.example.org, $user.b.org], headers: {X-A: b}}
users:
  scripts: [{match: ["*"], environment: {EXTRA: 1}, timeout: 5}]
  deny: [root, denied]
"""
UID = 2345


class System:
    """Accounts that are only pretended; homes are real folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: dict[str, tuple[int, int, str]] = {}
        self.asked = 0

    def add(self, name: str, uid: int = UID, gid: int = UID) -> Path:
        home = self.folder / name
        home.mkdir(exist_ok=True)
        self.entries[name] = uid, gid, str(home)
        return home

    def getpwnam(self, name: str) -> pwd.struct_passwd:
        self.asked += 1
        uid, gid, home = self.entries[name.lower()]
        return pwd.struct_passwd((name.lower(), "x", uid, gid, "", home, "/bin/sh"))


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[System]:
    with public_folder() as folder:
        yield make_system(folder, monkeypatch)


def make_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> System:
    made = System(folder)
    monkeypatch.setattr(pwd, "getpwnam", made.getpwnam)
    for name in ("alice", "bob"):
        home = made.add(name, os.geteuid() or UID)
        page = home / "public_html/page.html"
        (home / "public_html/cgi-bin").mkdir(parents=True)
        page.write_text(name)
        script = home / "public_html/cgi-bin/run"
        script.touch(0o700)
    return made


def load(folder: Path, text: str = CONFIG) -> SiteMap:
    (folder / "htdocs").mkdir(exist_ok=True)
    (folder / "htdocs/page.html").touch()
    (folder / "config.yaml").write_text(text)
    return SiteMap(settings.load(folder / "config.yaml"))


def resolve(sites: SiteMap, path: str, host: str = "example.org") -> Resolution:
    site, _ = sites.find(make_request(host))
    return site.choose_resolver(path).resolve(path)


def make_request(host: str) -> Request:
    endpoints = Endpoints("http", "192.0.2.9", 1, "192.0.2.1", 80)
    return Request("GET", "/", "HTTP/1.1", {"host": [host]}, endpoints)


def find_refusal(sites: SiteMap, path: str, host: str = "example.org") -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        resolve(sites, path, host)
    return caught.value


@pytest.mark.parametrize(
    ("path", "host"),
    [
        ("/~alice/page.html", "example.org"),
        ("/page.html", "alice.example.org"),
        ("/page.html", "ALICE.b.org:80"),
    ],
)
def test_a_page_of_an_account(system: System, path: str, host: str) -> None:
    found = resolve(load(system.folder), path, host)
    assert isinstance(found, StaticFile)
    assert found.path == f"{system.folder}/alice/public_html/page.html"


@pytest.mark.parametrize(
    ("path", "host", "root"),
    [
        ("/~bob/cgi-bin/run/a/b", "example.org", "htdocs"),
        ("/cgi-bin/run/a/b", "bob.example.org", "bob/public_html"),
    ],
)
def test_a_script_of_an_account(
    system: System, path: str, host: str, root: str
) -> None:
    found = resolve(load(system.folder), path, host)
    assert isinstance(found, Script)
    assert found.path == f"{system.folder}/bob/public_html/cgi-bin/run"
    assert S_IMODE(found.stat.st_mode) == 0o700
    assert (found.name, found.extra_path) == (path.removesuffix("/a/b"), "/a/b")
    # As under Apache: the docroot is that of the host.
    assert found.document_root == str(system.folder / root)
    assert found.mount.owner == Owner("bob", os.geteuid() or UID)
    # Never in a thread, which has the rights of the workers.
    assert found.mount.runner == "process"
    assert (found.mount.environment, found.mount.timeout) == ({"EXTRA": "1"}, 5.0)


def test_the_rest_of_the_site_stays_what_it_is(system: System) -> None:
    sites = load(system.folder)
    found = resolve(sites, "/page.html")
    assert isinstance(found, StaticFile)
    assert found.path == f"{system.folder}/htdocs/page.html"
    assert found.owner is None
    assert find_refusal(sites, "/~/page.html").status == HTTPStatus.NOT_FOUND


def test_an_account_without_its_slash_is_redirected(system: System) -> None:
    assert resolve(load(system.folder), "/~alice") == DirectoryRedirect("/~alice/")


def test_on_a_host_of_an_account_there_are_no_others(system: System) -> None:
    refused = find_refusal(load(system.folder), "/~bob/page.html", "alice.example.org")
    assert refused.status == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("host", ["example.net", "a.b.example.org", ".example.org"])
def test_hosts_that_are_no_account(system: System, host: str) -> None:
    with pytest.raises(HTTPError):
        load(system.folder).find(make_request(host))


@pytest.mark.parametrize(
    ("name", "uid", "gid", "word"),
    [
        pytest.param("nobody-here", None, 0, "unknown-account", id="unknown"),
        pytest.param("Alice", None, 0, "unknown-account", id="other case"),
        pytest.param("a b", None, 0, "bad-account-name", id="space"),
        pytest.param("..", None, 0, "bad-account-name", id="dots"),
        pytest.param("a" * 33, None, 0, "bad-account-name", id="long"),
        pytest.param("a\n", None, 0, "bad-account-name", id="line feed"),
        pytest.param("root", 0, 2000, "root-account", id="root"),
        pytest.param("group0", 2000, 0, "root-account", id="root's group"),
        pytest.param("daemon", 999, 2000, "uid-below-minimum", id="uid"),
        pytest.param("games", 2000, 999, "gid-below-minimum", id="gid"),
        pytest.param("denied", 2000, 2000, "denied-account", id="denied"),
        pytest.param("www", 2000, 2000, "account-of-the-workers", id="workers"),
        pytest.param("empty", 2000, 2000, "no-docroot", id="no docroot"),
    ],
)
def test_refused_accounts_look_like_missing_files(
    system: System, name: str, uid: int | None, gid: int, word: str
) -> None:
    if uid is not None:
        home = system.add(name, uid, gid)
        if name != "empty":
            (home / "public_html").mkdir()
    refused = find_refusal(load(system.folder), f"/~{name}/")
    assert refused.status == HTTPStatus.NOT_FOUND
    assert refused.reason.startswith(f"{word}: ")
    assert "\n" not in refused.reason


def test_an_account_without_a_home_is_refused(system: System) -> None:
    system.entries["alice"] = 2000, 2000, ""
    refused = find_refusal(load(system.folder), "/~alice/")
    assert refused.reason == "no-home: alice"


def test_only_members_of_the_group(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "getgrouplist", lambda name, gid: [gid])
    sites = load(system.folder, CONFIG + "  group: nogroup\n")
    assert find_refusal(sites, "/~alice/").reason == "not-in-group: alice"
    sites = load(system.folder, CONFIG + "  group: no-such-group\n")
    assert find_refusal(sites, "/~alice/").reason == "not-in-group: alice"
    monkeypatch.setattr(os, "getgrouplist", lambda *_: [65534])
    sites = load(system.folder, CONFIG + "  group: nogroup\n")
    assert resolve(sites, "/~alice/page.html")


# --- time


def test_names_that_clients_invent_are_not_remembered_for_ever(system: System) -> None:
    users = settings.Users()
    known = accounts.Accounts(users, None)
    for number in range(3000):
        with pytest.raises(OwnershipError):
            known.find(f"x{number}")
    assert len(known._known) <= 1024


def test_an_answer_is_believed_for_seconds_only(system: System) -> None:
    now = [0.0]
    known = accounts.Accounts(settings.Users(minimum_uid=1), None, lambda: now[0])
    with pytest.raises(OwnershipError, match="unknown-account: carol"):
        known.find("carol")
    system.add("carol")
    now[0] = accounts.BELIEVED_SECONDS / 2
    with pytest.raises(OwnershipError):
        known.find("carol")
    assert system.asked == 1
    now[0] = accounts.BELIEVED_SECONDS
    assert known.find("carol").home == f"{system.folder}/carol"
    del system.entries["carol"]
    assert known.find("carol")
    now[0] *= 2
    with pytest.raises(OwnershipError):
        known.find("carol")


# --- whose files


def respond(sites: SiteMap, path: str) -> Response:
    found = resolve(sites, path)
    assert isinstance(found, StaticFile)
    return StaticFiles().respond(found, make_request("example.org"), now=0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
class TestOwners:
    """Files of others, links to them, and folders that are links."""

    @pytest.fixture(autouse=True)
    def own(self, system: System) -> None:
        for number, name in ((UID, "alice"), (UID + 1, "bob")):
            system.add(name, number)
            for folder, _, files in os.walk(system.folder / name):
                for one in (folder, *(f"{folder}/{file}" for file in files)):
                    os.chown(one, number, number)

    def test_own_files_are_sent(self, system: System) -> None:
        assert respond(load(system.folder), "/~alice/page.html").body == b"alice"

    def test_what_belongs_to_others_is_not_sent(self, system: System) -> None:
        os.chown(system.folder / "alice/public_html/page.html", 0, 0)
        sites = load(system.folder)
        with pytest.raises(HTTPError, match="403 not-owner: "):
            respond(sites, "/~alice/page.html")

    def test_unless_ownership_is_not_checked(self, system: System) -> None:
        os.chown(system.folder / "alice/public_html/page.html", 0, 0)
        sites = load(system.folder, CONFIG + "pools: {check_ownership: 'off'}\n")
        assert respond(sites, "/~alice/page.html").body == b"alice"

    def test_a_link_to_what_others_have_is_not_followed(self, system: System) -> None:
        # Although the site follows every link.
        link = system.folder / "alice/public_html/x.html"
        link.symlink_to("../../bob/public_html/page.html")
        os.chown(link, UID, UID, follow_symlinks=False)
        refused = find_refusal(load(system.folder), "/~alice/x.html")
        assert refused.status == HTTPStatus.FORBIDDEN

    def test_a_docroot_that_is_a_link_shows_nothing(self, system: System) -> None:
        docroot = system.folder / "alice/public_html"
        docroot.rename(system.folder / "alice/old")
        docroot.symlink_to(system.folder / "bob/public_html")
        sites = load(system.folder)
        with pytest.raises(HTTPError, match="403 not-owner: "):
            respond(sites, "/~alice/page.html")

    def test_a_script_sends_no_file_of_others(self, system: System) -> None:
        sites = load(system.folder)
        site, _ = sites.find(make_request("example.org"))
        resolver = site.choose_resolver("/~alice/cgi-bin/run")
        with pytest.raises(HTTPError, match="403 not a file of this site"):
            resolver.resolve_sendfile(f"{system.folder}/bob/public_html/page.html")
        own = f"{system.folder}/alice/public_html/page.html"
        assert resolver.resolve_sendfile(own).owner == UID


def test_followed_links_stay_as_narrow_as_the_site_wants(system: System) -> None:
    docroot = system.folder / "alice/public_html"
    (docroot / "x.html").symlink_to("page.html")
    text = CONFIG.replace("always", "never")
    refused = find_refusal(load(system.folder, text), "/~alice/x.html")
    assert refused.status == HTTPStatus.FORBIDDEN


def test_a_folder_that_workers_may_not_enter_has_a_word(system: System) -> None:
    (system.folder / "alice/public_html/cgi-bin").chmod(0)
    sites = load(system.folder)
    resolve(sites, "/~alice/page.html")
    with without_privileges():
        refused = find_refusal(sites, "/~alice/cgi-bin/run")
    assert refused.status == HTTPStatus.FORBIDDEN
    assert refused.reason.startswith("not-readable: ")


def test_what_is_known_of_sites_is_bounded(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("httpout_cgi.user_sites._MOST_KNOWN", 1)
    sites = load(system.folder)
    for name in ("alice", "bob", "alice"):
        found = resolve(sites, f"/~{name}/page.html")
        assert isinstance(found, StaticFile)
        assert name in found.path
