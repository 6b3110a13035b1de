"""nginx and Apache in front of a pool's own socket: the answers are ours."""

import json
import os
import signal
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from httpout_cgi.protocol.scgi import encode_head
from tests.accounts import public_folder
from tests.front_servers import APACHE, NGINX, Front, start_apache, start_nginx
from tests.live import PATIENCE
from tests.live_site import Client, Reply, Site, start_site

CONFIG = """\
listen: ["127.0.0.1:0"]
pools: {scgi_listen: "unix:site.sock"}
sites:
  - docroot: htdocs
    scripts:
      - url: /cgi-bin/
        path: cgi-bin
        match: ["*.py", "*.sh"]
        interpreters: {.cat: /bin/cat}
        environment: {GREETING: hello}
        timeout: 20s
        runner: process
"""

SCRIPTS = {
    "see.py": """\
        import json, os, sys
        print("Content-Type: application/json\\nX-A: b\\nX-A: c\\n")
        print(json.dumps({
            "argv": sys.argv, "cwd": os.getcwd(), "environ": dict(os.environ),
            "stdin": sys.stdin.read(),
        }))
    """,
    "echo.py": """\
        import os, sys
        print("Content-Type: application/octet-stream\\n", flush=True)
        sys.stdout.buffer.write(sys.stdin.buffer.read()[::-1])
    """,
    "large.py": """\
        import sys
        print("Content-Type: application/octet-stream\\n", flush=True)
        for number in range(160):
            sys.stdout.buffer.write(bytes([number]) * 65536)
    """,
    "away.py": 'print("Location: http://example.org/a?b=c\\n")',
    "none.py": 'print("Status: 404 None here\\nContent-Type: text/plain\\n\\nnone")',
    "error.py": 'import sys; print("A: b\\n\\ndone"); print("seen", file=sys.stderr)',
    "file.cat": "Content-Type: text/plain\n\nfile",
    "data.txt": "secret",
    ".hidden.py": 'print("A: b\\n\\nhidden")',
    "ü b.py": 'import os; print("A: b\\n\\n" + os.environ["SCRIPT_NAME"])',
    "no-bit.sh": "#!/bin/sh\necho 'A: b'; echo",
}

FRONTS = [
    pytest.param(
        "nginx", marks=pytest.mark.skipif(NGINX is None, reason="no nginx"), id="nginx"
    ),
    pytest.param(
        "Apache",
        marks=pytest.mark.skipif(APACHE is None, reason="no Apache"),
        id="Apache",
    ),
]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with public_folder() as folder:
        (folder / "cgi-bin").mkdir()
        with start_site(folder, CONFIG) as site:
            for name, source in SCRIPTS.items():
                site.write(name, source)
            yield site


@pytest.fixture(scope="module")
def fronts(site: Site) -> Iterator[dict[str, Front]]:
    """Those that are installed, by name."""
    with ExitStack() as stack:
        found = {}
        for path, start in ((NGINX, start_nginx), (APACHE, start_apache)):
            if path is not None:
                front = stack.enter_context(start(site.folder))
                found[front.name] = front
        yield found


@pytest.fixture(params=FRONTS)
def front(request: pytest.FixtureRequest, fronts: dict[str, Front]) -> Front:
    name: str = request.param
    return fronts[name]


def exchange(
    client: Client, target: str, *fields: str, method: str, body: bytes | None
) -> Reply:
    with client:
        client.send(target, *fields, method=method, body=body)
        return client.receive(method)


def ask_both(
    site: Site,
    front: Front,
    target: str,
    *fields: str,
    method: str = "GET",
    body: bytes | None = None,
) -> tuple[Reply, Reply]:
    """Ask us and the one in front the same."""
    ours, theirs = (
        exchange(client, target, *fields, method=method, body=body)
        for client in (site.open(), front.open())
    )
    return ours, theirs


