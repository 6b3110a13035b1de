"""Rules of access that no case shows: sockets, accounts, settings, and time."""

import asyncio
import http.client
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpout_cgi import config as settings
from httpout_cgi.access import list_password_files, make_access, make_account_access
from httpout_cgi.errors import ConfigError, HTTPError, StartError
from httpout_cgi.gateway import Gateway
from httpout_cgi.messages import Endpoints, Request
from httpout_cgi.passwords import PasswordChecker
from httpout_cgi.processes import privileges
from httpout_cgi.protocol.basic_auth import Credentials
from tests.access_site import CASES, serve_access
from tests.fake_runs import FakeRun, FakeRunner
from tests.live import PATIENCE, Server

ALICE = "Basic YWxpY2U6b3BlbiBzZXNhbWU="
ACCOUNTS = """\
user: nobody
users:
  url: /~$user/
  access: {allow: [192.0.2.0/24]}
  scripts: [{url: cgi-bin/, access: {deny: [192.0.2.13]}}, {url: s/}]
sites: [{hosts: [a.example, $user.a.example], scripts: [{url: /x/, path: x,
  access: {deny: [192.0.2.14]}}]}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("htdocs", "x", "cgi-bin"):
        (tmp_path / name).mkdir()
    users = (CASES / "users.htpasswd").read_text("utf-8")
    (tmp_path / "users").write_text(users, "utf-8")
    return tmp_path


def load(folder: Path, text: str) -> settings.Config:
    (folder / "config.yaml").write_text(text, "utf-8")
    return settings.load(folder / "config.yaml")


def ask_for(path: str, address: str, **fields: str) -> Request:
    endpoints = Endpoints("http", address, 1, "127.0.0.1", 80)
    named = {name: [value] for name, value in fields.items()}
    return Request("GET", path, "HTTP/1.1", named, endpoints)


@pytest.mark.parametrize("is_host", [False, True], ids=["below a URL", "by host"])
@pytest.mark.parametrize(
    ("path", "address", "status"),
    [
        pytest.param("/", "192.0.2.1", 200, id="docroot"),
        pytest.param("/", "198.51.100.1", 403, id="docroot, not allowed"),
        pytest.param("", "198.51.100.1", 403, id="without its slash"),
        pytest.param("/cgi-bin/a.py", "192.0.2.1", 200, id="mount"),
        pytest.param("/cgi-bin/a.py", "192.0.2.13", 403, id="mount, denied"),
        pytest.param("/cgi-bin/a.py", "198.51.100.1", 403, id="mount, not allowed"),
        pytest.param("/s/a.py", "192.0.2.13", 200, id="another mount"),
    ],
)
def test_accounts_have_the_rules_of_users(
    folder: Path, path: str, address: str, status: int, is_host: bool
) -> None:
    config = load(folder, ACCOUNTS)
    site, users, passwords = config.sites[0], config.users, PasswordChecker()
    assert users
    if is_host:
        access = make_account_access(site, users, passwords)
    else:
        access = make_access(site, users, passwords)
        path = f"/~anybody{path}"
    assert access
    check = access.check(ask_for(path, address), path or "/")
    if status == 200:
        assert asyncio.run(check) == ""
        return
    with pytest.raises(HTTPError) as caught:
        asyncio.run(check)
    assert caught.value.status == status


@pytest.mark.parametrize("path", ["/", "/~", "/~/", "/x/a.py"])
def test_rules_of_accounts_are_not_the_site_s(folder: Path, path: str) -> None:
    config = load(folder, ACCOUNTS)
    access = make_access(config.sites[0], config.users, PasswordChecker())
    assert access
    assert asyncio.run(access.check(ask_for(path, "198.51.100.1"), path)) == ""


def test_addresses_are_checked_before_passwords(folder: Path) -> None:
    text = (
        "sites: [{access: {basic: {file: users}}, scripts: [{url: /x/, path: x,"
        " access: {deny: [192.0.2.0/24]}}]}]"
    )
    access = make_access(load(folder, text).sites[0], None, PasswordChecker())
    assert access
    with pytest.raises(HTTPError, match="denied"):
        asyncio.run(access.check(ask_for("/x/a", "192.0.2.1"), "/x/a"))


@pytest.mark.parametrize(
    ("address", "client"),
    [
        pytest.param("192.0.2.1", "192.0.2.1", id="IPv4"),
        # Who has a /64 could make each guess from another address.
        pytest.param("2001:db8::1:2:3:4", "2001:db8::/64", id="IPv6"),
    ],
)
def test_tries_are_counted_by_client(folder: Path, address: str, client: str) -> None:
    class Recorder(PasswordChecker):
        async def has(self, path: Path, credentials: Credentials, client: str) -> bool:
            asked.append((path, credentials.user, client))
            return True

    asked: list[tuple[Path, bytes, str]] = []
    config = load(folder, "sites: [{access: {basic: {file: users}}}]")
    access = make_access(config.sites[0], None, Recorder())
    assert access
    request = ask_for("/", address, authorization=ALICE)
    assert asyncio.run(access.check(request, "/")) == "alice"
    assert asked == [(folder / "users", b"alice", client)]


def test_a_site_without_rules_costs_nothing(folder: Path) -> None:
    config = load(folder, "sites: [{}]")
    assert make_access(config.sites[0], None, PasswordChecker()) is None
    assert list_password_files(config) == []


def test_all_files_of_users_are_known(folder: Path) -> None:
    for name in ("b", "c", "d"):
        (folder / name).write_text("")
    text = (
        "user: nobody\n"
        "sites: [{access: {basic: {file: users}}, scripts: [{url: /x/, path: x,"
        " access: {basic: {file: b}}}]}]\n"
        "users: {access: {basic: {file: c}}, scripts: ["
        "{url: s/, access: {basic: {file: d}}}]}"
    )
    found = list_password_files(load(folder, text))
    assert found == [folder / name for name in ("b", "c", "d", "users")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("{}", "has none of allow, deny and basic", id="nothing"),
        pytest.param("{allow: []}", "is empty; write addresses", id="nobody"),
        pytest.param("{allow: ['::ffff:10.0.0.1']}", "IPv4; write", id="mapped"),
        pytest.param("{deny: ['::ffff:a00:0/104']}", 'write "10.0.0.0/8"', id="hex"),
        pytest.param("{deny: [10.0.0.1/8]}", 'mean "10.0.0.0/8"', id="bits"),
        pytest.param("{allow: [example.org]}", "is not a peer", id="name"),
        pytest.param("{basic: {realm: x}}", "file: is missing", id="no file"),
        pytest.param("{basic: {file: missing}}", "does not exist", id="missing file"),
        pytest.param("{basic: {file: x}}", "is a folder", id="folder"),
        pytest.param("{basic: {file: bad}}", "line 1 has no hash", id="plain text"),
        pytest.param("{basic: {file: large}}", "cannot be read", id="too large"),
        pytest.param('{basic: {file: users, realm: "a\\nb"}}', "one line", id="realm"),
        pytest.param("{basics: {file: users}}", 'did you mean "basic"', id="key"),
    ],
)
def test_what_would_not_close_anything_is_told(
    folder: Path, text: str, problem: str
) -> None:
    (folder / "bad").write_text("alice:sesame\n")
    with (folder / "large").open("wb") as file:
        file.truncate(17 << 20)
    with pytest.raises(ConfigError) as caught:
        load(folder, f"sites: [{{access: {text}}}]")
    assert problem in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_a_file_that_workers_cannot_read_is_told_at_the_start(folder: Path) -> None:
    config = load(folder, "sites: [{access: {basic: {file: users}}}]")
    (folder / "users").unlink()
    with pytest.raises(StartError, match="file of users"):
        privileges.check_folders(config, None)


def test_a_pool_for_others_is_warned_of(folder: Path) -> None:
    text = (
        "pools: {scgi_listen: 'unix:pool.sock'}\n"
        "sites: [{scripts: [{path: x, access: {deny: [192.0.2.1]}}]}]"
    )
    assert "access is not checked" in " ".join(settings.warnings(load(folder, text)))


def test_rules_survive_the_way_to_a_worker(folder: Path) -> None:
    text = "sites: [{access: {allow: [10.0.0.0/8, unix], basic: {file: users}}}]"
    config = load(folder, text)
    assert settings.parse_dump(settings.dump(config)).sites == config.sites


def test_what_is_closed_is_not_read_early(folder: Path) -> None:
    config = load(folder, "sites: [{access: {basic: {file: users}}}]")

    async def story() -> None:
        gateway = Gateway(config, FakeRunner(FakeRun([])))
        request = ask_for("/cgi-bin/a.py", "192.0.2.1", host="x")
        response = await gateway.answer_early(request)
        assert response is not None
        assert (response.status, response.user) == (401, "")
        # It is not there, but who is in has learned that.
        known = {**request.fields, "authorization": [ALICE]}
        response = await gateway.answer_early(request._replace(fields=known))
        assert response is not None
        assert (response.status, response.user) == (404, "alice")
        (folder / "cgi-bin/a.py").write_text("")
        assert await gateway.answer_early(request._replace(fields=known)) is None
        await gateway.close()

    asyncio.run(story())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve_access(tmp_path_factory.mktemp("site")) as server:
        yield server


@pytest.mark.parametrize(
    ("host", "status"),
    [
        pytest.param("unix.example", 200, id="allowed"),
        pytest.param("proxy.example", 200, id="allowed besides others"),
        # Else, everybody behind a proxy that nobody trusts would be on this machine.
        pytest.param("loopback.example", 403, id="is not this machine"),
        # Nobody knows whether it is denied.
        pytest.param("deny.example", 403, id="may be denied"),
        pytest.param("basic.example", 200, id="without a rule"),
    ],
)
def test_who_is_behind_a_unix_socket_is_unknown(
    server: Server, host: str, status: int
) -> None:
    listening = server.stdout.wait_for(r"unix:(\S+)").group(1)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(PATIENCE)
        sock.connect(listening)
        fields = "X-Forwarded-For: 127.0.0.1\r\nConnection: close"
        head = f"GET /page.txt HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n\r\n"
        sock.sendall(head.encode())
        assert sock.recv(65536).startswith(b"HTTP/1.1 %d " % status)


def test_unix_is_no_client_of_tcp(server: Server) -> None:
    answer = server.request("/page.txt", fields={"Host": "unix.example"})
    assert answer.status == 403


def test_the_access_log_has_the_user(server: Server) -> None:
    target = "/staff/who.py?log"
    fields = {"Host": "basic.example", "Authorization": ALICE}
    assert server.request(target, fields=fields).status == 200
    server.stdout.wait_for(r'127\.0\.0\.1 - alice \[.*"GET /staff/who\.py\?log ')
    wrong = {"Host": "basic.example", "Authorization": "Basic YWxpY2U6eA=="}
    assert server.request(f"{target}2", fields=wrong).status == 401
    # Who has a wrong password may have typed another one into the box for the name.
    server.stdout.wait_for(r'127\.0\.0\.1 - - \[.*"GET /staff/who\.py\?log2 ')


def test_content_is_sent_once_it_is_wanted(server: Server) -> None:
    connection: http.client.HTTPConnection = server.connect()
    connection.putrequest("POST", "/staff/who.py", skip_host=True)
    connection.putheader("Host", "basic.example")
    connection.putheader("Authorization", ALICE)
    connection.putheader("Content-Length", "5")
    connection.endheaders()
    connection.send(b"he")
    connection.send(b"llo")
    response = connection.getresponse()
    assert response.status == 200
    assert b"CONTENT_LENGTH=5\n" in response.read()
    connection.close()
