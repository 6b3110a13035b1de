"""The list of scripts that the command line prints, and runner: auto in the server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.files.script_list import list_scripts
from tests.live_site import Site, start_site
from tests.test_cli import run

FORK = "import os\nos.fork()\n"
WHY = "os.fork: a copy of the server would go on with all its connections"

CONFIG = """\
sites:
  - hosts: [example.org]
    follow_symlinks: always
    scripts:
      - {url: /cgi-bin/, path: cgi-bin, match: ["*.py", "*.cgi"]}
      - {url: /cgi-bin/admin/, path: admin}
      - {url: /one, file: one.pl}
      - {url: /set/, path: admin, runner: thread}
      - {url: /php/, path: php, interpreters: {.php: /bin/sh}}
  - hosts: ["*"]
    scripts: [{url: /any/, path: admin, match: ["*"]}]
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with scripts of all kinds."""
    for name in ("htdocs", "cgi-bin/sub/admin", "cgi-bin/admin", "admin", "php"):
        (tmp_path / name).mkdir(parents=True)
    files = {
        "config.yaml": CONFIG,
        "one.pl": "#!/usr/bin/perl\n",
        "admin/a.py": FORK,
        "cgi-bin/plain.py": "import no_such_thing, helper\n",
        "cgi-bin/helper.py": "raise SystemExit('imported')\n",
        "cgi-bin/broken.py": "print 'x'\n",
        "cgi-bin/shell.cgi": "#!/bin/sh\n",
        "cgi-bin/sub/new\nli\tne.py": "",
        "cgi-bin/sub/data.txt": "",
        "cgi-bin/.hidden.py": "",
        "cgi-bin/admin/covered.py": "",
        "php/a.php": "<?php",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "admin/run.sh").touch(0o755)
    (tmp_path / "cgi-bin/loop").symlink_to(tmp_path / "cgi-bin")
    (tmp_path / "cgi-bin/nowhere.py").symlink_to(tmp_path / "nowhere")
    return tmp_path


def test_every_script_is_a_line(site: Path) -> None:
    done = run("scripts", "--config", "config.yaml", cwd=site)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    broken = lines[0].pop()
    assert broken.startswith("broken.py:1: SyntaxError: Missing parentheses in call")
    bin_, host = f"{site}/cgi-bin", "//example.org"
    admin = f"{site}/admin/a.py"
    fork = f"a.py:2: {WHY}"
    assert lines == [
        [f"{host}/cgi-bin/broken.py", f"{bin_}/broken.py", "thread"],
        [f"{host}/cgi-bin/helper.py", f"{bin_}/helper.py", "thread"],
        [f"{host}/cgi-bin/plain.py", f"{bin_}/plain.py", "thread"],
        [
            *(f"{host}/cgi-bin/shell.cgi", f"{bin_}/shell.cgi", "process"),
            "shell.cgi:1: not Python: /bin/sh",
        ],
        [
            f"{host}/cgi-bin/sub/new\\x0ali\\x09ne.py",
            f"{bin_}/sub/new\\x0ali\\x09ne.py",
            "thread",
        ],
        [f"{host}/cgi-bin/admin/a.py", admin, "process", fork],
        [
            *(f"{host}/one", f"{site}/one.pl", "process"),
            "one.pl:1: not Python: /usr/bin/perl",
        ],
        [
            *(f"{host}/php/a.php", f"{site}/php/a.php", "process"),
            "its suffix is for /bin/sh",
        ],
        [f"{host}/set/a.py", admin, "thread", f"runner: thread; {fork}"],
        [
            "/any/run.sh",
            f"{site}/admin/run.sh",
            "process",
            "run.sh: not Python: a program",
        ],
    ]


def test_a_missing_file_of_settings_is_one_line(site: Path) -> None:
    done = run("scripts", "--config", "none.yaml", cwd=site)
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 1


def test_without_settings_the_current_folder_is_listed(site: Path) -> None:
    (site / "config.yaml").unlink()
    done = run("scripts", cwd=site)
    assert done.returncode == 0
    assert f"/cgi-bin/plain.py\t{site}/cgi-bin/plain.py\tthread\n" in done.stdout


def test_thousands_of_scripts_are_found(site: Path) -> None:
    for number in range(3000):
        (site / f"admin/{number}.py").touch()
    loaded = config.load(site / "config.yaml")
    assert len(list(list_scripts(loaded.sites[0]))) > 3000


LIVE = """\
listen: ["127.0.0.1:0"]
sites:
  - docroot: htdocs
    scripts: [{url: /cgi-bin/, path: cgi-bin, match: ["*.py", "*.pyz"]}]
"""
HEAD = 'print("Content-Type: text/plain\\n", flush=True)\n'


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with start_site(tmp_path_factory.mktemp("auto"), LIVE) as site:
        yield site


def test_the_server_sends_a_script_where_it_belongs(live: Site) -> None:
    live.write("fork.py", HEAD + "import os\nif os.fork(): os.wait(); print('two')")
    for _ in range(2):
        reply = live.ask("/cgi-bin/fork.py")
        assert (reply.status, reply.body) == (200, b"two\n")


def test_an_edited_helper_changes_the_runner_of_the_next_request(live: Site) -> None:
    live.write("helper.py", "def act(): return 'thread'")
    live.write("app.py", HEAD + "import helper\nprint(helper.act())")
    for _ in range(2):
        assert live.ask("/cgi-bin/app.py").body == b"thread\n"
    live.write(
        "helper.py",
        "import os\ndef act():\n    pid = os.fork()\n    if not pid: os._exit(0)\n"
        "    return os.waitpid(pid, 0)[1]",
    )
    assert live.ask("/cgi-bin/app.py").body == b"0\n"


def test_content_reaches_a_script_that_is_looked_at_first(live: Site) -> None:
    live.write("body.py", HEAD + "import sys\nprint(sys.stdin.read())")
    reply = live.ask("/cgi-bin/body.py", method="POST", body=b"content")
    assert reply.body == b"content\n"


def test_source_for_another_python_is_run_by_that(live: Site, tmp_path: Path) -> None:
    other = tmp_path / "python2"
    other.write_text(
        '#!/bin/sh\nprintf "Content-Type: text/plain\\n\\n"\nhead -2 "$1"\n'
    )
    other.chmod(0o755)
    path = live.write("old.py", f"#!{other}\nprint 'x'\n")
    assert live.ask("/cgi-bin/old.py").status == 500
    live.wait_for_log(r"old.py: it may not be executed: its run bit is missing")
    path.chmod(0o755)
    reply = live.ask("/cgi-bin/old.py")
    assert reply.body == f"#!{other}\nprint 'x'\n".encode()
