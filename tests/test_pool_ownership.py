"""What the pool of an account runs, and what it refuses, with the word for it."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from httpout_cgi.processes import pool_shebang
from httpout_cgi.processes.pool_ownership import Ownership, admit, read_ownership
from httpout_cgi.processes.pool_run import Run
from httpout_cgi.protocol.ownership import OwnershipError, Refusal
from tests.pool_process import pool_process, save

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a script; like pytest's folders, it is closed to others."""
    save(tmp_path / "www/cgi-bin/a.py", "print()", 0o700)
    (tmp_path / "www").chmod(0o755)
    (tmp_path / "www/cgi-bin").chmod(0o755)
    return tmp_path


def describe(home: Path, mode: str = "strict") -> Ownership:
    return Ownership(mode, (f"{home}/www",), (f"{home}/www/cgi-bin",), ("EXTRA",))


def find_refusal(home: Path, path: str, mode: str = "strict") -> Refusal | None:
    run = Run(f"{home}/{path}", {}, 0)
    try:
        admit(run, describe(home, mode))
    except OwnershipError as exc:
        return exc.refusal
    return None


SCRIPT = "www/cgi-bin/a.py"


@pytest.mark.parametrize("mode", [0o700, 0o711, 0o755, 0o600, 0o500, 0o100])
def test_a_script_of_the_account_runs(home: Path, mode: int) -> None:
    (home / SCRIPT).chmod(mode)
    assert find_refusal(home, SCRIPT) is None


def link_to(path: str) -> Callable[[Path], None]:
    def make(home: Path) -> None:
        (home / SCRIPT).unlink()
        (home / SCRIPT).symlink_to(path.replace("HOME", str(home)))

    return make


def replace_by_folder(home: Path) -> None:
    (home / SCRIPT).unlink()
    (home / SCRIPT).mkdir()


def replace_by_pipe(home: Path) -> None:
    (home / SCRIPT).unlink()
    os.mkfifo(home / SCRIPT)


def link_the_folder_away(home: Path) -> None:
    (home / "www/cgi-bin").rename(home / "elsewhere")
    (home / "www/cgi-bin").symlink_to(home / "elsewhere")


def link_within(home: Path) -> None:
    save(home / "www/lib/b.py", "", 0o700)
    (home / "www/lib").chmod(0o755)
    link_to("../lib/b.py")(home)


def move_the_docroot(home: Path) -> None:
    (home / "www").rename(home / "disk")
    (home / "www").symlink_to("disk")


Change = Callable[[Path], object]
# By the mode in which it is refused first: strict, owner or off.
RULES = [
    pytest.param(
        lambda home: (home / SCRIPT).chmod(0o770),
        *(Refusal.GROUP_WRITABLE, "strict"),
        id="group",
    ),
    pytest.param(
        lambda home: (home / SCRIPT).chmod(0o702),
        *(Refusal.WORLD_WRITABLE, "strict"),
        id="world",
    ),
    pytest.param(
        lambda home: (home / SCRIPT).chmod(0o4700),
        *(Refusal.SETUID, "strict"),
        id="setuid",
    ),
    pytest.param(
        lambda home: (home / SCRIPT).chmod(0o2700),
        *(Refusal.SETGID, "strict"),
        id="setgid",
    ),
    pytest.param(
        lambda home: (home / "www/cgi-bin").chmod(0o775),
        *(Refusal.FOLDER_GROUP_WRITABLE, "strict"),
        id="folder of a group",
    ),
    pytest.param(
        lambda home: (home / "www").chmod(0o1777),
        *(Refusal.FOLDER_WORLD_WRITABLE, "strict"),
        id="docroot of everybody",
    ),
    pytest.param(link_to("/bin/sh"), Refusal.LINKED_OUTSIDE, "owner", id="link out"),
    pytest.param(
        link_to("HOME/www/../x"), Refusal.MISSING, "owner", id="link to nothing"
    ),
    pytest.param(link_to("a.py"), Refusal.NOT_REGULAR, "owner", id="link to itself"),
    pytest.param(
        link_the_folder_away, Refusal.LINKED_OUTSIDE, "owner", id="folder linked out"
    ),
    pytest.param(replace_by_folder, Refusal.NOT_REGULAR, "owner", id="folder"),
    pytest.param(replace_by_pipe, Refusal.NOT_REGULAR, "owner", id="pipe"),
    pytest.param(
        lambda home: (home / SCRIPT).unlink(), Refusal.MISSING, "owner", id="gone"
    ),
]
MODES = ("strict", "owner", "off")


