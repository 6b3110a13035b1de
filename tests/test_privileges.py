"""Privileges: who the workers are, and what root may not do."""

import grp
import os
import pwd
import re
import shutil
import socket
import stat
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.config import Config
from httpout_cgi.errors import ConfigError, StartError
from httpout_cgi.processes import privileges
from httpout_cgi.protocol.scgi import encode_head
from tests.accounts import public_folder, without_privileges
from tests.live import PATIENCE
from tests.root_server import ACCOUNT, Python, RootServer, as_root


def make_config(folder: Path, text: str = "") -> Config:
    """Load settings of a folder that everybody may enter."""
    for name in ("htdocs", "cgi-bin"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "config.yaml").write_text(text)
    return config.load(folder / "config.yaml")


def set_uid(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)


# --- which account


def test_without_user_nobody_changes(tmp_path: Path) -> None:
    assert privileges.choose_account(make_config(tmp_path)) is None


def test_an_account_has_the_groups_of_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_uid(monkeypatch, 0)
    account = privileges.choose_account(make_config(tmp_path, f"user: {ACCOUNT}"))
    entry = pwd.getpwnam(ACCOUNT)
    assert account
    assert (account.uid, account.gid) == (entry.pw_uid, entry.pw_gid)
    assert set(account.groups) == set(os.getgrouplist(ACCOUNT, entry.pw_gid))


def test_a_group_replaces_the_primary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_uid(monkeypatch, 0)
    loaded = make_config(tmp_path, f"user: {ACCOUNT}\ngroup: daemon")
    account = privileges.choose_account(loaded)
    assert account
    assert account.gid == grp.getgrnam("daemon").gr_gid
    assert account.gid in account.groups


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("user: no-such-user", "user: no account 'no-such-user' on this machine"),
        (
            f"user: {ACCOUNT}\ngroup: no-such-group",
            "group: no group 'no-such-group' on this machine",
        ),
        ("user: root", "user: root, but allow_root is not true"),
    ],
)
def test_wrong_accounts_are_problems(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    set_uid(monkeypatch, 0)
    with pytest.raises(ConfigError) as caught:
        privileges.choose_account(make_config(tmp_path, text))
    assert caught.value.problems == (problem,)


def test_only_root_can_become_another_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_uid(monkeypatch, 12345)
    with pytest.raises(ConfigError, match="only root can become 'nobody'"):
        privileges.choose_account(make_config(tmp_path, f"user: {ACCOUNT}"))


def test_an_account_may_be_named_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_uid(monkeypatch, pwd.getpwnam(ACCOUNT).pw_uid)
    loaded = make_config(tmp_path, f"user: {ACCOUNT}")
    assert privileges.choose_account(loaded) is None


# --- root


@pytest.mark.parametrize(
    ("uid", "text", "warnings"),
    [
        pytest.param(0, "", 1, id="loopback"),
        pytest.param(0, "listen: ['[::1]:80', 'unix:x.sock']", 1, id="local"),
        pytest.param(
            0, "listen: ['0.0.0.0:80']\nallow_root: true", 1, id="allowed to be root"
        ),
        pytest.param(0, f"listen: ['0.0.0.0:80']\nuser: {ACCOUNT}", 0, id="user"),
        pytest.param(1000, "listen: ['0.0.0.0:80']", 0, id="not root"),
    ],
)
def test_root_is_warned(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    uid: int,
    text: str,
    warnings: int,
) -> None:
    loaded = make_config(tmp_path, text)
    set_uid(monkeypatch, 0)
    account = privileges.choose_account(loaded)
    set_uid(monkeypatch, uid)
    assert len(privileges.check_root(loaded, account)) == warnings


@pytest.mark.parametrize(
    "address", ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "x.org:80"]
)
def test_root_is_refused_on_public_addresses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    set_uid(monkeypatch, 0)
    loaded = make_config(tmp_path, f"listen: ['127.0.0.1:80', '{address}']")
    with pytest.raises(ConfigError, match=rf"listen: {re.escape(address)} is open"):
        privileges.check_root(loaded, None)


def test_a_user_that_came_too_late_does_not_hide_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_uid(monkeypatch, 0)
    text = f"listen: ['0.0.0.0:80']\nuser: {ACCOUNT}"
    with pytest.raises(ConfigError, match="is open to other machines"):
        privileges.check_root(make_config(tmp_path, text), None)


# --- accounts with sites of their own

USERS = "sites: [{}]\nusers: {group: nogroup}\n"


def test_only_root_can_run_scripts_as_accounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = make_config(tmp_path, f"{USERS}user: {ACCOUNT}")
    set_uid(monkeypatch, 12345)
    with pytest.raises(ConfigError) as caught:
        privileges.choose_account(loaded)
    problem = "users: only root can run scripts as accounts; start as root"
    assert caught.value.problems == (problem,)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            f"{USERS}user: root\nallow_root: true",
            "users: user is root, and would read everybody's files",
        ),
        (
            f"{USERS.replace('nogroup', 'no-such')}user: {ACCOUNT}",
            "users.group: no group 'no-such' on this machine",
        ),
        (f"{USERS}user: no-such", "user: no account 'no-such' on this machine"),
    ],
)
def test_settings_of_accounts_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, problem: str
) -> None:
    set_uid(monkeypatch, 0)
    with pytest.raises(ConfigError) as caught:
        privileges.choose_account(make_config(tmp_path, text))
    assert caught.value.problems == (problem,)


