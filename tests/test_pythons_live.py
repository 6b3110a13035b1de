"""Pools under another Python: live, as a site and as accounts have them."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Serve
from tests.live import Server
from tests.pool_process import find_python, save
from tests.root_server import ACCOUNT, Python, RootServer, as_root, make_open_folder
from tests.test_supervisor import wait_until
from tests.test_users_live import Hosting
from tests.user_accounts import User, make_user

CONFIG = """\
listen: ["127.0.0.1:0"]
sites: [{{scripts: [{{path: cgi-bin, runner: process}}]}}]
pools: {{python: {python}, preload: [{preload}]}}
"""
WHO = """
import json, os, sys
found = {}
for name in ("packaged", "by_pth", "preloaded", "yaml", "pydantic", "httpout_cgi"):
    is_loaded = name in sys.modules
    try:
        found[name] = [is_loaded, __import__(name).__file__]
    except ImportError:
        pass
print("Content-Type: application/json\\n")
print(json.dumps({"version": sys.version_info[:2], "prefix": sys.prefix,
    "executable": sys.executable, "path": sys.path, "found": found,
    "pool": os.getppid(), "pid": os.getpid(), "environ": dict(os.environ)}))
"""


def make_environment(python: str, folder: Path) -> Path:
    """Make a virtual environment with two modules; return its Python."""
    command = [python, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    save(packages / "packaged.py", "NAME = 'packaged'")
    save(folder / "extra" / "by_pth.py", "NAME = 'by_pth'")
    save(packages / "extra.pth", f"{folder}/extra\n")
    return folder / "bin" / "python"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "htdocs").mkdir()
    save(tmp_path / "cgi-bin" / "who.py", WHO)
    return tmp_path


def ask(server: Server) -> dict[str, Any]:
    answer = server.request("/cgi-bin/who.py")
    assert answer.status == 200, (answer, server.stderr.text)
    seen: dict[str, Any] = json.loads(answer.text)
    return seen


@pytest.mark.parametrize("version", ["3.8", "3.13"])
def test_scripts_have_the_other_python_with_its_packages(
    serve: Serve, site: Path, version: str
) -> None:
    base = find_python(version)
    if base is None:
        pytest.skip(f"Python {version} is not installed")
    python = make_environment(base, site / "venv")
    server = serve(CONFIG.format(python="venv/bin/python", preload="packaged, missing"))
    seen = ask(server)
    assert ".".join(map(str, seen["version"])) == version
    assert seen["prefix"] == str(site / "venv")
    assert seen["executable"] == str(python)
    found = {name: is_loaded for name, (is_loaded, _) in seen["found"].items()}
    # Of the server's packages there is ours, which the pool needs, and no other.
    assert found == {"packaged": True, "by_pth": False, "httpout_cgi": True}
    assert "" not in seen["path"]
    server.stderr.wait_for("pool: preload: missing: ModuleNotFoundError")


def test_a_pool_is_replaced_when_its_python_is_another(
    serve: Serve, site: Path
) -> None:
    make_environment(sys.executable, site / "venv")
    server = serve(CONFIG.format(python="null", preload=""))
    assert ask(server)["prefix"] != str(site / "venv")
    save(
        site / "config.yaml",
        CONFIG.format(python="venv/bin/python", preload=""),
    )
    wait_until(lambda: ask(server)["prefix"] == str(site / "venv"), "the old one")


def test_one_that_is_removed_later_is_told_of(serve: Serve, site: Path) -> None:
    python = make_environment(sys.executable, site / "venv")
    server = serve(CONFIG.format(python="venv/bin/python", preload=""))
    python.unlink()
    assert server.request("/cgi-bin/who.py").status == 503
    server.stderr.wait_for(f"pool: pools.python: {python} does not exist")
    server.stderr.wait_for("ended with status 78 before it was ready")
    python.symlink_to(sys.executable)
    wait_until(lambda: server.request("/cgi-bin/who.py").status == 200, "no pool")


# --- Pythons that scripts name

AUTO = """\
listen: ["127.0.0.1:0"]
sites: [{scripts: [{path: cgi-bin}]}]
pools: {idle: 60s, runs_per_process: RUNS}
"""


@pytest.mark.parametrize("runs", [1, 10])
def test_a_script_has_a_warm_pool_of_the_python_that_it_names(
    serve: Serve, site: Path, runs: int
) -> None:
    python = make_environment(sys.executable, site / "venv")
    server = serve(AUTO.replace("RUNS", str(runs)))
    named = f"#!{python}\nimport packaged\n{WHO}"
    for name in ("who.py", "again.py"):
        # The kernel would not run it: a pool does.
        save(site / "cgi-bin" / name, named, 0o644)
    seen = ask(server)
    assert seen["prefix"] == str(site / "venv")
    assert seen["found"]["httpout_cgi"][0]
    assert "yaml" not in seen["found"]
    again = json.loads(server.request("/cgi-bin/again.py").text)
    assert (again["pool"], again["prefix"]) == (seen["pool"], seen["prefix"])
    assert (again["pid"] == seen["pid"]) is (runs > 1)
    # Scripts of our own Python have nothing to do with it.
    save(site / "cgi-bin" / "who.py", f"import signal; signal.alarm(0)\n{WHO}")
    own = ask(server)
    assert own["pool"] != seen["pool"]
    assert own["prefix"] == sys.prefix


def test_what_cannot_run_a_pool_is_started_for_each_run(
    serve: Serve, site: Path
) -> None:
    # As Python 2 or PyPy: it answers, but is none that a pool could have.
    python = make_environment(sys.executable, site / "venv")
    python.unlink()
    source = f"""\
        #!/bin/sh
        [ "$1" = -c ] && echo httpout-cgi cpython 2.7 || exec {sys.executable} "$@"
        """
    save(python, source, 0o755)
    server = serve(AUTO.replace("RUNS", "1"))
    save(site / "cgi-bin" / "who.py", f"#!{python}\nimport packaged\n{WHO}", 0o755)
    answer = server.request("/cgi-bin/who.py")
    # It is no virtual environment: it has no such module, and says so.
    assert answer.status == 500
    server.stderr.wait_for("No module named 'packaged'")
    assert "2.7" not in server.stderr.text


# --- accounts

USERS = f"""\
listen: ["127.0.0.1:0"]
user: {ACCOUNT}
sites: [{{hosts: ["127.0.0.1"], docroot: htdocs, scripts: []}}]
users:
  scripts: [{{environment: {{EXTRA: configured, BOTH: configured}}}}]
  allow_settings: true
