"""Accounts with sites of their own: as root, with two throw-away accounts."""

import contextlib
import http.client
import json
import os
import pwd
import re
import shutil
import subprocess
import textwrap
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.live import PATIENCE
from tests.root_server import ACCOUNT, Python, RootServer, as_root, make_open_folder
from tests.user_accounts import User, make_user

pytestmark = [
    as_root,
    pytest.mark.skipif(not shutil.which("useradd"), reason="no useradd here"),
]

# As many runs at a time; a pool forks no more in advance.
SPARE = 4
CONFIG = f"""\
listen: ["127.0.0.1:0"]
user: {ACCOUNT}
log: {{access: {{path: access.log}}}}
sites:
  - hosts: ["127.0.0.1"]
    docroot: htdocs
    scripts: []
  - hosts: [$user.example.org]
users:
  scripts:
    - {{match: ["*.py", "*"], environment: {{EXTRA: configured}}, timeout: 1s}}
    - {{url: pages/, path: $home/public_html/pages, match: ["*.py"], output: page}}
pools:
  idle: 20s
  processes: {SPARE}
  limits: {{memory: 300MiB, cpu: 7s, open_files: 100, processes: 25, file_size: 1MiB}}
"""
WHO = """
#!/usr/bin/python3
import json, os, resource, sys
umask = os.umask(0)
limits = [resource.getrlimit(getattr(resource, "RLIMIT_" + name)) for name in
          ("AS", "CPU", "NOFILE", "NPROC", "FSIZE")]
print("Content-Type: application/json\\n")
print(json.dumps({"uids": os.getresuid(), "gids": os.getresgid(), "cwd": os.getcwd(),
    "groups": os.getgroups(), "umask": umask, "limits": limits,
    "environ": dict(os.environ), "argv": sys.argv}))
"""
HELLO = "#!/bin/sh\necho 'Content-Type: text/plain'; echo; echo hello\n"


@dataclass(frozen=True)
class Reply:
    status: int
    text: str


class Hosting:
    """A server with two accounts."""

    def __init__(self, server: RootServer, alice: User, bob: User) -> None:
        self.server = server
        self.alice = alice
        self.bob = bob
        url = server.stdout.wait_for(r"http://\S+").group()
        self.address = urlsplit(url).netloc

    def ask(self, path: str, host: str = "127.0.0.1") -> Reply:
        connection = http.client.HTTPConnection(self.address, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={"Host": host})
            response = connection.getresponse()
            return Reply(response.status, response.read().decode())
        finally:
            connection.close()

    def ask_script(self, user: User, name: str) -> Reply:
        return self.ask(f"/~{user.name}/cgi-bin/{name}")

    def wait_for_log(self, pattern: str) -> re.Match[str]:
        return self.server.stderr.wait_for(pattern)


@pytest.fixture(scope="module")
def hosting(python: Python) -> Iterator[Hosting]:
    with make_open_folder() as folder:
        (folder / "htdocs").mkdir()
        (folder / "config.yaml").write_text(CONFIG)
        server = RootServer(python, folder)
        try:
            server.stdout.wait_for("is ready")
            # After the start: no restart is needed.
            names = [f"ho{os.getpid()}{letter}" for letter in "ab"]
            with (
                make_user(names[0], folder, "--groups", "daemon") as alice,
                make_user(names[1], folder) as bob,
            ):
                bob.write("cgi-bin/hello", HELLO)
                yield Hosting(server, alice, bob)
                assert server.stop() == 0, server.stderr.text
        finally:
            server.stop()


# --- who runs what


