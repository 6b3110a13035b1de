"""What another server may ask a pool to run, and what it may set."""

import json
import os
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from httpout_cgi.interpreter.classify import Classifier
from httpout_cgi.processes.pool_door import Mount, Refusal, admit, read_mounts
from httpout_cgi.processes.pool_peer import Peer
from httpout_cgi.processes.pool_run import Run
from httpout_cgi.protocol.scgi import Head, encode_head
from tests.accounts import NOBODY, public_folder, without_privileges


def describe(path: Path, **changes: object) -> dict[str, object]:
    return {
        "url": "/cgi-bin/",
        "path": str(path),
        "is_file": False,
        "match": ["*.py"],
        "interpreters": {".php": "/usr/bin/php-cgi"},
        "environment": {"GREETING": "hello"},
        "timeout": 5.0,
        "links": "owner",
        "hides": True,
        "passes_authorization": False,
        "indexed_query": True,
        "judges": True,
        **changes,
    }


def make_mounts(*described: dict[str, object]) -> tuple[Mount, ...]:
    return read_mounts(json.dumps(described))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of scripts, and what lies beside it."""
    for name in (
        *("cgi-bin/a.py", "cgi-bin/sub/b.py", "cgi-bin/data.txt", "cgi-bin/p.php"),
        *("cgi-bin/.hidden.py", "cgi-bin/.git/c.py", "cgi-bin/ü %41.py"),
        *("cgi-bin-2/a.py", "outside.py", "one.cgi"),
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def ask(
    mounts: Sequence[Mount], path: Path | str, /, content: str = "", **more: str
) -> Run:
    """Ask as a server in front does."""
    variables = {
        "CONTENT_LENGTH": str(len(content)),
        "REQUEST_METHOD": "GET",
        "SCRIPT_FILENAME": str(path),
        **more,
    }
    run, _ = admit(Head(variables, len(content), 0), content.encode(), mounts)
    return run


def refusal(mounts: Sequence[Mount], path: Path | str, **more: str) -> str:
    with pytest.raises(Refusal) as caught:
        ask(mounts, path, **more)
    return str(caught.value)


# What runs.


@pytest.mark.parametrize(
    ("asked", "script", "extra"),
    [
        pytest.param("a.py", "a.py", None, id="script"),
        pytest.param("sub/b.py", "sub/b.py", None, id="below"),
        pytest.param("a.py/", "a.py", "/", id="slash"),
        pytest.param("a.py/x/../.y", "a.py", "/x/../.y", id="extra path"),
        pytest.param("p.php/x", "p.php", "/x", id="interpreter"),
        pytest.param("ü %41.py", "ü %41.py", None, id="no escapes"),
    ],
)
def test_a_script_of_a_mount_runs(
    folder: Path, asked: str, script: str, extra: str | None
) -> None:
    mounts = make_mounts(describe(folder / "cgi-bin"))
    run = ask(mounts, f"{folder}/cgi-bin/{asked}")
    path = f"{folder}/cgi-bin/{script}"
    assert run.path == run.environment["SCRIPT_FILENAME"] == path
    assert run.environment.get("PATH_INFO") == extra
    assert run.interpreter == ("/usr/bin/php-cgi" if script == "p.php" else "")
    assert (run.is_guest, run.is_apache, run.timeout) == (True, False, 5.0)


@pytest.mark.parametrize("address", ["scgi://localhost", "balancer://a:4000"])
def test_apache_names_an_address_with_escapes(folder: Path, address: str) -> None:
    mounts = make_mounts(describe(folder / "cgi-bin"))
    asked = f"proxy:{address}{folder}/cgi-bin/%C3%BC%20%2541.py/x"
    run = ask(mounts, asked, SCRIPT_NAME="/cgi-bin/ü %41.py/x")
    assert run.path == f"{folder}/cgi-bin/ü %41.py"
    assert run.environment["SCRIPT_NAME"] == "/cgi-bin/ü %41.py"
    assert run.environment["PATH_INFO"] == "/x"
    assert run.is_apache


def test_the_one_file_of_a_mount_runs(folder: Path) -> None:
    one = describe(folder / "one.cgi", url="/one", is_file=True, match=[])
    run = ask(make_mounts(one), f"{folder}/one.cgi/x", SCRIPT_NAME="/one/x")
    assert run.path == f"{folder}/one.cgi"
    assert (run.environment["SCRIPT_NAME"], run.environment["PATH_INFO"]) == (
        *("/one", "/x"),
    )
    (folder / "one.cgi").unlink()
    assert refusal(make_mounts(one), folder / "one.cgi").startswith("404 ")
    (folder / "one.cgi").mkdir()
    assert "no" in refusal(make_mounts(one), folder / "one.cgi")


def test_the_deepest_folder_counts_then_the_url(folder: Path) -> None:
    path = folder / "cgi-bin"
    mounts = make_mounts(
        describe(folder, timeout=1),
        describe(path / "sub", timeout=2),
        describe(path, timeout=3),
        describe(path, timeout=4, url="/short/"),
    )
    assert ask(mounts, path / "sub/b.py").timeout == 2
    assert ask(mounts, path / "a.py").timeout == 3
    assert ask(mounts, path / "a.py", SCRIPT_NAME="/short/a.py").timeout == 4
    assert ask(mounts, folder / "outside.py").timeout == 1


def test_an_indexed_query_becomes_arguments(folder: Path) -> None:
    path = folder / "cgi-bin"
    words = make_mounts(describe(path))
    assert ask(words, path / "a.py", QUERY_STRING="a+b%20c").arguments == ("a", "b c")
    assert ask(words, path / "a.py", QUERY_STRING="a=b").arguments == ()
    none = make_mounts(describe(path, indexed_query=False))
    assert ask(none, path / "a.py", QUERY_STRING="a+b").arguments == ()


def test_another_python_runs_what_only_it_can(folder: Path) -> None:
    library = folder / "venv/lib/python3.9/site-packages"
    (library / "only_there").mkdir(parents=True)
    (folder / "venv/pyvenv.cfg").touch()
    (folder / "venv/bin").mkdir()
    (folder / "venv/bin/python3").symlink_to("/bin/sh")
    script = folder / "cgi-bin/a.cgi"
    script.write_text(f"#!{folder}/venv/bin/python3\nimport only_there\n")
    changes: dict[str, object] = {"match": ["*.cgi"]}
    mounts = make_mounts(describe(folder / "cgi-bin", **changes))
    assert ask(mounts, script).by_shebang
    forced = make_mounts(describe(folder / "cgi-bin", judges=False, **changes))
    assert not ask(forced, script).by_shebang
    script.write_text(f"#!{folder}/venv/bin/python3\nimport os\n")
    assert not ask(mounts, script).by_shebang


def test_a_flaw_of_ours_makes_no_script_unusable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Classifier, "judge", None)
    mounts = make_mounts(describe(folder / "cgi-bin"))
    assert not ask(mounts, folder / "cgi-bin/a.py").by_shebang


def test_content_comes_along(folder: Path) -> None:
    mounts = make_mounts(describe(folder / "cgi-bin"))
    run = ask(mounts, folder / "cgi-bin/a.py", "abc", REQUEST_METHOD="POST")
    assert (run.content_length, run.content) == (3, b"abc")
    assert run.environment["CONTENT_LENGTH"] == "3"


# What does not.


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        pytest.param("/bin/sh", "403 refused: below no script mount", id="program"),
        pytest.param("", "no absolute path", id="nothing"),
        pytest.param("a.py", "no absolute path", id="relative"),
        pytest.param("proxy:scgi://h/%00", "no absolute path", id="NUL"),
        pytest.param("proxy:fcgi://h/bin/sh", "no absolute path", id="another proxy"),
        pytest.param("proxy:scgi://h/bin/sh", "below no script mount", id="proxied"),
        pytest.param("{}/outside.py", "below no script mount", id="beside"),
        pytest.param("{}/cgi-bin-2/a.py", "below no script mount", id="begins so"),
        pytest.param("{}/cgi-bin/../outside.py", "no plain path", id="dot-dot"),
        pytest.param("{}/cgi-bin/sub/../a.py", "no plain path", id="dot-dot inside"),
        pytest.param("{}/cgi-bin/./a.py", "no plain path", id="dot"),
        pytest.param("{}/cgi-bin//a.py", "no plain path", id="two slashes"),
        pytest.param("{}/cgi-bin", "no plain path", id="folder"),
        pytest.param("{}/cgi-bin/", "no plain path", id="folder with slash"),
        pytest.param("{}/cgi-bin/sub", "a folder", id="folder below"),
        pytest.param("proxy:scgi://h{}/cgi-bin/%2e%2e/outside.py", "plain", id="%2e"),
        pytest.param("{}/cgi-bin/.hidden.py", "hidden file", id="hidden"),
        pytest.param("{}/cgi-bin/.git/c.py", "hidden file", id="hidden folder"),
        pytest.param("{}/cgi-bin/data.txt", "403 refused: not a script", id="data"),
        pytest.param("{}/cgi-bin/none.py", "404 refused: not found", id="missing"),
        pytest.param("{}/cgi-bin/" + "a" * 300, "404 refused", id="too long"),
        pytest.param("{}/cgi-bin/a\nb.py", r"a\nb.py'", id="line feed"),
    ],
)
def test_what_is_no_script_of_a_mount_is_refused(
    folder: Path, asked: str, reason: str
) -> None:
    mounts = make_mounts(describe(folder / "cgi-bin"))
    assert reason in refusal(mounts, asked.replace("{}", str(folder)))


def test_what_is_no_file_is_refused(folder: Path) -> None:
    os.mkfifo(folder / "cgi-bin/pipe.py")
    mounts = make_mounts(describe(folder / "cgi-bin"))
    assert "neither file nor folder" in refusal(mounts, folder / "cgi-bin/pipe.py")


@pytest.mark.parametrize(
    ("links", "inside", "outside"),
    [("owner", True, False), ("never", False, False), ("always", True, True)],
)
def test_links_lead_to_nothing_outside(
    folder: Path, links: str, inside: bool, outside: bool
) -> None:
    mounts = make_mounts(describe(folder / "cgi-bin", links=links))
    for name, target, runs in (
        ("in.py", "sub/b.py", inside),
        ("out.py", "../outside.py", outside),
        # Its name begins like that of the folder.
        ("near.py", "../cgi-bin-2/a.py", outside),
    ):
        path = folder / "cgi-bin" / name
        path.symlink_to(target)
        if runs:
            assert ask(mounts, path).path == str(path)
        else:
            assert "link" in refusal(mounts, path)


def test_a_mount_may_be_a_link(folder: Path) -> None:
    (folder / "current").symlink_to("cgi-bin")
    mounts = make_mounts(describe(folder / "current"))
    assert ask(mounts, folder / "current/a.py").path == f"{folder}/current/a.py"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_links_to_what_others_own_are_refused(folder: Path) -> None:
    path = folder / "cgi-bin/link.py"
    path.symlink_to("a.py")
    os.lchown(path, NOBODY, NOBODY)
    mounts = make_mounts(describe(folder / "cgi-bin"))
    assert "symbolic link" in refusal(mounts, path)


def test_a_folder_that_may_not_be_entered_is_forbidden() -> None:
    with public_folder() as folder:
        (folder / "cgi-bin").mkdir(mode=0o000)
        mounts = make_mounts(describe(folder / "cgi-bin"))
        with without_privileges():
            assert refusal(mounts, folder / "cgi-bin/a.py").startswith("403 ")


@pytest.mark.parametrize("text", ["[1]", "{}5", '[{"path": "/a"}]', '[{"url": 1}]'])
def test_what_are_no_mounts_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"no script mounts|JSON|Extra data"):
        read_mounts(text)


# What it may set.


def see(folder: Path, changes: dict[str, object], **more: str) -> dict[str, str]:
    mounts = make_mounts(describe(folder / "cgi-bin", **changes))
    return ask(mounts, folder / "cgi-bin/a.py", **more).environment


@pytest.mark.parametrize(
    "name",
    [
        *("LD_PRELOAD", "PYTHONPATH", "PATH", "IFS", "BASH_ENV", "TMPDIR", "lower"),
        *("HTTP_PROXY", "http_proxy", "HTTP_", "HTTP_A-B", "SSL_CERT_FILE", "HOME"),
        *("SSL_CERT_DIR", "HTTP_AUTHORIZATION", "HTTP_PROXY_AUTHORIZATION", "A=b"),
        *("HTTPOUT_CGI_RUN", "HTTP_TRANSFER_ENCODING", "GIT_PROJECT_ROOT", ""),
    ],
)
def test_other_names_are_not_set(folder: Path, name: str) -> None:
    assert see(folder, {}, **{name: "evil"}).get(name) != "evil"


@pytest.mark.parametrize(
    "name",
    [
        *("HTTP_X_A", "REMOTE_USER", "SSL_CLIENT_S_DN", "REDIRECT_URL", "HTTPS"),
        *("SERVER_SOFTWARE", "REDIRECT_STATUS", "PATH_TRANSLATED"),
    ],
)
def test_meta_variables_are_passed_on(folder: Path, name: str) -> None:
    assert see(folder, {}, **{name: "text"})[name] == "text"


def test_what_nginx_sends_empty_or_not_at_all(folder: Path) -> None:
    environment = see(folder, {}, PATH_INFO="", CONTENT_TYPE="", HTTP_A="")
    assert environment == {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "GREETING": "hello",
        "HTTP_A": "",
        "PATH": os.environ["PATH"],
        "QUERY_STRING": "",
        "REDIRECT_STATUS": "200",
        "REQUEST_METHOD": "GET",
        "SCRIPT_FILENAME": f"{folder}/cgi-bin/a.py",
        "SERVER_SOFTWARE": "httpout-cgi",
    }


def test_a_mount_may_pass_the_authorization(folder: Path) -> None:
    changes: dict[str, object] = {"passes_authorization": True}
    environment = see(folder, changes, HTTP_AUTHORIZATION="Basic x")
    assert environment["HTTP_AUTHORIZATION"] == "Basic x"


def test_the_settings_win(folder: Path) -> None:
    changes: dict[str, object] = {"environment": {"REMOTE_USER": "a", "PATH": "/a"}}
    environment = see(folder, changes, REMOTE_USER="evil")
    assert (environment["REMOTE_USER"], environment["PATH"]) == ("a", "/a")


def test_the_path_info_of_the_server_in_front_is_kept(folder: Path) -> None:
    assert see(folder, {}, PATH_INFO="/x")["PATH_INFO"] == "/x"


def test_extras_of_a_worker_are_none_of_a_stranger(folder: Path) -> None:
    # Its "interpreter" would be any program.
    mounts = make_mounts(describe(folder / "cgi-bin"))
    told = json.dumps({"interpreter": "/bin/sh", "timeout": 9999, "umask": 0})
    run = ask(mounts, folder / "cgi-bin/a.py", HTTPOUT_CGI_RUN=told)
    assert (run.interpreter, run.timeout, run.umask) == ("", 5.0, None)


# On a connection.


def test_a_refusal_is_an_answer_and_reads_on(folder: Path) -> None:
    mounts = make_mounts(describe(folder / "cgi-bin"))
    theirs, ours = socket.socketpair()
    with theirs:
        peer = Peer(ours, 0.0, mounts)
        head = {"CONTENT_LENGTH": "9", "SCRIPT_FILENAME": "/bin/sh"}
        theirs.sendall(encode_head(head) + b"con")
        with pytest.raises(Refusal) as caught:
            peer.read()
        peer.refuse(caught.value.answer)
        theirs.sendall(b"tent")
        assert theirs.recv(1000) == (
            b"Status: 403 Forbidden\r\nContent-Type: text/plain\r\n"
            b"Content-Length: 14\r\n\r\n403 Forbidden\n"
        )
        assert theirs.recv(1) == b""
        assert peer.read()
        assert peer.read()
        theirs.shutdown(socket.SHUT_WR)
        assert not peer.read()
        assert peer.run is None
        peer.close()


def test_a_stranger_sends_no_descriptors(folder: Path) -> None:
    mounts = make_mounts(describe(folder / "cgi-bin"))
    theirs, ours = socket.socketpair()
    with theirs:
        peer = Peer(ours, 0.0, mounts)
        socket.send_fds(theirs, [b"1"], [0, 1, 2])
        with pytest.raises(ValueError, match="descriptors"):
            peer.read()
        peer.close()