@pytest.mark.parametrize(("change", "refusal", "mode"), RULES)
def test_each_rule_refuses_with_its_word(
    home: Path, change: Change, refusal: Refusal, mode: str
) -> None:
    change(home)
    relaxed = MODES[MODES.index(mode) + 1]
    assert find_refusal(home, SCRIPT) is refusal
    assert find_refusal(home, SCRIPT, mode) is refusal
    assert find_refusal(home, SCRIPT, relaxed) is None


@pytest.mark.parametrize("change", [link_within, move_the_docroot])
def test_links_within_the_docroot_are_followed(home: Path, change: Change) -> None:
    change(home)
    assert find_refusal(home, SCRIPT) is None


@as_root
@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        (SCRIPT, Refusal.NOT_OWNER),
        ("www/cgi-bin", Refusal.FOLDER_NOT_OWNER),
        ("www", Refusal.FOLDER_NOT_OWNER),
    ],
)
def test_what_belongs_to_others_is_refused(
    home: Path, path: str, refusal: Refusal
) -> None:
    os.chown(home / path, 65534, -1)
    assert find_refusal(home, SCRIPT) is refusal
    assert find_refusal(home, SCRIPT, "owner") is refusal
    assert find_refusal(home, SCRIPT, "off") is None


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "path",
    [
        "/bin/sh",
        "HOME/www/index.py",
        "HOME/www/cgi-binary/a.py",
        "HOME/www/cgi-bin",
        "HOME/www/cgi-bin/../secret.py",
        "HOME/www/cgi-bin/./a.py",
        "HOME/www//cgi-bin/a.py",
    ],
)
def test_what_is_in_no_mount_is_never_run(home: Path, path: str, mode: str) -> None:
    run = Run(path.replace("HOME", str(home)), {}, 0)
    with pytest.raises(OwnershipError) as caught:
        admit(run, describe(home, mode))
    assert caught.value.refusal is Refusal.OUTSIDE


def test_a_script_that_is_replaced_meanwhile_is_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(home / "www/cgi-bin/b.py", "", 0o700)

    def mistake(path: str) -> str:
        return path.replace("a.py", "b.py")

    monkeypatch.setattr(os.path, "realpath", mistake)
    assert find_refusal(home, SCRIPT) is Refusal.CHANGED


def test_only_meta_variables_and_configured_ones_remain(home: Path) -> None:
    sent = {
        "HTTP_HOST": "x",
        "EXTRA": "configured",
        "QUERY_STRING": "a=b",
        "PATH": "/tmp/evil",
        "LD_PRELOAD": "/tmp/evil.so",
        "PYTHONPATH": "/tmp/evil",
        "BASH_ENV": "/tmp/evil",
        "HOME": "/root",
    }
    run = admit(Run(f"{home}/{SCRIPT}", sent, 0), describe(home))
    assert run.environment == {
        "HTTP_HOST": "x",
        "EXTRA": "configured",
        "QUERY_STRING": "a=b",
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "SCRIPT_FILENAME": f"{home}/{SCRIPT}",
    }


def test_a_configured_path_stays(home: Path) -> None:
    ownership = describe(home)._replace(variables=("PATH",))
    run = admit(Run(f"{home}/{SCRIPT}", {"PATH": "/opt/bin"}, 0), ownership)
    assert run.environment["PATH"] == "/opt/bin"


