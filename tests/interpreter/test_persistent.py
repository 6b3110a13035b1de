"""Local modules that are kept for the next run of their folder, on the same thread."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from pathlib import Path
from typing import Callable, Iterator, List

import pytest
from httpout_cgi.interpreter import persistent
from httpout_cgi.interpreter.execute import execute
from httpout_cgi.interpreter.run_context import RunContext

from tests.interpreter.script_runs import CACHE, save, stand_ins

Run = Callable[..., str]


def run_kept(path: Path, **environment: str) -> str:
    """Run a script that keeps its local modules; return its output."""
    writes: List[bytes] = []
    log: List[bytes] = []
    run = RunContext(
        str(path),
        str(path.parent),
        environment=environment,
        write=writes.append,
        write_error=log.append,
    )
    os.chdir(path.parent)
    persistent.prepare(run, CACHE.load_module)
    execute(run, CACHE)
    assert run.failure is None, run.failure
    return b"".join(writes).decode()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    def run_source(source: str, **environment: str) -> str:
        return run_kept(save(tmp_path / "script.py", source), **environment)

    with stand_ins():
        yield run_source


COUNT = "import local_a\nlocal_a.seen.append(1)\nprint(len(local_a.seen))"


def test_a_kept_module_is_loaded_once(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "local_a.py", "print('loaded')\nseen = []")
    assert [run(COUNT) for _ in range(3)] == ["loaded\n1\n", "2\n", "3\n"]


def test_the_script_itself_is_fresh(run: Run) -> None:
    source = "x = globals().get('x', 0) + 1\nprint(x)"
    assert [run(source), run(source)] == ["1\n", "1\n"]


def test_a_changed_file_drops_all_modules_of_the_folder(
    run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "local_b.py", "x = 1")
    save(tmp_path / "local_a.py", "import local_b\nseen = []")
    source = COUNT + "\nprint(local_a.local_b.x)"
    assert [run(source), run(source)] == ["1\n1\n", "2\n1\n"]
    save(tmp_path / "local_b.py", "x = 2")
    assert [run(source), run(source)] == ["1\n2\n", "2\n2\n"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("local_a.py", "seen = [1, 1", id="broken"),
        pytest.param("local_a.py", None, id="deleted"),
        pytest.param("local_new.py", "", id="new"),
    ],
)
def test_other_changes_of_the_folder_drop_them_too(
    run: Run, tmp_path: Path, name: str, text: str
) -> None:
    save(tmp_path / "local_a.py", "seen = []")
    run(COUNT)
    if text is None:
        (tmp_path / name).unlink()
    else:
        save(tmp_path / name, text)
    source = """
        try:
            import local_a
            print(len(local_a.seen))
        except Exception as exc:
            print(type(exc).__name__)
        """
    expected = {"new": "0", "broken": "SyntaxError", "deleted": "ModuleNotFoundError"}
    kind = "new" if "new" in name else "deleted" if text is None else "broken"
    assert run(source) == f"{expected[kind]}\n"


def test_dropped_modules_are_freed(run: Run, tmp_path: Path) -> None:
    save(
        tmp_path / "local_a.py",
        """
        class Thing: pass
        thing = Thing()
        def function(): return thing
        """,
    )
    run("import local_a")
    (kept,) = persistent._thread.folders[str(tmp_path)].modules.values()
    thing = weakref.ref(kept.module.thing)
    function = weakref.ref(kept.module.function)
    del kept
    gc.disable()
    try:
        save(tmp_path / "local_a.py", "")
        run("import local_a")
        assert thing() is None
        assert function() is None
    finally:
        gc.enable()


def test_each_thread_has_its_own(tmp_path: Path) -> None:
    save(tmp_path / "local_a.py", "import sqlite3\ndb = sqlite3.connect(':memory:')")
    path = save(
        tmp_path / "script.py",
        """
        import local_a
        local_a.db.execute("create table if not exists t (x)")
        local_a.db.execute("insert into t values (1)")
        print(*local_a.db.execute("select count(*) from t").fetchone())
        """,
    )
    closing = save(tmp_path / "close.py", "import local_a; local_a.db.close()")
    outputs: List[str] = []

    def work() -> None:
        outputs.extend(run_kept(path) for _ in range(3))
        run_kept(closing)

    with stand_ins():
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(outputs) == ["1\n"] * 4 + ["2\n"] * 4 + ["3\n"] * 4


def test_kept_modules_bind_to_what_outlives_the_run(run: Run, tmp_path: Path) -> None:
    save(
        tmp_path / "local_a.py",
        """
        import sys, os, __main__
        from sys import stdout, stderr
        from os import environ
        main = __main__
        def show():
            stdout.write(environ["NAME"] + " " + main.name + "\\n")
            sys.stdout.write(sys.modules["__main__"].name + "\\n")
        """,
    )
    source = "import local_a, os\nname = os.environ['NAME'] * 2\nlocal_a.show()"
    assert run(source, NAME="a") == "a aa\naa\n"
    assert run(source, NAME="b") == "b bb\nbb\n"


def test_what_importing_a_module_has_added_is_there_again(
    run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "lib/local_lib.py", "x = 1")
    save(tmp_path / "local_b.py", "class Thing: pass")
    save(
        tmp_path / "local_a.py",
        """
        import os, sys
        sys.path.insert(0, "lib")
        os.environ.setdefault("SETTINGS", "mine")
        from local_b import Thing
        """,
    )
    source = """
        import local_a, os, sys
        import local_lib
        print(local_lib.x, os.environ["SETTINGS"], "local_b" in sys.modules)
        """
    assert [run(source), run(source)] == ["1 mine True\n"] * 2
    assert run("import os; print(dict(os.environ))") == "{}\n"


def test_what_a_module_makes_of_one_request_is_not_for_the_next(
    run: Run, tmp_path: Path
) -> None:
    # CWE-488: the next client would be somebody else.
    local = """
        import os
        if "alice" in os.environ["HTTP_COOKIE"]:
            os.environ["REMOTE_USER"] = "alice"
        os.environ["ROOT"] = os.environ["ROOT"].rstrip("/")
        """
    save(tmp_path / "local_a.py", local)
    source = """
        import os, local_a
        print(os.environ.get("REMOTE_USER"), os.environ["ROOT"])
        """
    assert run(source, HTTP_COOKIE="alice", ROOT="/a/") == "alice /a\n"
    assert run(source, HTTP_COOKIE="", ROOT="/a/") == "None /a\n"
    assert run(source, HTTP_COOKIE="", ROOT="/b") == "None /b\n"


def test_packages_and_namespaces_are_kept(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "local_p/__init__.py", "from . import sub")
    save(tmp_path / "local_p/sub.py", "import local_space.part\nseen = []")
    save(tmp_path / "local_space/part.py", "x = 5")
    source = """
        import local_p.sub, local_space.part
        local_p.sub.seen.append(1)
        print(len(local_p.sub.seen), local_space.part.x, local_p.sub.local_space.part.x)
        """
    assert [run(source), run(source)] == ["1 5 5\n", "2 5 5\n"]


def test_a_run_may_ask_for_a_fresh_module(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "local_a.py", "seen = []")
    run(COUNT)
    source = "import sys, local_a\ndel sys.modules['local_a']\n" + COUNT
    assert run(source) == "1\n"
    assert run(COUNT) == "2\n"


def test_modules_that_change_the_builtins_are_not_kept(
    run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "local_a.py", "import builtins\nbuiltins.own = 7\nseen = []")
    source = COUNT + "\nprint(own)"
    assert [run(source), run(source)] == ["1\n7\n"] * 2


def test_a_failed_import_is_not_kept(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "local_a.py", "print('tried')\n1 / 0")
    source = "try: import local_a\nexcept ZeroDivisionError: print('failed')"
    assert [run(source), run(source)] == ["tried\nfailed\n"] * 2


def test_a_file_that_changes_in_the_middle_of_a_run_mixes_nothing(
    run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "local_b.py", "x = 1")
    save(tmp_path / "local_a.py", "import local_b")
    run("import local_a")
    source = """
        with open("local_b.py", "w") as file:
            file.write("x = 22")
        import local_b, local_a
        print(local_b.x)
        """
    assert run(source) == "22\n"
    assert run("import local_a\nprint(local_a.local_b.x)") == "22\n"


def test_threads_that_go_on_keep_their_modules_to_themselves(
    run: Run, tmp_path: Path
) -> None:
    save(
        tmp_path / "local_a.py",
        """
        import threading
        seen = []
        end = threading.Event()
        def go_on(): threading.Thread(target=end.wait, daemon=True).start()
        """,
    )
    assert run(COUNT + "\nlocal_a.go_on()") == "1\n"
    threads = [thread for thread in threading.enumerate() if thread.daemon]
    assert run(COUNT + "\nlocal_a.end.set()") == "1\n"
    assert run(COUNT) == "2\n"
    for thread in threads:
        target = thread._target  # type: ignore[attr-defined]
        if target is not None:
            target.__self__.set()


def test_runs_that_do_not_keep_modules_get_fresh_ones(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "local_a.py", "seen = []")
    run(COUNT)
    fresh = RunContext(
        str(tmp_path / "script.py"),
        str(tmp_path),
        environment={},
        write=lambda data: output.append(data),
        write_error=lambda line: None,
    )
    output: List[bytes] = []
    execute(fresh, CACHE)
    assert output == [b"1\n"]
    assert run(COUNT) == "2\n"
