"""What processes have of the server: no way back to its rights, none of its secrets."""

import os
import pwd
import shutil
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import PATIENCE
from tests.root_server import ACCOUNT, Python, RootServer, as_root, make_open_folder
from tests.test_descriptors_live import wait_until
from tests.test_inheritance import is_watching

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SECRET = "s3cret of the supervisor"
CONFIG = f"""\
listen: ["127.0.0.1:0"]
user: {ACCOUNT}
sites:
  - scripts:
      - {{url: /thread/, path: cgi-bin, runner: thread}}
      - {{url: /auto/, path: cgi-bin}}
      - {{url: /process/, path: cgi-bin, match: ["*.py", "*"], runner: process}}
      - {{url: /pages/, path: pages, output: page, runner: thread}}
"""
WORDS = """\
import os
def show(path):
    with open(path, errors="replace") as file:
        return file.read()
"""
SCRIPTS = {
    "status.py": "print(show('/proc/self/status'))\n",
    "pid.py": "print(os.getpid())\n",
    "child.py": """\
        import subprocess
        subprocess.run(["ls", "/proc/self/fd"], close_fds=False)
        """,
    # Starts a program that is root's, and has its set-user-ID bit.
    "gain.py": "os.system('../tool/id -u')\n",
    "mail.py": "os.system('../tool/sendmail -u')\n",
    "steal.py": """\
        pid = os.environ["QUERY_STRING"]
        for name in ("mem", "environ", "fd", "maps"):
            try:
                os.close(os.open(f"/proc/{pid}/{name}", os.O_RDONLY))
                print(name)
            except PermissionError:
                pass
        """,
}


class Confined:
    """The server of CONFIG."""

    def __init__(self, server: RootServer) -> None:
        self._url = server.stdout.wait_for(r"http://\S+").group()

    def ask(self, target: str) -> str:
        url = f"{self._url}{target}"
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            text: str = answer.read().decode()
        return text


def write_site(folder: Path) -> None:
    for name in ("htdocs", "cgi-bin", "pages", "tool"):
        (folder / name).mkdir()
    head = "#!/usr/bin/env python3\nprint('Content-Type: text/plain\\n', flush=True)\n"
    for name, source in SCRIPTS.items():
        text = textwrap.dedent(source)
        (folder / "cgi-bin" / name).write_text(head + WORDS + text)
        (folder / "pages" / name).write_text(WORDS + text)
    for name in ("id", "sendmail"):
        shutil.copy("/usr/bin/id", folder / "tool" / name)
        (folder / "tool" / name).chmod(0o4755)
    (folder / "config.yaml").write_text(CONFIG)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with make_open_folder() as folder:
        write_site(folder)
        yield folder


@pytest.fixture(scope="module")
def confined(python: Python, folder: Path) -> Iterator[Confined]:
    server = RootServer(python, folder, HTTPOUT_SECRET=SECRET, TERM="vt100")
    try:
        yield Confined(server)
    finally:
        assert server.stop() == 0, server.stderr.text


def read_status(text: str) -> dict[str, str]:
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: value.strip() for name, value in pairs}


@as_root
@linux
@pytest.mark.parametrize(
    ("url", "is_worker"), [("thread", True), ("pages", True), ("process", False)]
)
def test_nothing_of_root_is_left(confined: Confined, url: str, is_worker: bool) -> None:
    status = read_status(confined.ask(f"{url}/status.py"))
    entry = pwd.getpwnam(ACCOUNT)
    # Real, effective, saved and that of the file system.
    assert status["Uid"].split() == [str(entry.pw_uid)] * 4
    assert status["Gid"].split() == [str(entry.pw_gid)] * 4
    groups = {str(one) for one in os.getgrouplist(ACCOUNT, entry.pw_gid)}
    assert set(status["Groups"].split()) == groups
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[name], 16) == 0, name
    assert status["NoNewPrivs"] == str(int(is_worker))


def honors_set_user_id(program: Path) -> bool:
    done = subprocess.run(
        [program, "-u"], capture_output=True, text=True, user=ACCOUNT, check=True
    )
    return done.stdout == "0\n"


@as_root
@linux
@pytest.mark.parametrize(
    ("target", "is_root"),
    [
        ("thread/gain.py", False),
        ("pages/gain.py", False),
        ("thread/mail.py", False),
        # What a legacy script starts works as it did: it has a process of its own.
        ("auto/mail.py", True),
        ("process/gain.py", True),
    ],
)
def test_set_user_id_programs(
    confined: Confined, folder: Path, target: str, is_root: bool
) -> None:
    if not honors_set_user_id(folder / "tool/id"):
        pytest.skip("the file system of /tmp is mounted with nosuid")
    uid = 0 if is_root else pwd.getpwnam(ACCOUNT).pw_uid
    assert confined.ask(target) == f"{uid}\n"


@as_root
@linux
@pytest.mark.parametrize("url", ["thread", "process"])
def test_children_have_their_streams_alone(confined: Confined, url: str) -> None:
    worker = int(confined.ask("thread/pid.py"))
    wait_until(lambda: is_watching(worker))
    # A closed process sees less of itself in /proc; 3 is the folder that is listed.
    assert confined.ask(f"{url}/child.py").split() == ["0", "1", "2", "3"]


@as_root
@linux
def test_the_worker_is_closed_to_other_scripts(confined: Confined) -> None:
    worker = confined.ask("thread/pid.py").strip()
    assert confined.ask(f"process/steal.py?{worker}") == ""
    assert confined.ask("process/steal.py?self").split() == [
        *("mem", "environ", "fd", "maps")
    ]