def test_pages_run_as_their_account(hosting: Hosting) -> None:
    for user in (hosting.alice, hosting.bob):
        folder = user.docroot / "pages"
        folder.mkdir()
        os.chown(folder, user.uid, user.uid)
        user.write("pages/__globals__.py", "NAME = __name__")
        user.write("pages/_part.py", "from httpout import response")
        user.write("pages/style.css", "a {}", 0o644)
        source = """
            import asyncio, os, _part
            _part.response.set_status(201)
            print(os.getuid(), os.getcwd(), __globals__.NAME, __server__["PATH_INFO"])
            wait(asyncio.sleep(0))
            1 / 0
            """
        user.write("pages/page.py", source)
        at = f"/~{user.name}/pages"
        reply = hosting.ask(f"{at}/page.py/extra")
        said = "<ul><li>ZeroDivisionError: division by zero</li></ul>"
        lines = [f"{user.uid} {folder} __globals__ /extra", said]
        assert (reply.status, reply.text.splitlines()) == (201, lines)
        assert hosting.ask(f"{at}/_part.py").status == 404
        assert hosting.ask(f"{at}/style.css") == Reply(200, "a {}")


@pytest.mark.parametrize("way", ["url", "host"])
def test_scripts_run_as_their_account(hosting: Hosting, way: str) -> None:
    for user in (hosting.alice, hosting.bob):
        user.write("cgi-bin/who", WHO)
        if way == "url":
            reply = hosting.ask(f"/~{user.name}/cgi-bin/who")
        else:
            reply = hosting.ask("/cgi-bin/who", f"{user.name}.example.org")
        assert reply.status == 200, hosting.server.stderr.text
        seen: dict[str, Any] = json.loads(reply.text)
        uid, gid = user.uid, pwd.getpwnam(user.name).pw_gid
        assert seen["uids"] == [uid] * 3
        assert seen["gids"] == [gid] * 3
        assert sorted(seen["groups"]) == sorted(os.getgrouplist(user.name, gid))
        assert seen["umask"] == 0o022
        mib = 1 << 20
        limits = [300 * mib, 7, 100, 25, mib]
        assert seen["limits"] == [[one, one] for one in limits]
        assert seen["cwd"] == str(user.docroot / "cgi-bin")
        environ = seen["environ"]
        assert environ["EXTRA"] == "configured"
        assert environ["PATH"] == "/usr/local/bin:/usr/bin:/bin"
        assert not environ.keys() & {"HOME", "USER", "LOGNAME", "SHELL", "PYTHONPATH"}


def test_a_script_that_only_its_owner_can_read_runs(hosting: Hosting) -> None:
    hosting.alice.write(
        "cgi-bin/own.py", "print('Content-Type: text/plain\\n\\nown')", 0o600
    )
    assert hosting.ask_script(hosting.alice, "own.py") == Reply(200, "own\n")


# --- whose files


def test_own_pages_are_sent_if_everybody_may_read_them(hosting: Hosting) -> None:
    hosting.alice.write("page.html", "hello", 0o644)
    hosting.alice.write("closed.html", "hello", 0o600)
    name = hosting.alice.name
    assert hosting.ask(f"/~{name}/page.html") == Reply(200, "hello")
    assert hosting.ask("/page.html", f"{name}.example.org").text == "hello"
    assert hosting.ask(f"/~{name}/closed.html").status == 403
    hosting.wait_for_log(r"403: not-readable: .*closed\.html")


def test_no_file_of_another_account_can_be_reached(hosting: Hosting) -> None:
    secret = hosting.bob.write("secret.txt", "bob's", 0o600)
    public = hosting.bob.write("public.html", "bob's", 0o644)
    alice = hosting.alice
    links = {"secret.html": secret, "public.html": public, "bob": hosting.bob.home}
    for link, target in links.items():
        (alice.docroot / link).symlink_to(target)
        os.chown(alice.docroot / link, alice.uid, alice.uid, follow_symlinks=False)
    for path in (*links, "bob/public_html/public.html"):
        assert hosting.ask(f"/~{alice.name}/{path}").status == 403
    bob = hosting.bob.name
    for path in (f"../{bob}/public_html/public.html", f"..%2f{bob}/public_html/x"):
        assert hosting.ask(f"/~{alice.name}/{path}").status in (400, 404)
    alice.write(
        "cgi-bin/spy",
        f"#!/bin/sh\necho 'Content-Type: text/plain'; echo\ncat {secret} || echo no\n",
    )
    assert hosting.ask_script(alice, "spy") == Reply(200, "no\n")
    alice.write(
        "cgi-bin/send",
        f"#!/bin/sh\necho 'X-Sendfile: {public}'; echo 'Content-Type: a/b'; echo\n",
    )
    assert hosting.ask_script(alice, "send").status == 403