pools: {{processes: 1, python: $home/usual/bin/python}}
"""


def save_settings(user: User, text: str, mode: int = 0o644) -> Path:
    path = save(user.home / ".config" / "httpout-cgi.yaml", text, mode)
    path.parent.chmod(0o700)
    for one in (path.parent, path):
        os.chown(one, user.uid, user.uid)
    return path


def ask_account(hosting: Hosting, user: User) -> dict[str, Any]:
    reply = hosting.ask_script(user, "who.py")
    assert reply.status == 200, (reply, hosting.server.stderr.text)
    seen: dict[str, Any] = json.loads(reply.text)
    return seen


@pytest.fixture(scope="module")
def hosting(python: Python) -> Iterator[Hosting]:
    if not shutil.which("useradd"):
        pytest.skip("no useradd here")
    with make_open_folder() as folder:
        (folder / "htdocs").mkdir()
        (folder / "config.yaml").write_text(USERS)
        server = RootServer(python, folder)
        names = [f"hp{os.getpid()}{letter}" for letter in "ab"]
        try:
            with (
                make_user(names[0], folder) as alice,
                make_user(names[1], folder) as bob,
            ):
                for user in (alice, bob):
                    user.write("cgi-bin/who.py", WHO)
                    for name in ("usual", "own"):
                        make_environment(python.executable, user.home / name)
                server.stdout.wait_for("is ready")
                yield Hosting(server, alice, bob)
                assert server.stop() == 0, server.stderr.text
        finally:
            server.stop()


def test_each_account_has_its_own(hosting: Hosting) -> None:
    for user in (hosting.alice, hosting.bob):
        seen = ask_account(hosting, user)
        assert seen["prefix"] == str(user.home / "usual")
        assert {"packaged", "by_pth"} <= seen["found"].keys()
        assert "yaml" not in seen["found"]


def test_an_account_chooses_python_and_environment(hosting: Hosting) -> None:
    alice = hosting.alice
    ask_account(hosting, alice)
    text = """\
        python: $home/own/bin/python
        environment: {MINE: 1, BOTH: mine, SCRIPT_NAME: mine, PATH: /opt/mine}
        """
    save_settings(alice, textwrap.dedent(text))
    wait_until(
        lambda: ask_account(hosting, alice)["prefix"] == str(alice.home / "own"),
        "its settings are not used",
    )
    environ = ask_account(hosting, alice)["environ"]
    assert (environ["MINE"], environ["PATH"]) == ("1", "/opt/mine")
    # Not what the request and the server's settings say.
    assert (environ["BOTH"], environ["EXTRA"]) == ("configured", "configured")
    assert environ["SCRIPT_NAME"] == f"/~{alice.name}/cgi-bin/who.py"
    # Everybody on the machine can read the arguments of a process.
    pool = ask_account(hosting, alice)["pool"]
    assert b"/opt/mine" not in Path(f"/proc/{pool}/cmdline").read_bytes()
    (alice.home / ".config" / "httpout-cgi.yaml").unlink()
    wait_until(
        lambda: ask_account(hosting, alice)["prefix"] == str(alice.home / "usual"),
        "they are used for ever",
    )


def test_a_script_of_an_account_may_name_a_python(hosting: Hosting) -> None:
    alice = hosting.alice
    (packages,) = (alice.home / "own").glob("lib/python*/site-packages")
    save(packages / "only_there.py", "")
    python = alice.home / "own/bin/python"
    alice.write("cgi-bin/named.py", f"#!{python}\nimport only_there\n{WHO}")
    reply = hosting.ask_script(alice, "named.py")
    assert reply.status == 200, hosting.server.stderr.text
    assert json.loads(reply.text)["executable"] == str(python)
    # Others have that of the settings.
    assert ask_account(hosting, alice)["prefix"] == str(alice.home / "usual")


@pytest.mark.parametrize(
    ("text", "mode", "problem"),
    [
        ("limits: {}", 0o644, ":1: limits: unknown key; write python or environment"),
        ("python: /bin/false", 0o644, ": python: /bin/false is no Python: it ended"),
        ("python: $home/none", 0o644, ": python: /.*/none does not exist"),
        ("python: /root/x", 0o644, ": python: /root/x "),
        ("", 0o666, ": others may write to it; chmod go-w"),
    ],
    ids=["key", "no python", "missing", "closed", "mode"],
)
def test_what_an_account_does_wrong_harms_it_alone(
    hosting: Hosting, text: str, mode: int, problem: str
) -> None:
    bob = hosting.bob
    path = save_settings(bob, text, mode)
    try:
        wait_until(lambda: hosting.ask_script(bob, "who.py").status == 503, "it runs")
        hosting.wait_for_log(f"pool of {bob.name}: {path}{problem}")
        ask_account(hosting, hosting.alice)
    finally:
        path.unlink()
    wait_until(lambda: hosting.ask_script(bob, "who.py").status == 200, "it is lost")


@as_root
def test_nothing_of_it_is_done_as_root(hosting: Hosting) -> None:
    """A file that root alone could read, by a link of the account."""
    bob = hosting.bob
    path = save_settings(bob, "")
    secret = save(bob.home / "secret", "python: secret", 0o600)
    path.unlink()
    path.symlink_to(secret)
    try:
        wait_until(lambda: hosting.ask_script(bob, "who.py").status == 503, "it runs")
        hosting.wait_for_log(f"pool of {bob.name}: {path}: Permission denied")
    finally:
        path.unlink()
    wait_until(lambda: hosting.ask_script(bob, "who.py").status == 200, "it is lost")


def test_packages_of_an_account_do_not_get_at_the_error_log(hosting: Hosting) -> None:
    alice = hosting.alice
    (packages,) = (alice.home / "usual").glob("lib/python*/site-packages")
    forged = "import os; os.write(2, b'[error] forged\\n'); os.ftruncate(2, 0)"
    save(packages / "evil.pth", forged)
    path = save_settings(alice, "environment: {}")

    def is_started_again() -> bool:
        ask_account(hosting, alice)
        return "forged" in hosting.server.stderr.text

    try:
        wait_until(is_started_again, "the old pool stays")
    finally:
        (packages / "evil.pth").unlink()
        path.unlink()
    hosting.wait_for_log(rf"pool of {alice.name}: \[error\] forged\n")
    hosting.wait_for_log(rf"pool of {alice.name}: +OSError: .*Invalid argument")
