"""What CPython's own tests found when they ran as scripts; each as plain CPython."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import run_file, save, stand_ins

CASES = {
    "a pickler that was not initialized": """
        import pickle
        class Bad(pickle.Pickler):
            def __init__(self): pass
        try:
            Bad().dump(0)
        except pickle.PicklingError as exc:
            print(exc)
        """,
    "a class derived from that of a module": """
        import os, sys
        class Lazy(type(sys)):
            def __getattr__(self, name): return name.upper()
            def __setattr__(self, name, value): print("set", name)
        class Lazier(Lazy, type(os)):
            pass
        for kind in (Lazy, Lazier):
            lazy = kind("lazy")
            lazy.a = 1
            print(type(lazy).__name__, kind.__mro__[1:2], lazy.b, isinstance(sys, kind))
        """,
    "the stack, walked without a frame": """
        import traceback
        def function():
            return traceback.StackSummary.extract(traceback.walk_stack(None))
        print([frame.name for frame in function()])
        """,
    "an archive and a folder with a main program": """
        import os, runpy, sys, zipfile
        os.makedirs("folder", exist_ok=True)
        with open("folder/__main__.py", "w") as file:
            file.write("word = __name__")
        with zipfile.ZipFile("packed.zip", "w") as packed:
            packed.write("folder/__main__.py", "__main__.py")
        for path in ("folder", "packed.zip"):
            print(runpy.run_path(path, run_name="x")["word"])
        print(sys.modules["__main__"].__name__)
        """,
    "source handed to runpy": """
        import runpy
        print(runpy._run_module_code("a = 1", {}, "x", script_name="y")["a"])
        """,
    "what os.open can do": """
        import os, shutil
        print(os.open in os.supports_dir_fd, shutil.rmtree.avoids_symlink_attacks)
        """,
    "a missing variable": """
        import os
        for remove in (os.environ.__getitem__, os.environ.__delitem__):
            try:
                remove("MISSING")
            except KeyError as exc:
                print(exc, exc.__suppress_context__)
        """,
}


@pytest.mark.parametrize("source", CASES.values(), ids=list(CASES))
def test_it_is_as_in_a_process(tmp_path: Path, source: str) -> None:
    assert_same(tmp_path, source)


def test_the_environment_shows_itself_alone(tmp_path: Path) -> None:
    # A page that prints os.environ must not tell what the server has there.
    source = "import os\nprint(os.environ, os.environb, sep='\\n')"
    path = save(tmp_path / "script.py", source)
    os.environ["SECRET_OF_THE_SERVER"] = "1"
    try:
        with stand_ins():
            shown = run_file(path, environment={"A": "b", "C": "\udce9"}).text
            assert "SECRET_OF_THE_SERVER" in repr(os.environ)
    finally:
        del os.environ["SECRET_OF_THE_SERVER"]
    assert shown == (
        "environ({'A': 'b', 'C': '\\udce9'})\nenviron({b'A': b'b', b'C': b'\\xe9'})\n"
    )


def test_a_shared_module_cannot_be_loaded_again(tmp_path: Path) -> None:
    path = save(
        tmp_path / "script.py",
        """
        import fnmatch, importlib.util
        loader = fnmatch.__spec__.loader
        try:
            loader.exec_module(fnmatch)
        except RuntimeError as exc:
            print(exc)
        print(importlib.util.module_from_spec(fnmatch.__spec__) is fnmatch)
        """,
    )
    with stand_ins():
        for _ in range(2):
            result = run_file(path)
            assert result.failure is None, result.failure
            assert result.text.startswith("loading fnmatch again needs a process")