def test_unknown_accounts_look_like_missing_files(hosting: Hosting) -> None:
    def describe(path: str) -> str:
        reply = hosting.ask(path)
        assert reply.status == 404
        return re.sub("[0-9a-f]{10,}", "ID", reply.text)

    missing = describe(f"/~{hosting.alice.name}/missing.html")
    assert describe("/missing.html") == missing
    for name in ("root", "daemon", ACCOUNT, "no-such-account", "%2e%2e", "a%20b"):
        assert describe(f"/~{name}/missing.html") == missing
    hosting.wait_for_log("404: root-account: root")
    hosting.wait_for_log("404: uid-below-minimum: daemon")
    hosting.wait_for_log("404: unknown-account: no-such-account")


# --- the suEXEC rules


def give_to_root(user: User, script: Path) -> None:
    os.chown(script, 0, 0)


def link_out(user: User, script: Path) -> None:
    script.rename(user.home / "elsewhere")
    script.symlink_to("../../../elsewhere")
    os.chown(script, user.uid, user.uid, follow_symlinks=False)


def set_mode(mode: int) -> Callable[[User, Path], None]:
    return lambda user, script: script.chmod(mode)


def set_folder_mode(mode: int) -> Callable[[User, Path], None]:
    return lambda user, script: script.parent.chmod(mode)


@pytest.mark.parametrize(
    ("word", "change"),
    [
        ("not-owner", give_to_root),
        ("group-writable-script", set_mode(0o775)),
        ("world-writable-script", set_mode(0o757)),
        ("setuid-script", set_mode(0o4755)),
        ("setgid-script", set_mode(0o2755)),
        ("symlink-out-of-docroot", link_out),
        ("group-writable-folder", set_folder_mode(0o775)),
        ("world-writable-folder", set_folder_mode(0o757)),
        ("folder-not-owner", lambda user, script: os.chown(script.parent, 0, 0)),
        ("not-readable", set_folder_mode(0o700)),
    ],
)
def test_each_rule_refuses_with_its_word(
    hosting: Hosting, word: str, change: Callable[[User, Path], None]
) -> None:
    user = hosting.alice
    folder = user.docroot / "cgi-bin" / word
    folder.mkdir()
    os.chown(folder, user.uid, user.uid)
    folder.chmod(0o755)
    script = user.write(f"cgi-bin/{word}/hello", HELLO, 0o755)
    assert hosting.ask_script(user, f"{word}/hello") == Reply(200, "hello\n")
    change(user, script)
    assert hosting.ask_script(user, f"{word}/hello").status == 403
    path = re.escape(f"{word}/hello")
    hosting.wait_for_log(rf"{path} \w+\] 403: {word}: /|403: {word}: /\S+{path}")


# --- what a pool has

THIEF = """
#!/usr/bin/python3
import os
print("Content-Type: text/plain\\n")
for pid in (os.getpid(), os.getppid()):
    for name in ("mem", "environ", "fd"):
        try:
            os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
        except PermissionError:
            print("no", name, end=" ")
    print("of", pid == os.getpid())
"""


def test_no_script_gets_at_what_its_pool_has(hosting: Hosting) -> None:
    hosting.alice.write("cgi-bin/thief.py", THIEF)
    text = hosting.ask_script(hosting.alice, "thief.py").text
    assert text == "of True\nno mem no environ no fd of False\n"