def test_accounts_need_workers_that_are_not_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_uid(monkeypatch, 0)
    loaded = make_config(tmp_path, f"{USERS}user: {ACCOUNT}")
    privileges.choose_account(loaded)
    assert not privileges.check_root(loaded, privileges.choose_account(loaded))
    # As when they are written into the settings of a server that is root.
    with pytest.raises(ConfigError, match="the workers are root"):
        privileges.check_root(loaded, None)


def test_hosts_of_accounts_have_no_folders_to_check(tmp_path: Path) -> None:
    text = "user: x\nusers: {}\nsites: [{hosts: [$user.example.org]}]"
    privileges.check_folders(make_config(tmp_path, text), None)


# --- folders


def test_the_own_docroot_can_be_entered(tmp_path: Path) -> None:
    privileges.check_folders(make_config(tmp_path), None)


def test_a_docroot_without_search_permission_is_named() -> None:
    with public_folder() as folder:
        loaded = make_config(folder)
        (folder / "htdocs").chmod(0)
        name = rf"docroot {folder}/htdocs cannot be read"
        with without_privileges(), pytest.raises(StartError, match=name):
            privileges.check_folders(loaded, None)


@as_root
def test_folders_are_checked_with_the_eyes_of_the_account(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = make_config(open_folder, f"user: {ACCOUNT}")
    account = privileges.choose_account(loaded)
    before = os.getresuid(), os.getresgid(), os.getgroups()
    privileges.check_folders(loaded, account)
    (open_folder / "htdocs").chmod(0o710)
    with pytest.raises(StartError, match=r"docroot .* cannot be read by nobody"):
        privileges.check_folders(loaded, account)
    assert (os.getresuid(), os.getresgid(), os.getgroups()) == before


# --- as processes


@pytest.fixture
def identity_server(python: Python, open_folder: Path) -> Iterator[RootServer]:
    """A server on a privileged socket path whose script tells who it is."""
    make_config(
        open_folder,
        f"listen: ['127.0.0.1:0']\nuser: {ACCOUNT}\n"
        "log: {access: {path: access.log, format: '%U'}}\n"
        "pools: {scgi_listen: 'unix:site.sock'}\n"
        "sites: [{scripts: [{url: /cgi-bin/, path: cgi-bin, runner: thread},"
        " {url: /processes/, path: cgi-bin, runner: process}]}]\n",
    )
    script = open_folder / "cgi-bin" / "who.py"
    script.write_text(
        "import os\nprint('Content-Type: text/plain\\n')\n"
        "print(os.getresuid(), os.getresgid(), os.getgroups())\n"
        # The system itself is asked: os.setuid() is refused in threads, anyway.
        "import ctypes\nif ctypes.CDLL(None).setuid(0) == -1:\n    print('for good')\n"
    )
    server = RootServer(python, open_folder)
    yield server
    assert server.stop() == 0, server.stderr.text


@as_root
def test_a_pool_is_the_account_for_good(identity_server: RootServer) -> None:
    url = identity_server.stdout.wait_for(r"http://\S+").group()
    with urllib.request.urlopen(f"{url}processes/who.py", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    entry = pwd.getpwnam(ACCOUNT)
    uid, gid = entry.pw_uid, entry.pw_gid
    groups = sorted(os.getgrouplist(ACCOUNT, gid))
    assert text == f"{(uid,) * 3} {(gid,) * 3} {groups}\nfor good\n"


@as_root
def test_the_socket_for_other_servers_is_for_the_group_of_the_account(
    identity_server: RootServer, open_folder: Path
) -> None:
    identity_server.stdout.wait_for(r"http://\S+")
    entry = pwd.getpwnam(ACCOUNT)
    path = open_folder / "site.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert path.stat().st_gid == entry.pw_gid
    script = str(open_folder / "cgi-bin/who.py")
    head = encode_head({"SCRIPT_FILENAME": script, "REQUEST_METHOD": "GET"})
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        client.sendall(head)
        answer = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    assert f"\n{(entry.pw_uid,) * 3} " in answer


@as_root
def test_workers_are_the_account_for_good(
    identity_server: RootServer, open_folder: Path
) -> None:
    url = identity_server.stdout.wait_for(r"http://\S+").group()
    with urllib.request.urlopen(f"{url}cgi-bin/who.py", timeout=PATIENCE) as answer:
        text = answer.read().decode()
    entry = pwd.getpwnam(ACCOUNT)
    uid, gid = entry.pw_uid, entry.pw_gid
    groups = sorted(os.getgrouplist(ACCOUNT, gid))
    assert text == f"{(uid,) * 3} {(gid,) * 3} {groups}\nfor good\n"
    # The supervisor opened the log as root; the worker writes to it nevertheless.
    assert (open_folder / "access.log").stat().st_uid == 0
    assert "AS ROOT" not in identity_server.stderr.text


@as_root
def test_a_package_that_the_account_cannot_read_is_said_once(
    python: Python, open_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(python.path, tmp_path / "packages")
    tmp_path.chmod(0o700)
    make_config(open_folder, f"listen: ['127.0.0.1:0']\nuser: {ACCOUNT}")
    server = RootServer(
        Python(python.executable, str(tmp_path / "packages")), open_folder
    )
    try:
        assert server.process.wait(PATIENCE) == 2
    finally:
        server.stop()
    assert "Traceback" not in server.stderr.text
    assert server.stderr.text.count("a worker cannot start") == 1
    assert "httpout-cgi: the workers cannot start" in server.stderr.text
