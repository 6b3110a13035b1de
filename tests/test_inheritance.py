"""What processes inherit: variables that the settings name, and few descriptors."""

import os
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live_site import Site, start_site
from tests.test_descriptors_live import all_children_of, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

NAME, SECRET = "HTTPOUT_TEST_SECRET", "s3cret of the supervisor"
OTHER_PYTHON = "/usr/bin/python3"
CONFIG = """\
listen: ["127.0.0.1:0"]
workers: 2
sites:
  - scripts:
      - {url: /thread/, path: cgi-bin, runner: thread, environment: {EXTRA: given}}
      - {url: /process/, path: cgi-bin, match: ["*"], runner: process,
         environment: {EXTRA: given}}
      - {url: /pages/, path: pages, output: page, runner: thread,
         environment: {EXTRA: given}}
"""
# All ways to a variable: Python's, C's, the kernel's, and a child's.
VARIABLES = f"""\
import ctypes, os, subprocess
getenv = ctypes.CDLL(None).getenv
getenv.restype = ctypes.c_char_p
print("C", getenv(b"{NAME}"))
print("kernel", open("/proc/self/environ").read().replace("\\0", "\\n"))
child = subprocess.run(["env"], capture_output=True, text=True).stdout
print(" ".join(sorted(os.environ)))
print(" ".join(sorted(line.split("=")[0] for line in child.splitlines())))
print("EXTRA", os.environ["EXTRA"])
"""
SHELL = "#!/bin/sh\necho 'Content-Type: text/plain\n'\nenv\necho EXTRA $EXTRA\n"
LINKS = """\
def list_links():
    for number in sorted(os.listdir("/proc/self/fd"), key=int):
        try:
            yield number + " " + os.readlink("/proc/self/fd/" + number)
        except FileNotFoundError:
            pass  # that of the folder
"""
DESCRIPTORS = f"""\
import os
{LINKS}
print(os.getppid())
print("\\n".join(list_links()))
"""
# Nothing is closed for it, and "exec" makes no second process.
CHILD = f"""\
import subprocess, sys
list = '''import os
{LINKS}
print(os.getppid())
print("\\\\n".join(list_links()))
'''
subprocess.run([sys.executable, "-c", list], close_fds=False, stdout=sys.stdout)
"""
HEAD = "#!/usr/bin/env python3\nprint('Content-Type: text/plain\\n', flush=True)\n"
SCRIPTS = {"variables.py": VARIABLES, "descriptors.py": DESCRIPTORS, "child.py": CHILD}


def write_scripts(folder: Path) -> None:
    for name in ("cgi-bin", "pages"):
        (folder / name).mkdir()
    for name, source in SCRIPTS.items():
        (folder / "pages" / name).write_text(source)
        (folder / "cgi-bin" / name).write_text(HEAD + textwrap.dedent(source))
        (folder / "cgi-bin" / name).chmod(0o755)
    (folder / "cgi-bin/env.sh").write_text(SHELL)
    (folder / "cgi-bin/env.sh").chmod(0o755)


@pytest.fixture(scope="module", params=["own Python", "other Python"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    config, folder = CONFIG, tmp_path_factory.mktemp("site")
    if request.param == "other Python":
        if not os.path.exists(OTHER_PYTHON):
            pytest.skip(f"there is no {OTHER_PYTHON}")
        config += f"pools: {{python: {OTHER_PYTHON}}}\n"
    write_scripts(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NAME, SECRET)
        patch.setenv("TZ", "Asia/Tokyo")
        with start_site(folder, config) as site:
            workers = all_children_of(site.server.process.pid)
            wait_until(lambda: all(is_watching(worker) for worker in workers))
            yield site


@pytest.mark.parametrize(
    "target",
    [
        *("thread/variables.py", "process/variables.py", "pages/variables.py"),
        "process/env.sh",
    ],
)
def test_no_secret_of_the_supervisor_reaches_a_script(site: Site, target: str) -> None:
    supervisor = Path(f"/proc/{site.server.process.pid}/environ").read_bytes()
    assert SECRET.encode() in supervisor
    reply = site.ask(f"/{target}")
    text = reply.body.decode()
    assert (reply.status, text.splitlines()[-1]) == (200, "EXTRA given")
    assert NAME not in text
    assert SECRET not in text
    if target.endswith(".py"):
        own, child = text.splitlines()[-3:-1]
        # The shell's own.
        assert set(child.split()) - {"_", "PWD", "SHLVL"} == set(own.split())
        assert "TZ" not in own.split()


def test_a_worker_keeps_what_says_how_a_process_runs_here(site: Site) -> None:
    text = site.ask("/thread/variables.py").body.decode()
    assert "kernel " in text
    assert "\nTZ=Asia/Tokyo\n" in text


# --- descriptors


def ask_for_links(site: Site, target: str) -> tuple[int, dict[int, str]]:
    """Return the parent of a process, and what its descriptors lead to."""
    reply = site.ask(target)
    parent, *lines = reply.body.decode().splitlines()
    pairs = (line.split(" ", 1) for line in lines)
    return int(parent), {int(number): link for number, link in pairs}


def read_links(pid: int) -> dict[int, str]:
    folder, links = f"/proc/{pid}/fd", {}
    for name in os.listdir(folder):
        with suppress(FileNotFoundError):  # closed meanwhile
            links[int(name)] = os.readlink(f"{folder}/{name}")
    return links


def is_watching(worker: int) -> bool:
    """Tell whether it has its inotify descriptor, and has kept it to itself."""
    links = read_links(worker).items()
    found = [number for number, link in links if link == "anon_inode:inotify"]
    texts = [Path(f"/proc/{worker}/fdinfo/{one}").read_text() for one in found]
    flags = [re.search(r"flags:\s+([0-7]+)", text) for text in texts]
    return bool(flags) and all(one and int(one[1], 8) & os.O_CLOEXEC for one in flags)


def find_shared(site: Site, links: dict[int, str]) -> set[str]:
    """Return what the supervisor has open as well, but for /dev/null and the like."""
    ours = read_links(site.server.process.pid)
    shared = set(ours.values()) & set(links.values())
    return {link for link in shared if not link.startswith(("/dev/", "anon_inode:"))}


def test_a_worker_has_listeners_and_logs_of_the_supervisor(site: Site) -> None:
    parent, links = ask_for_links(site, "/thread/descriptors.py")
    assert parent == site.server.process.pid
    shared = find_shared(site, links)
    ours = read_links(parent)
    logs = {ours[1], ours[2]}
    assert logs <= shared
    # The only other thing: what it listens on, and no channel of the other worker.
    (listener,) = shared - logs
    assert listener.startswith("socket:")


@pytest.mark.skipif(os.geteuid() != 0, reason="a pool is closed to others")
def test_a_pool_has_its_socket_and_the_error_log(site: Site) -> None:
    pool, _ = ask_for_links(site, "/process/descriptors.py")
    shared = find_shared(site, read_links(pool))
    ours = read_links(site.server.process.pid)
    (listener,) = shared - {ours[2]}
    assert listener.startswith("socket:")


@pytest.mark.parametrize(
    "target",
    [
        *("/process/descriptors.py", "/process/child.py"),
        *("/thread/child.py", "/pages/child.py"),
    ],
)
def test_a_process_of_a_script_has_its_streams_alone(site: Site, target: str) -> None:
    _, links = ask_for_links(site, target)
    assert sorted(links) == [0, 1, 2], links
    assert not find_shared(site, links)