def matters(reply: Reply) -> tuple[object, ...]:
    names = ("Content-Type", "Location", "X-A")
    return reply.status, reply.body, *(reply.all(name) for name in names)


@pytest.mark.parametrize(
    ("target", "method", "body", "status"),
    [
        pytest.param("/cgi-bin/echo.py", "POST", b"content", 200, id="POST"),
        pytest.param("/cgi-bin/echo.py", "POST", b"", 200, id="POST, empty"),
        pytest.param(
            *("/cgi-bin/echo.py", "PUT", bytes(range(256)) * 20_000, 200), id="PUT"
        ),
        pytest.param("/cgi-bin/large.py", "GET", None, 200, id="large"),
        pytest.param("/cgi-bin/large.py", "HEAD", None, 200, id="HEAD"),
        pytest.param("/cgi-bin/away.py", "GET", None, 302, id="redirect"),
        pytest.param("/cgi-bin/none.py", "GET", None, 404, id="status"),
        pytest.param("/cgi-bin/file.cat", "GET", None, 200, id="interpreter"),
        pytest.param("/cgi-bin/%C3%BC%20b.py", "GET", None, 200, id="escapes"),
    ],
)
def test_the_answer_is_ours(
    site: Site, front: Front, target: str, method: str, body: bytes | None, status: int
) -> None:
    ours, theirs = ask_both(site, front, target, method=method, body=body)
    assert ours.status == status
    if target.endswith("away.py"):
        # The page that Apache writes for its client is its own.
        assert theirs.get("Location") == ours.get("Location")
        assert theirs.status == status
    else:
        assert matters(theirs) == matters(ours)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        pytest.param("/cgi-bin/missing.py", 404, id="missing"),
        pytest.param("/cgi-bin/data.txt", 403, id="no script"),
        pytest.param("/cgi-bin/.hidden.py", 403, id="hidden"),
        pytest.param("/cgi-bin/", 403, id="folder"),
        pytest.param("/cgi-bin/no-bit.sh", 500, id="no run bit"),
    ],
)
@pytest.mark.parametrize("body", [None, b"a" * 300_000], ids=["GET", "POST"])
def test_a_refusal_has_the_same_status(
    site: Site, front: Front, target: str, status: int, body: bytes | None
) -> None:
    method = "GET" if body is None else "POST"
    ours, theirs = ask_both(site, front, target, method=method, body=body)
    assert (ours.status, theirs.status) == (status, status)
    assert b"secret" not in theirs.body


# What those who are asked say of themselves.
OWN = {
    *("SERVER_SOFTWARE", "SERVER_PORT", "SERVER_NAME", "SERVER_ADDR", "SERVER_ADMIN"),
    *("SERVER_SIGNATURE", "REMOTE_ADDR", "REMOTE_PORT", "UNIQUE_ID", "DOCUMENT_ROOT"),
    *("DOCUMENT_URI", "CONTEXT_PREFIX", "CONTEXT_DOCUMENT_ROOT", "SCRIPT_URL"),
    *("SCRIPT_URI", "PATH_TRANSLATED", "REQUEST_SCHEME"),
}


@pytest.mark.parametrize(
    "target",
    [
        "/cgi-bin/see.py",
        "/cgi-bin/see.py?a=b%20c",
        "/cgi-bin/see.py?two+words",
        "/cgi-bin/see.py/extra/p%C3%A4th?a=b",
        "/cgi-bin/see.py/",
    ],
)
@pytest.mark.parametrize("body", [None, b"a=b"], ids=["GET", "POST"])
def test_a_script_sees_the_same(
    site: Site, front: Front, target: str, body: bytes | None
) -> None:
    fields = ["X-One: 1", "X-One: 2", "Proxy: http://evil.example", "Cookie: a=b"]
    fields += ["Authorization: Basic YTpi"]
    if body is not None:
        fields.append("Content-Type: application/x-www-form-urlencoded")
    method = "GET" if body is None else "POST"
    replies = ask_both(site, front, target, *fields, method=method, body=body)
    assert [reply.status for reply in replies] == [200, 200]
    ours, theirs = (json.loads(reply.body) for reply in replies)
    for seen in (ours, theirs):
        for name in OWN:
            seen["environ"].pop(name, None)
    assert theirs == ours
    assert ours["environ"]["GREETING"] == "hello"
    assert ours["environ"]["HTTP_X_ONE"] == "1, 2"