# --- containment


def test_a_pool_is_limited_itself(hosting: Hosting) -> None:
    """What it imports may be the account's: a .pth file of ~/.local, for one."""
    source = "import os\nprint('Content-Type: text/plain\\n')\nprint(os.getppid())"
    hosting.bob.write("cgi-bin/parent.py", source)
    pool = int(hosting.ask_script(hosting.bob, "parent.py").text)
    limits = Path(f"/proc/{pool}/limits").read_text()
    found = re.findall(r"^Max (.*?)  +(\d+) +(\d+) ", limits, re.MULTILINE)
    seen = {name: (int(soft), int(hard)) for name, soft, hard in found}
    assert seen["address space"] == (300 << 20, 300 << 20)
    assert seen["file size"] == (1 << 20, 1 << 20)
    assert seen["processes"] == (25 + 2 * SPARE + 2,) * 2


EATERS = {
    "memory": "x = []\nwhile True: x.append(bytearray(1 << 20))",
    "forks": """
        import os, time
        while True:
            try:
                os.fork()
            except OSError:
                time.sleep(0.001)
        """,
    "output": "import os\nwhile True: os.write(1, b'x' * 65536)",
    "deafness": """
        import signal, time
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True: time.sleep(1)
        """,
    "patricide": """
        import os, time
        os.kill(os.getppid(), 9)
        while True: time.sleep(1)
        """,
}


def count_processes(user: User) -> int:
    count = 0
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            count += entry.name.isdecimal() and entry.stat().st_uid == user.uid
    return count


def eat(hosting: Hosting, kind: str) -> None:
    """Ask for a script, and read what a patient client would."""
    connection = http.client.HTTPConnection(hosting.address, timeout=PATIENCE)
    try:
        connection.request("GET", f"/~{hosting.alice.name}/cgi-bin/{kind}.py")
        connection.getresponse().read(1 << 20)
    except (http.client.HTTPException, ConnectionError):
        pass  # cut off
    finally:
        connection.close()


@pytest.mark.parametrize(
    "kinds",
    [
        pytest.param(("patricide",), id="kills its parent"),
        pytest.param(("memory", "forks", "output", "deafness"), id="eats everything"),
    ],
)
def test_what_one_account_does_is_its_own_affair(
    hosting: Hosting, kinds: Sequence[str]
) -> None:
    alice = hosting.alice
    for kind in kinds:
        head = "print('Content-Type: text/plain\\n', flush=True)\n"
        alice.write(f"cgi-bin/{kind}.py", head + textwrap.dedent(EATERS[kind]))
    eaters = [threading.Thread(target=eat, args=(hosting, kind)) for kind in kinds]
    for thread in eaters:
        thread.start()
    # Others are answered all the while, and nothing is left in the end: but for the
    # pool, and those that it has forked in advance.
    deadline = time.monotonic() + PATIENCE
    while any(one.is_alive() for one in eaters) or count_processes(alice) > 1 + SPARE:
        assert time.monotonic() < deadline, hosting.server.stderr.text
        assert hosting.ask_script(hosting.bob, "hello") == Reply(200, "hello\n")
    for thread in eaters:
        thread.join()
    alice.write("cgi-bin/again", HELLO)
    assert hosting.ask_script(alice, "again") == Reply(200, "hello\n")


# --- without root


def test_only_root_can_host_accounts(python: Python, open_folder: Path) -> None:
    (open_folder / "htdocs").mkdir()
    (open_folder / "config.yaml").write_text(CONFIG)
    done = subprocess.run(
        [python.executable, "-m", "httpout_cgi", "--config", "config.yaml"],
        cwd=open_folder,
        env={"PYTHONPATH": python.path},
        user=ACCOUNT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 78
    assert done.stderr == (
        "users: only root can run scripts as accounts; start as root\n"
    )
