"""Edited files: the very next request runs what is on the disk then."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live_site import EMPTY, Site, start_site


@pytest.fixture(scope="module", params=["auto", "off"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """The same with the watcher and without it: stat at use is the truth."""
    config = f"reload: {{watch: {request.param}}}\n{EMPTY}"
    with start_site(tmp_path_factory.mktemp("reload"), config) as site:
        yield site


def make_script(word: str) -> str:
    return f"print('Content-Type: text/plain\\n\\n{word}')\n"


def ask(site: Site, name: str) -> str:
    reply = site.ask(f"/cgi-bin/{name}")
    assert reply.status == 200, reply
    return reply.body.decode().strip()


def test_edits_of_the_same_size_in_quick_succession(site: Site) -> None:
    with site.open() as client:
        for number in range(200):
            site.write("edited.py", make_script(f"{number:03}"))
            client.send("/cgi-bin/edited.py")
            assert client.receive().body == f"{number:03}\n".encode()


def test_an_edit_that_keeps_size_and_mtime(site: Site) -> None:
    path = site.write("touched.py", make_script("old"))
    os.utime(path, ns=(10**18, 10**18))
    assert ask(site, "touched.py") == "old"
    site.write("touched.py", make_script("new"))
    os.utime(path, ns=(10**18, 10**18))
    assert ask(site, "touched.py") == "new"


def test_an_atomic_rename(site: Site) -> None:
    for number in range(50):
        new = site.write("renamed.tmp", make_script(f"{number:03}"))
        new.replace(site.folder / "cgi-bin/renamed.py")
        assert ask(site, "renamed.py") == f"{number:03}"


def test_an_edited_helper_module(site: Site) -> None:
    site.write(
        "uses_helper.py",
        """\
        import helper
        from package import part
        print("Content-Type: text/plain\\n")
        print(helper.word, part.word)
        """,
    )
    (site.folder / "cgi-bin/package").mkdir(exist_ok=True)
    site.write("package/__init__.py", "")
    for number in range(50):
        site.write("helper.py", f"word = '{number:03}'\n")
        site.write("package/part.py", f"word = '{number:03}'\n")
        assert ask(site, "uses_helper.py") == f"{number:03} {number:03}"


def test_a_half_written_script_is_an_error_for_that_request_only(site: Site) -> None:
    site.write("half.py", make_script("before"))
    assert ask(site, "half.py") == "before"
    site.write("half.py", "print('Content-Type: text/plain\\n\\n")
    for _ in range(2):
        assert site.ask("/cgi-bin/half.py").status == 500
    site.wait_for_log(r"half\.py \w+\] SyntaxError: ")
    site.write("half.py", make_script("after"))
    assert ask(site, "half.py") == "after"


def test_a_half_written_helper_is_an_error_for_that_request_only(site: Site) -> None:
    site.write("uses_half.py", "import half_helper\n" + make_script("whole"))
    site.write("half_helper.py", "word = (")
    assert site.ask("/cgi-bin/uses_half.py").status == 500
    site.write("half_helper.py", "word = ()")
    assert ask(site, "uses_half.py") == "whole"


def test_a_deleted_script_is_not_found_until_it_comes_back(site: Site) -> None:
    path = site.write("deleted.py", make_script("here"))
    assert ask(site, "deleted.py") == "here"
    path.unlink()
    assert site.ask("/cgi-bin/deleted.py").status == 404
    site.write("deleted.py", make_script("back"))
    assert ask(site, "deleted.py") == "back"


def test_the_watcher_compiles_early_and_says_so(tmp_path: Path) -> None:
    with start_site(tmp_path, EMPTY) as site:
        path = site.write("watched.py", make_script("000"))
        assert ask(site, "watched.py") == "000"
        # The server answers before it watches: what is edited until then is not seen.
        for number in range(1, 20):
            site.write("watched.py", make_script(f"{number:03}"))
            with suppress(AssertionError):
                site.server.stderr.wait_for(rf"reloaded {path}\n", timeout=1)
                break
        site.wait_for_log(rf"reloaded {path}\n")
        assert ask(site, "watched.py") == f"{number:03}"


def test_what_was_looked_at_is_believed_for_as_long_as_the_settings_allow(
    tmp_path: Path,
) -> None:
    # Written before the start: files that have just been written are read again.
    for folder in ("htdocs", "cgi-bin"):
        (tmp_path / folder).mkdir()
    scripts = tmp_path / "cgi-bin"
    (scripts / "deleted.py").write_text(make_script("here"))
    (scripts / "edited.py").write_text(make_script("old"))
    (scripts / "uses_helper.py").write_text("import helper\n" + make_script("?"))
    (scripts / "helper.py").write_text("print('Helper: old')\n")
    lines = "reload: {watch: off, check: %s}\n" + EMPTY

    def ask_all(site: Site) -> list[str | None]:
        helped = site.ask("/cgi-bin/uses_helper.py").get("Helper")
        return [ask(site, "edited.py"), helped]

    with start_site(tmp_path, lines % "1h") as site:
        assert ask_all(site) == ["old", "old"]
        assert ask(site, "deleted.py") == "here"
        site.write("edited.py", make_script("new"))
        site.write("helper.py", "print('Helper: new')\n")
        (scripts / "deleted.py").unlink()
        assert ask_all(site) == ["old", "old"]
        assert ask(site, "deleted.py") == "here"
        (tmp_path / "config.yaml").write_text(lines % "0s")
        site.server.process.send_signal(signal.SIGHUP)
        site.wait_for_log("reloaded; listening on")
        assert ask_all(site) == ["new", "new"]
        assert site.ask("/cgi-bin/deleted.py").status == 404


def test_edited_settings_are_applied_without_dropping_a_connection(
    tmp_path: Path,
) -> None:
    with start_site(tmp_path, EMPTY) as site:
        site.write("hello.py", make_script("hello"))
        config = tmp_path / "config.yaml"
        applied, failures = threading.Event(), list[BaseException]()

        def keep_asking() -> None:
            try:
                with site.open() as client:
                    while not applied.is_set():
                        client.send("/cgi-bin/hello.py")
                        reply = client.receive()
                        assert reply.body == b"hello\n"
                        if reply.get("X-Edited") == "yes":
                            applied.set()
            except BaseException as exc:
                failures.append(exc)
                applied.set()

        asking = threading.Thread(target=keep_asking)
        asking.start()
        headers = "docroot: htdocs\n    headers: {X-Edited: yes}"
        config.write_text(EMPTY.replace("docroot: htdocs", headers))
        asking.join()
        assert not failures
        assert applied.is_set()
        site.wait_for_log("reloaded; listening on")
        assert site.ask("/cgi-bin/hello.py").get("X-Edited") == "yes"


def test_invalid_settings_are_logged_and_the_old_ones_stay(tmp_path: Path) -> None:
    with start_site(tmp_path, EMPTY) as site, site.open() as client:
        site.write("hello.py", make_script("hello"))
        client.send("/cgi-bin/hello.py")
        assert client.receive().status == 200
        (tmp_path / "config.yaml").write_text(f"{EMPTY}thread: 3\n")
        line = site.wait_for_log(r".*not reloaded: .*\n").group()
        assert "config.yaml:5" in line
        assert "threads" in line
        client.send("/cgi-bin/hello.py")
        assert client.receive().body == b"hello\n"