def test_what_a_script_says_on_the_side_is_in_the_log(site: Site, front: Front) -> None:
    ours, theirs = ask_both(site, front, "/cgi-bin/error.py")
    assert matters(theirs) == matters(ours)
    site.wait_for_log(r"(?m)^seen$")


# The socket itself.


def ask_pool(site: Site, script: str, content: bytes = b"", **more: str) -> bytes:
    """Ask as a server in front does, or somebody who is in its group."""
    variables = {
        "CONTENT_LENGTH": str(len(content)),
        "REQUEST_METHOD": "POST" if content else "GET",
        "SCRIPT_FILENAME": script,
        **more,
    }
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(site.folder / "site.sock"))
        client.sendall(encode_head(variables) + content)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_the_socket_is_for_the_group(site: Site) -> None:
    seen = (site.folder / "site.sock").stat()
    assert (stat.S_IMODE(seen.st_mode), seen.st_gid) == (0o660, os.getegid())


def test_no_other_file_of_the_machine_runs(site: Site) -> None:
    told = json.dumps({"interpreter": "/bin/sh", "arguments": ["-c", "id"]})
    assert ask_pool(site, "/bin/ls").startswith(b"Status: 403 Forbidden\r\n")
    site.wait_for_log(r"pool: 403 refused: below no script mount: '/bin/ls'")
    script = f"{site.folder}/cgi-bin/file.cat"
    assert ask_pool(site, script, HTTPOUT_CGI_RUN=told).endswith(b"file")


def test_content_that_comes_with_the_head_or_later(site: Site) -> None:
    for size in (10, 1_000_000):
        content = os.urandom(size)
        answer = ask_pool(site, f"{site.folder}/cgi-bin/echo.py", content)
        assert answer.partition(b"\n\n")[2] == content[::-1]


def test_what_is_no_request_is_closed_and_told(site: Site) -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(site.folder / "site.sock"))
        client.sendall(b"GET / HTTP/1.1\r\n")
        assert client.recv(1) == b""
    site.wait_for_log("pool: a request was refused: the head has no length")


def test_settings_of_mounts_are_taken_over(tmp_path: Path) -> None:
    config = CONFIG.replace("GREETING: hello", "B: old")
    with start_site(tmp_path, config) as site:
        path = site.write("b.py", "import os; print('A: b\\n\\n', os.environ[\"B\"])")
        assert ask_pool(site, str(path)).split() == [b"A:", b"b", b"old"]
        edited = config.replace("B: old", "B: new")
        (tmp_path / "config.yaml").write_text(edited)
        site.server.process.send_signal(signal.SIGHUP)
        site.wait_for_log("reloaded")
        # The old pool may take one that comes before it has heard of it.
        deadline = time.monotonic() + PATIENCE
        while ask_pool(site, str(path)).split() != [b"A:", b"b", b"new"]:
            assert time.monotonic() < deadline
        # A socket that everybody may use is not given to the pool.
        swapped = edited.replace("unix:site.sock", "unix:other.sock")
        swapped = swapped.replace('"127.0.0.1:0"', '"127.0.0.1:0", "unix:site.sock"')
        (tmp_path / "config.yaml").write_text(swapped)
        site.server.process.send_signal(signal.SIGHUP)
        site.wait_for_log(r"not reloaded: cannot listen on unix:\S+: address already")
        assert ask_pool(site, str(path)).endswith(b"new\n")
    assert not (tmp_path / "site.sock").exists()
