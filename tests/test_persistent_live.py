"""local_modules: persistent, in a server: kept by each thread until a file changes."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.live import PATIENCE
from tests.live_site import Site, start_site

CONFIG = """\
listen: ["127.0.0.1:0"]
threads: 4
sites:
  - docroot: htdocs
    scripts:
      - {url: /cgi-bin/, path: cgi-bin, local_modules: persistent}
      - {url: /fresh/, path: cgi-bin}
"""

SCRIPT = """\
import os, threading, kept
kept.seen.append(os.environ["QUERY_STRING"])
print("Content-Type: text/plain\\n")
print(kept.version, len(kept.seen), threading.get_ident() == kept.thread)
"""


def make_kept(version: int) -> str:
    return (
        f"import threading\nversion = {version}\nseen = []\n"
        "thread = threading.get_ident()\n"
    )


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with start_site(tmp_path, CONFIG) as site:
        site.write("kept.py", make_kept(1))
        site.write("count.py", SCRIPT)
        yield site


def ask(site: Site, url: str = "/cgi-bin/count.py") -> list[str]:
    reply = site.ask(url)
    assert reply.status == 200
    return reply.body.decode().split()


def test_modules_are_kept_by_each_thread_of_the_server(site: Site) -> None:
    answers = [ask(site) for _ in range(40)]
    assert {(version, same) for version, _, same in answers} == {("1", "True")}
    counts = [int(count) for _, count, _ in answers]
    # Four threads at most had to load it.
    assert 1 <= counts.count(1) <= 4
    assert max(counts) >= 10


def test_other_mounts_of_the_folder_are_not_affected(site: Site) -> None:
    ask(site)
    assert [ask(site, "/fresh/count.py")[1] for _ in range(8)] == ["1"] * 8


def test_an_edit_is_used_by_the_very_next_request(site: Site) -> None:
    for version in range(2, 30):
        site.write("kept.py", make_kept(version))
        assert ask(site)[0] == str(version)


def test_no_two_runs_touch_one_module_at_a_time(site: Site) -> None:
    site.write("kept.py", "busy = []")
    site.write(
        "alone.py",
        """\
        import time, kept
        kept.busy.append(1)
        time.sleep(0.01)
        alone = len(kept.busy)
        kept.busy.clear()
        print("Content-Type: text/plain\\n")
        print(alone)
        """,
    )
    barrier = threading.Barrier(8)

    def work(_: int) -> list[str]:
        barrier.wait(PATIENCE)
        return [ask(site, "/cgi-bin/alone.py")[0] for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == [["1"] * 5] * 8
