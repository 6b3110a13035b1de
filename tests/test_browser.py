"""Pages in a real browser: what arrives when, and what people see of it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.browser import PROGRAM, Browser
from tests.live import ROOT
from tests.live_site import Site
from tests.page_site import CONFIG, start_pages, write_page

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="chromium is not installed")

SAMPLES = f"""\
  - hosts: [localhost]
    docroot: {ROOT}/htdocs
    scripts: [{{url: /pages/, path: {ROOT}/samples/pages, output: page}}]
"""
SLOW = """
    import os, time
    print("<p id=first>first</p>")
    while not os.path.exists("go"):
        time.sleep(0.01)
    os.unlink("go")
    print("<p id=last>last</p>")
    """


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    config = CONFIG.replace("sites:\n", f"sites:\n{SAMPLES}")
    with start_pages(tmp_path_factory.mktemp("site"), config) as site:
        write_page(site, "slow.py", SLOW)
        write_page(site, "empty.html", "<!DOCTYPE html><title>Empty</title>")
        yield site


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with closing(Browser(tmp_path_factory.mktemp("chromium"))) as browser:
        yield browser


def test_a_line_is_seen_before_the_page_is_over(site: Site, browser: Browser) -> None:
    with closing(browser.open(f"http://127.0.0.1:{site.port}/slow.py")) as tab:
        assert tab.wait_for("document.getElementById('first')?.textContent") == "first"
        assert tab.run("document.readyState") == "loading"
        (site.folder / "htdocs/go").touch()
        tab.wait_for("document.readyState == 'complete'")
        assert tab.run("document.getElementById('last').textContent") == "last"


def test_a_script_reads_a_line_before_the_page_is_over(
    site: Site, browser: Browser
) -> None:
    read = "reader.read().then(part => new TextDecoder().decode(part.value))"
    with closing(browser.open(f"http://127.0.0.1:{site.port}/empty.html")) as tab:
        tab.run("fetch('/slow.py').then(r => { reader = r.body.getReader(); })")
        assert tab.run(read) == "<p id=first>first</p>\n"
        (site.folder / "htdocs/go").touch()
        assert tab.run(read) == "<p id=last>last</p>\n"
        assert tab.run("reader.read().then(part => part.done)") is True


def test_two_tabs_chat(site: Site, browser: Browser) -> None:
    url = f"http://localhost:{site.port}/pages/chat.py"
    say = "line.value = '%s'; document.querySelector('button').click()"
    lines = "[...document.querySelectorAll('#lines li')].map(item => item.textContent)"
    with closing(browser.open(url)) as one:
        one.wait_for("document.querySelector('#lines li')")
        with closing(browser.open(url)) as two:
            one.wait_for(f"{lines}.includes('Guest 2 has come.')")
            one.run(say % "Hello <b>you</b>")
            two.wait_for(f"{lines}.includes('Guest 1: Hello <b>you</b>')")
            two.run(say % "ä 😀")
            one.wait_for(f"{lines}.includes('Guest 2: ä 😀')")
            assert one.run("line.value") == ""
        one.wait_for(f"{lines}.includes('Guest 2 has left.')")
        assert one.run(lines) == [
            "Guest 1 has come.",
            "Guest 2 has come.",
            "Guest 1: Hello <b>you</b>",
            "Guest 2: ä 😀",
            "Guest 2 has left.",
        ]


def test_events_tell_the_time(site: Site, browser: Browser) -> None:
    url = f"http://localhost:{site.port}/pages/events.py"
    with closing(browser.open(url)) as tab:
        tab.wait_for("/^..:..:..$/.test(document.getElementById('time')?.value)")