def test_an_interpreter_has_to_be_configured(home: Path) -> None:
    run = Run(f"{home}/{SCRIPT}", {}, 0, interpreter="/bin/sh")
    with pytest.raises(OwnershipError, match="interpreter-not-configured: /bin/sh"):
        admit(run, describe(home))
    assert admit(run, describe(home)._replace(interpreters=("/bin/sh",)))


def test_a_page_belongs_to_a_folder_of_the_settings(home: Path) -> None:
    mounts = describe(home).mounts
    run = Run(f"{mounts[0]}/a.py", {}, 0, page=mounts[0])
    assert admit(run, describe(home)).page == mounts[0]
    for other in ("/tmp", f"{mounts[0]}/", f"{mounts[0]}/.."):
        with pytest.raises(OwnershipError) as raised:
            admit(run._replace(page=other), describe(home))
        assert raised.value.refusal is Refusal.OUTSIDE


def make_other_python(folder: Path) -> Path:
    """Make what looks like an environment that has one module."""
    save(folder / "lib/python3.9/site-packages/only_there.py", "")
    save(folder / "pyvenv.cfg", "")
    (folder / "bin").mkdir()
    python = folder / "bin/python3"
    python.symlink_to("/bin/sh")
    return python


@pytest.mark.parametrize(
    ("source", "is_other"),
    [
        pytest.param("#!PYTHON\nimport only_there", True, id="has what ours lacks"),
        pytest.param("#!PYTHON\nimport os", False, id="has nothing more"),
        pytest.param("import only_there", False, id="no first line"),
        pytest.param("#!/usr/bin/env python3\nimport only_there", False, id="env"),
        pytest.param("#!/bin/sh\nexit", False, id="no Python"),
    ],
)
def test_a_script_may_need_the_python_that_it_names(
    home: Path, source: str, is_other: bool
) -> None:
    python = make_other_python(home / "venv")
    script = home / SCRIPT
    script.write_text("import only_there")
    settle(script)
    run = Run(str(script), {}, 0, by_shebang=True)
    assert not admit(run, describe(home)).by_shebang
    script.write_text(source.replace("PYTHON", str(python)))
    settle(script)
    # Again by what is known, and it is not told by who asks.
    for told in (True, False, True):
        found = admit(run._replace(by_shebang=told), describe(home))
        assert found.by_shebang is is_other


def settle(path: Path) -> None:
    """Let the file be of the past, as its times tell."""
    deadline = time.time_ns() + 10**10
    while time.time_ns() - path.stat().st_ctime_ns <= 60_000_000:
        assert time.time_ns() < deadline


def test_what_is_known_of_first_lines_is_bounded(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool_shebang, "_LIMIT", 1)
    monkeypatch.setattr(pool_shebang, "_plain", {})
    now = time.time_ns() + 10**10
    for name in ("b.py", "c.py"):
        path = save(home / "www/cgi-bin" / name, "print()", 0o700)
        assert not pool_shebang.needs_another(str(path), {}, now)
        assert list(pool_shebang._plain) == [str(path)]
    assert not pool_shebang.needs_another(str(home / "missing"), {}, now)


def test_what_was_told_as_json_is_read() -> None:
    told = {"mode": "off", "roots": ["/a"], "mounts": ["/b"]}
    assert read_ownership(told) == Ownership("off", ("/a",), ("/b",))


def test_a_pool_refuses_before_it_forks(home: Path) -> None:
    ownership = {**describe(home)._asdict()}
    (home / SCRIPT).write_text("print('Content-Type: a/b\\n\\nran')")
    with pool_process(ownership=ownership) as pool:
        assert pool.ask(home / SCRIPT).output.endswith(b"ran\n")
        (home / SCRIPT).chmod(0o720)
        request = pool.send(home / SCRIPT)
        with pytest.raises(ValueError, match="refused group-writable-script: /"):
            request.read()
        answer = pool.ask_plainly({"SCRIPT_FILENAME": str(home / SCRIPT)})
        assert answer.output == b""
        pool.lines.wait_for("pool: refused group-writable-script: /")
