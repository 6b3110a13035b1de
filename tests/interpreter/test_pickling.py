"""Pickles name classes and functions; those of local modules must be found."""

from __future__ import annotations

import io
import pickle
import sys
from pathlib import Path

import pytest
from httpout_cgi.interpreter import pickling

from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import run_file, save, stand_ins

THINGS = """
    import enum, typing
    class Thing:
        class Part: pass
    class Color(enum.Enum):
        RED = 1
    class Pair(typing.NamedTuple):
        a: int
        b: int
    def function(): pass
    class Broken:
        def __reduce__(self): raise OSError("broken")
    """

CASES = {
    "every protocol": """
        import io, pickle, things
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            for value in (things.Thing(), things.Color.RED, things.Pair(1, 2)):
                data = pickle.dumps(value, protocol)
                print(data, type(pickle.loads(data)) is type(value))
            data = pickle.dumps([things.function, things.Thing], protocol)
            print(data, pickle.loads(data) == [things.function, things.Thing])
        print(pickle.loads(pickle.dumps(things.Thing.Part, 4)))
        """,
    "files": """
        import io, pickle, things
        file = io.BytesIO()
        pickle.dump(things.Thing(), file)
        pickle.dump({"a": things.Color.RED}, file)
        pickle.dump([1], file)
        print(file.getvalue())
        file.seek(0)
        for _ in range(3):
            print(type(pickle.load(file)))
        """,
    "classes": """
        import io, pickle, things
        from pickle import Pickler, Unpickler
        file = io.BytesIO()
        pickler = Pickler(file, 2)
        thing = things.Thing()
        pickler.dump([1, "a"])
        pickler.dump([thing, "a"])
        pickler.dump([thing, "a"])
        print(file.getvalue())
        file.seek(0)
        unpickler = Unpickler(file)
        print([unpickler.load()[1] for _ in range(3)])
        """,
    "subclasses": """
        import io, pickle, things
        class Pickler(pickle.Pickler):
            def persistent_id(self, value):
                return "the number" if value == 7 else None
        class Unpickler(pickle.Unpickler):
            def find_class(self, module, name):
                print(module, name)
                return super().find_class(module, name)
            def persistent_load(self, name):
                return name
        file = io.BytesIO()
        Pickler(file).dump([things.Thing(), 7])
        print(Unpickler(io.BytesIO(file.getvalue())).load()[1])
        """,
    "the module in C": """
        import _pickle, things
        print(_pickle.loads(_pickle.dumps(things.Pair(1, 2))))
        """,
    "not imported yet": """
        import pickle
        print(pickle.loads(b"cthings\\nPair\\n(I1\\nI2\\ntR."))
        """,
    "shelve": """
        import dbm.dumb, shelve, things
        with shelve.Shelf(dbm.dumb.open("shelf")) as shelf:
            shelf["a"] = things.Pair(1, 2)
        with shelve.Shelf(dbm.dumb.open("shelf")) as shelf:
            print(shelf["a"])
        """,
    "copy": """
        import copy, things
        print(copy.deepcopy([things.Pair(1, 2)]), type(copy.copy(things.Thing())))
        """,
    "errors": """
        import io, pickle, things
        for action in (
            lambda: pickle.dumps(lambda: 1),
            lambda: pickle.dumps([things.Broken()]),
            lambda: pickle.loads(b"cthings\\nNone_\\n."),
            lambda: pickle.loads(b"cno_such_module\\nName\\n."),
            lambda: pickle.loads(b""),
            lambda: pickle.loads("text"),
            lambda: pickle.Pickler(None),
            lambda: pickle.dump(things.Broken(), io.BytesIO()),
            lambda: pickle.Pickler(io.StringIO()).dump(things.Thing()),
        ):
            try:
                action()
            except Exception as exc:
                text = str(exc).partition(" at 0x")[0]
                print(type(exc).__name__, text if "lambda" not in text else "")
        """,
    "the script's own": """
        import pickle
        class Cart: pass
        data = pickle.dumps(Cart())
        print(data, type(pickle.loads(data)) is Cart)
        """,
    "plain data": """
        import pickle, things
        data = {"list": list(range(1000)), "bytes": b"x" * 100_000}
        print(pickle.loads(pickle.dumps(data)) == data)
        """,
    "a larger one": """
        import io, pickle, things
        value = [things.Thing(), b"x" * 100_000, ["y" * 100] * 1000]
        data = pickle.dumps(value)
        file = io.BytesIO()
        pickle.dump(value, file)
        print(len(data), len(pickle.loads(file.getvalue())))
        """,
}


@pytest.mark.parametrize("source", CASES.values(), ids=CASES.keys())
def test_pickles_are_those_of_a_process(tmp_path: Path, source: str) -> None:
    assert_same(tmp_path, {"script.py": source, "things.py": THINGS})


def test_a_local_module_may_have_the_name_of_a_shared_one(tmp_path: Path) -> None:
    source = """
        import colorsys, pickle
        print(pickle.loads(pickle.dumps(colorsys.Thing)) is colorsys.Thing)
        """
    assert_same(tmp_path, {"script.py": source, "colorsys.py": "class Thing: pass"})


def test_pickles_of_one_folder_are_not_those_of_another(tmp_path: Path) -> None:
    for folder in "ab":
        save(tmp_path / folder / "local_a.py", "def f(): pass")
    source = "import pickle, local_a\nprint(pickle.loads({}) is local_a.f)"
    text = source.format("pickle.dumps(local_a.f)")
    with stand_ins():
        for folder in "ab":
            result = run_file(save(tmp_path / folder / "script.py", text))
            assert result.text == "True\n"


def test_outside_of_runs_pickle_is_the_original(tmp_path: Path) -> None:
    originals = pickle.loads, pickle.Pickler, sys.modules["_pickle"].__dict__["dump"]
    with stand_ins():
        file = io.BytesIO()
        pickle.dump(OSError, file)
        assert pickle.load(io.BytesIO(file.getvalue())) is OSError
        assert pickle.loads(pickle.dumps(OSError)) is OSError
        assert pickle.Unpickler(io.BytesIO(file.getvalue())).load() is OSError
        assert pickle.Pickler is pickling.Pickler
        with pytest.raises((AttributeError, pickle.PicklingError)):
            pickle.dumps(lambda: 1)
    assert originals == (
        pickle.loads,
        pickle.Pickler,
        sys.modules["_pickle"].__dict__["dump"],
    )
