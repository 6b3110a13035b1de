"""Imports of a run: local modules fresh, all others shared."""

from __future__ import annotations

import importlib
import importlib.machinery
import shutil
import sys
import threading
import zipfile
from pathlib import Path
from typing import Callable, Iterator

import pytest

from tests.interpreter.plain_python import assert_same
from tests.interpreter.script_runs import Result, run_file, save, stand_ins

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    def run_source(source: str, folder: str = "site") -> Result:
        path = save(tmp_path / folder / "script.py", source)
        result = run_file(path)
        assert result.failure is None, result.failure
        return result

    before = set(sys.modules)
    with stand_ins():
        yield run_source
    local = [name for name in set(sys.modules) - before if name.startswith("local")]
    assert local == []


def test_a_local_module_is_fresh_for_each_run(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/local_a.py", "seen = []")
    source = "import local_a\nlocal_a.seen.append(1)\nprint(len(local_a.seen))"
    assert run(source).text == run(source).text == "1\n"


def test_a_local_module_is_one_module_in_a_run(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/local_a.py", "print('once')")
    save(tmp_path / "site/local_b.py", "import local_a as a")
    result = run(
        """
        import importlib, sys
        import local_a, local_b
        print(local_a is local_b.a is importlib.import_module("local_a"))
        print(local_a is sys.modules["local_a"], "local_a" in sys.modules)
        print(local_a.__name__, local_a.__spec__.name, local_a.__file__[-10:])
        """
    )
    assert result.text == "once\nTrue\nTrue True\nlocal_a local_a local_a.py\n"


def test_an_edited_module_is_used_by_the_next_run(run: Run, tmp_path: Path) -> None:
    for number in range(10):
        save(tmp_path / "site/local_a.py", f"x = {number}")
        assert run("import local_a\nprint(local_a.x)").text == f"{number}\n"


def test_a_new_and_a_deleted_module_are_noticed(run: Run, tmp_path: Path) -> None:
    source = """
        try:
            import local_a
        except ModuleNotFoundError as exc:
            print(exc, exc.name)
        else:
            print("found")
        """
    assert run(source).text == "No module named 'local_a' local_a\n"
    path = save(tmp_path / "site/local_a.py", "")
    assert run(source).text == "found\n"
    path.unlink()
    assert run(source).text == "No module named 'local_a' local_a\n"


def test_a_module_that_the_script_writes_is_found(run: Run) -> None:
    result = run(
        """
        try:
            import local_new
        except ImportError:
            with open("local_new.py", "w") as file:
                file.write("x = 5")
        import local_new
        print(local_new.x)
        """
    )
    assert result.text == "5\n"


def test_same_names_in_two_folders_never_meet(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "a/local_config.py", "x = 'a'")
    save(tmp_path / "b/local_config.py", "x = 'b'")
    source = "import local_config\nprint(local_config.x)"
    assert run(source, "a").text == "a\n"
    assert run(source, "b").text == "b\n"


def test_the_standard_library_is_shared(run: Run) -> None:
    result = run("import json, xml.dom as dom\nprint(id(json), dom.__name__)")
    assert result.text == f"{id(sys.modules['json'])} xml.dom\n"


def test_a_local_module_shadows_for_this_script_only(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "a/colorsys.py", "x = 'local'")
    save(tmp_path / "a/os.py", "x = 'never'")
    source = "import colorsys, os\nprint(colorsys.x if hasattr(colorsys, 'x') else '-')"
    assert run(source + "\nos.getcwd()", "a").text == "local\n"
    assert run(source, "b").text == "-\n"


def test_a_folder_of_data_shadows_nothing(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/colorsys/data.txt", "")
    assert (
        run("import colorsys\nprint(hasattr(colorsys, 'hls_to_rgb'))").text == "True\n"
    )


PACKAGE = {
    "__init__.py": "from . import sub\n__all__ = ['late']\ny = 1",
    "sub.py": "from .other import x\nfrom . import other",
    "other.py": "from . import sub as me\nx = 7\nimport local_p.deep.leaf",
    "late.py": "z = 2",
    "deep/__init__.py": "",
    "deep/leaf.py": "from ..other import __name__ as above",
}


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("import local_p\nprint(local_p.sub.x)", "7", id="package"),
        pytest.param("import local_p.deep.leaf\nprint(local_p.y)", "1", id="dotted"),
        pytest.param(
            "import local_p.deep.leaf as leaf\nprint(leaf.above)",
            "local_p.other",
            id="as",
        ),
        pytest.param("from local_p.sub import x\nprint(x)", "7", id="from"),
        pytest.param(
            "from local_p import late\nprint(late.z)", "2", id="from submodule"
        ),
        pytest.param("from local_p import *\nprint(late.z)", "2", id="star"),
        pytest.param(
            "import importlib\nprint(importlib.import_module('.late', 'local_p').z)",
            "2",
            id="import_module",
        ),
        pytest.param(
            "m = __import__('local_p.deep')\nprint(m.__name__)",
            "local_p",
            id="__import__",
        ),
        pytest.param(
            "import pkgutil, local_p\n"
            "print(*[m.name for m in pkgutil.iter_modules(local_p.__path__)])",
            "deep late other sub",
            id="pkgutil",
        ),
        pytest.param(
            "from importlib.util import find_spec\n"
            "print(find_spec('local_p.late').name)",
            "local_p.late",
            id="find_spec",
        ),
    ],
)
def test_packages(run: Run, tmp_path: Path, source: str, text: str) -> None:
    for name, content in PACKAGE.items():
        save(tmp_path / "site/local_p" / name, content)
    assert run(source).text == f"{text}\n"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        pytest.param(
            "import local_p.none", "No module named 'local_p.none'", id="none"
        ),
        pytest.param(
            "import local_p.late.none",
            "No module named 'local_p.late.none'; 'local_p.late' is not a package",
            id="no package",
        ),
        pytest.param(
            "from local_p import none", "cannot import name 'none'", id="from"
        ),
        pytest.param("from . import x", "no known parent package", id="relative"),
        pytest.param("import json.none", "No module named 'json.none'", id="shared"),
        pytest.param(
            "import importlib; importlib.import_module('local_none')",
            "No module named 'local_none'",
            id="import_module",
        ),
        pytest.param("import local_bad", "bad module", id="fails"),
    ],
)
def test_failing_imports(
    run: Run, tmp_path: Path, statement: str, message: str
) -> None:
    save(tmp_path / "site/local_p/__init__.py", "")
    save(tmp_path / "site/local_p/late.py", "")
    save(tmp_path / "site/local_bad.py", "raise ImportError('bad module')")
    source = f"""
        import sys
        try:
            {statement}
        except ImportError as exc:
            print(exc, "local_bad" in sys.modules)
        """
    result = run(source)
    assert message in result.text
    assert result.text.endswith("False\n")


def test_paths_that_the_run_adds_are_local_too(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "lib/local_lib.py", "x = 3")
    source = """
        import sys
        sys.path.insert(0, "../lib")
        sys.path.append(b"bytes are ignored")
        import local_lib, textwrap
        print(local_lib.x, textwrap.__name__)
        """
    assert run(source).text == "3 textwrap\n"
    assert run("try: import local_lib\nexcept ImportError: print('no')").text == "no\n"


def test_an_appended_path_comes_behind_the_shared_ones(
    run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "lib/colorsys.py", "x = 'local'")
    save(tmp_path / "lib/local_lib.py", "x = 'lib'")
    result = run(
        """
        import sys
        sys.path.append("../lib")
        import colorsys, local_lib
        print(hasattr(colorsys, "x"), local_lib.x)
        """
    )
    assert result.text == "False lib\n"


def test_modules_in_a_zip_file(run: Run, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "lib.zip", "w") as archive:
        archive.writestr("local_zipped.py", "x = 4")
    result = run(
        """
        import sys
        sys.path.insert(0, "../lib.zip")
        import local_zipped
        print(local_zipped.x)
        """
    )
    assert result.text == "4\n"


def test_namespace_packages(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/local_space/part.py", "x = 6")
    assert run("from local_space.part import x\nprint(x)").text == "6\n"


def test_reload_runs_a_local_module_again(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/local_a.py", "x = globals().get('x', 0) + 1")
    result = run(
        """
        import importlib, local_a, sys
        print(importlib.reload(local_a) is local_a, local_a.x)
        print(importlib.reload(sys) is sys)
        import os
        os.unlink("local_a.py")
        try:
            importlib.reload(local_a)
        except ModuleNotFoundError as exc:
            print(exc.name)
        """
    )
    assert result.text == "True 2\nTrue\nlocal_a\n"


def test_shared_code_may_import_local_modules_by_name(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/local_a.py", "class Thing: pass\nx = 8")
    result = run(
        """
        import pydoc
        print(pydoc.locate("local_a.x"))
        """
    )
    assert result.text == "8\n"


def test_shared_modules_do_not_see_local_ones(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/local_a.py", "")
    save(tmp_path / "shared/local_shared.py", SHARED)
    with stand_ins():
        sys.path.append(str(tmp_path / "shared"))
        try:
            result = run(
                """
                import local_shared
                print(local_shared.found, local_shared.same)
                local_shared.out.write("through\\n")
                """
            )
        finally:
            sys.path.remove(str(tmp_path / "shared"))
            sys.modules.pop("local_shared", None)
    assert result.text == "False True\nthrough\n"


SHARED = """
    import sys
    try:
        import local_a
        found = True
    except ImportError:
        found = False
    out = sys.stdout
    same = out is sys.__dict__["stdout"]
    """


def test_changed_builtins_end_with_the_run(run: Run) -> None:
    result = run(
        """
        import builtins, gettext
        gettext.install("app")
        builtins.shout = lambda text: print(text.upper())
        shout(_("loud"))
        del builtins.shout
        print("shout" in dir(builtins), "_" in vars(builtins))
        """
    )
    assert result.text == "LOUD\nFalse True\n"
    assert run("print('_' in dir(__builtins__))").text == "False\n"
    import builtins

    assert not hasattr(builtins, "shout")


def test_builtins_found_by_another_name_are_private_too(run: Run) -> None:
    result = run(
        """
        module = __import__("built" + "ins")
        module.added = 1
        exec("print(added)", {"__builtins__": __builtins__})
        """
    )
    assert result.text == "1\n"
    import builtins

    assert not hasattr(builtins, "added")


def test_deleting_and_setting_in_sys_modules_stays_in_the_run(
    run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "site/local_a.py", "print('loaded')")
    result = run(
        """
        import sys, types, local_a
        del sys.modules["local_a"]
        import local_a
        sys.modules["local_fake"] = types.ModuleType("local_fake")
        import local_fake
        del sys.modules["json"]
        try:
            del sys.modules["local_none"]
        except KeyError as exc:
            print(exc)
        copy = sys.modules.copy()
        print(len(copy) == len(sys.modules) == len(list(sys.modules)))
        import json
        """
    )
    assert result.text == "loaded\nloaded\n'local_none'\nTrue\n"


def test_threads_of_a_run_load_a_module_once(run: Run, tmp_path: Path) -> None:
    save(
        tmp_path / "site/local_slow.py", "import time\ntime.sleep(0.02)\nprint('once')"
    )
    result = run(
        """
        import threading
        def work():
            import local_slow
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads: thread.start()
        """
    )
    assert result.text == "once\n"


def test_postponed_annotations_of_local_dataclasses(run: Run, tmp_path: Path) -> None:
    save(
        tmp_path / "site/local_data.py",
        """
        from __future__ import annotations
        import dataclasses
        class Part: pass
        @dataclasses.dataclass
        class Whole:
            part: Part
        """,
    )
    result = run(
        """
        import typing, inspect, local_data
        print(typing.get_type_hints(local_data.Whole)["part"].__name__)
        print(inspect.getsource(local_data.Part).strip())
        """
    )
    assert result.text == "Part\nclass Part: pass\n"


def test_extension_modules_are_loaded_once_for_all_runs(
    run: Run, tmp_path: Path
) -> None:
    found = importlib.machinery.PathFinder.find_spec("xxlimited")
    if found is None or found.origin is None:
        pytest.skip("this Python was built without xxlimited")
    (tmp_path / "site").mkdir()
    shutil.copy(found.origin, tmp_path / "site")
    source = "import xxlimited as x\nprint(id(x))"
    assert run(source).text == run(source).text
    source = "import xxlimited as x\nx.error = 1"
    result = run_file(save(tmp_path / "site/script.py", source))
    assert "xxlimited.error" in str(result.failure)
    assert "xxlimited" not in sys.modules


def test_a_file_on_the_path_that_is_no_archive_is_ignored(
    run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "site/plain", "")
    source = "import sys\nsys.path[:0] = ['plain', 'none']\nimport local_none"
    result = run_file(save(tmp_path / "site/script.py", source))
    assert result.failure is not None
    assert "No module named 'local_none'" in result.failure


HELPERS = {
    "helper.py": "x = 5",
    "other.py": "v = __name__, __file__[-8:]",
    "colorsys.py": "x = 'local'",
    "plugins/plug.py": """
        import colorsys, sys, helper
        v = helper.x, colorsys.x
        def later():
            from helper import x
            return x
        """,
    "plugins/data.py": """
        from __future__ import annotations
        import dataclasses
        @dataclasses.dataclass
        class Data:
            x: int
        """,
    "bad.py": "raise LookupError('bad')",
    "a.py": "import b\nx = 1",
    "b.py": """
        import a
        try:
            from a import x
        except ImportError as exc:
            print(str(exc)[:60])
        """,
    "i18n.py": "import gettext\ngettext.install('app')",
    "pack/__init__.py": "",
    "pack/words.py": "import builtins\nbuiltins.word = 'word'",
    "pack/inner.py": "from . import words",
    "replaced.py": """
        import sys
        class Lazy:
            def __getattr__(self, name):
                if name.startswith("__"):
                    raise AttributeError(name)
                return name * 2
        sys.modules[__name__] = Lazy()
        """,
}

LIKE_A_PROCESS = {
    "plugin by path": """
        import importlib.util, sys
        spec = importlib.util.spec_from_file_location("plug", "plugins/plug.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(module.v, module.later(), module.__name__, "plug" in sys.modules)
        sys.modules["plug"] = module
        import plug
        print(plug is module)
        """,
    "plugin with a dataclass": """
        import importlib.util, pickle, sys, typing
        spec = importlib.util.spec_from_file_location("data", "plugins/data.py")
        sys.modules["data"] = data = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(data)
        print(typing.get_type_hints(data.Data))
        print(pickle.loads(pickle.dumps(data.Data(1))))
        """,
    "load_module": """
        import sys
        from importlib.machinery import SourceFileLoader
        module = SourceFileLoader("plug", "plugins/plug.py").load_module()
        print(module.v, sys.modules["plug"] is module)
        """,
    "imp": """
        import sys
        try:
            import imp
        except ImportError:
            sys.exit()
        print(imp.load_source("plug", "plugins/plug.py").v, "plug" in sys.modules)
        print(imp.load_module("helper", *imp.find_module("helper")).x)
        """,
    "lazy loader": """
        import importlib.util, sys
        spec = importlib.util.find_spec("helper")
        spec.loader = importlib.util.LazyLoader(spec.loader)
        sys.modules["helper"] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        print(module.x)
        """,
    "no such plugin": """
        import importlib.util
        spec = importlib.util.spec_from_file_location("none", "plugins/none.py")
        try:
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
        except FileNotFoundError as exc:
            print(exc.filename)
        """,
    "runpy": """
        import runpy, sys
        print(runpy.run_path("other.py")["v"], runpy.run_path("plugins/plug.py")["v"])
        print(runpy.run_path("other.py", run_name="__main__")["v"])
        print(runpy.run_module("pack.inner")["__package__"], "x" in globals())
        """,
    "no files beside": """
        import os, runpy, pack.inner, plugins.plug
        runpy.run_module("helper")
        print(sorted(n for n in os.listdir("pack") if n != "__pycache__"))
        """,
    "exec": """
        with open("helper.py") as file:
            source = file.read() + "\\nimport other as o"
        exec(source)
        space = {}
        exec(source, space)
        print(x, o.v, sorted(space), type(space["__builtins__"]))
        """,
    "partly initialized": "import a\nprint(a.x)",
    "replaced in sys.modules": """
        import replaced
        from replaced import ab
        print(replaced.xy, ab, type(replaced))
        """,
    "sys.meta_path": """
        import importlib.util, sys
        class Finder:
            @staticmethod
            def find_spec(name, path, target=None):
                if name.startswith("virtual"):
                    return importlib.util.spec_from_loader(
                        name, Finder, is_package=name == "virtual"
                    )
            create_module = staticmethod(lambda spec: None)
            exec_module = staticmethod(lambda module: setattr(module, "x", 1))
        sys.meta_path.insert(0, Finder)
        import virtual, virtual.sub, json
        print(virtual.x, virtual.sub.x, virtual.__spec__.name)
        sys.meta_path.remove(Finder)
        sys.meta_path.append(Finder)
        import virtual_behind, helper
        print(virtual_behind.x, helper.x)
        """,
    "old finders": """
        import sys, types
        class Finder:
            def find_module(self, name, path=None):
                return self if name == "virtual" else None
            def load_module(self, name):
                sys.modules[name] = module = types.ModuleType(name)
                module.x = 2
                return module
        if sys.version_info < (3, 12):
            sys.meta_path.insert(0, Finder())
            import virtual
            print(virtual.x, virtual is sys.modules["virtual"])
        """,
    "sys.path_hooks": """
        import importlib, importlib.abc, importlib.util, sys
        class Loader(importlib.abc.InspectLoader):
            def get_source(self, name):
                return "import colorsys\\nx = colorsys.x"
        class Finder:
            def __init__(self, entry):
                if not entry.startswith("db:"):
                    raise ImportError
            def find_spec(self, name, target=None):
                if name == "virtual":
                    return importlib.util.spec_from_loader(name, Loader())
            def invalidate_caches(self): pass
        sys.path_hooks.append(Finder)
        sys.path.append("db:here")
        import virtual, helper, textwrap
        importlib.invalidate_caches()
        print("db:here" in sys.path_importer_cache)
        print(virtual.x, helper.x, textwrap.__name__)
        """,
    "site": """
        import os, site, sys
        os.makedirs("lib/extra")
        with open("lib/a.pth", "w") as file:
            file.write("extra\\nimport sys; sys.marker = 1\\n")
        with open("lib/extra/found.py", "w") as file:
            file.write("x = 1")
        site.addsitedir("lib")
        import found
        sys.prefix = "/other"
        print(found.x, sys.marker, sys.prefix)
        """,
    "builtins of a helper": """
        import i18n
        from pack import inner
        print(_("text"), word)
        """,
    "type(sys)": """
        import helper, json, os, sys, types
        print(isinstance(json, type(sys)), type(json) == type(sys), type(os)("x"))
        print(type(sys)("new"), {type(sys): 1}[types.ModuleType], type(helper))
        helper.path = helper.stdout = 1
        print(helper.path, helper.stdout, type(sys), type(__builtins__))
        """,
    "names of the script": """
        import sys
        print(sorted(globals()), __doc__, __package__, __spec__, __cached__)
        print(type(__loader__), __loader__.get_filename(), type(__builtins__))
        print(globals().get("__annotations__"))
        """,
    "find_spec of the script": """
        import importlib.util, os, sys
        print(os.path.basename(sys.modules["__main__"].__file__))
        try:
            importlib.util.find_spec("__main__")
        except ValueError as exc:
            print(exc)
        """,
    "sys.modules": """
        import builtins, helper, json, sys
        print(isinstance(sys.modules, dict), __builtins__ is builtins)
        print(sys.modules["helper"] is helper, "'helper'" in repr(sys.modules))
        print(dict(sys.modules)["helper"] is helper, {**sys.modules}["json"] is json)
        print(list(sys.modules)[-1] == list(sys.modules.keys())[-1])
        print(sys.modules.setdefault("own", 1), sys.modules.pop("own"))
        try:
            import missing.deeper
        except ImportError as exc:
            print(exc, exc.name)
        """,
    "walk_packages": """
        import pack, pkgutil
        print([m.name for m in pkgutil.walk_packages(pack.__path__, "pack.")])
        print([m.name for m in pkgutil.iter_modules(["."])])
        print(pkgutil.get_data("pack", "words.py"))
        """,
    "import hooks end with the run": """
        import sys
        print([f for f in sys.meta_path if getattr(f, "__name__", "") == "Finder"])
        print([f for f in sys.path_hooks if f.__name__ == "Finder"])
        """,
    "PYTHONPATH": """
        import os, sys
        print(sys.path[:2])
        import plug
        print(plug.v)
        """,
}


@pytest.mark.parametrize("source", LIKE_A_PROCESS.values(), ids=list(LIKE_A_PROCESS))
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_imports_are_those_of_a_process(tmp_path: Path, source: str) -> None:
    variables = {"PYTHONPATH": "{folder}/plugins"}
    assert_same(tmp_path, {**HELPERS, "script.py": source}, variables)


def test_a_guess_of_changed_builtins_that_was_wrong_is_not_repeated(
    run: Run, tmp_path: Path
) -> None:
    save(tmp_path / "lib/local_words.py", "import builtins\nbuiltins.word = 'word'")
    source = """
        import sys
        sys.path.insert(0, "../lib")
        import local_words
        try:
            print(word)
        except NameError:
            print("first")
        """
    assert [run(source).text, run(source).text] == ["first\n", "word\n"]


def test_tracebacks_of_imports_show_no_frame_of_ours(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/local_a.py", "import local_b")
    save(tmp_path / "site/local_b.py", "1 / 0")
    result = run(
        """
        import sys, traceback
        try:
            import local_a
        except ZeroDivisionError:
            for frame in traceback.extract_tb(sys.exc_info()[2]):
                print(frame.name, frame.filename[-10:])
        """
    )
    names = [line.split()[0] for line in result.text.splitlines()]
    assert names == ["<module>", "<module>", "<module>"]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        pytest.param("reload(json)", "ProcessNeededError", id="shared"),
        pytest.param("reload('json')", "TypeError", id="name"),
        pytest.param("reload(types.ModuleType('x'))", "ImportError", id="unknown"),
    ],
)
def test_only_local_modules_can_be_reloaded(
    run: Run, statement: str, message: str
) -> None:
    source = f"""
        import json, types
        from importlib import reload
        try:
            {statement}
        except Exception as exc:
            print(type(exc).__name__)
        """
    assert run(source).text == f"{message}\n"


def test_main_may_be_given_a_package_by_hand(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "site/local_p/__init__.py", "x = 1")
    source = "exec('from . import x; print(x)', {'__name__': 'local_p.main'})"
    assert run(source).text == "1\n"


def test_outside_of_runs_imports_are_the_original_ones(tmp_path: Path) -> None:
    save(tmp_path / "local_plain.py", "x = 1")
    with stand_ins():
        sys.path.append(str(tmp_path))
        try:
            module = importlib.import_module("local_plain")
            assert importlib.reload(module) is sys.modules["local_plain"]
        finally:
            sys.path.remove(str(tmp_path))
            sys.modules.pop("local_plain", None)


def test_two_runs_import_their_own_modules_at_the_same_time(tmp_path: Path) -> None:
    texts: dict[str, str] = {}
    paths = {}
    for folder in map(str, range(16)):
        save(tmp_path / folder / "local_a.py", f"x = {folder}")
        paths[folder] = save(
            tmp_path / folder / "script.py",
            "import time, local_a\ntime.sleep(0.01)\nimport local_a as b\nprint(b.x)",
        )

    def work(folder: str) -> None:
        texts[folder] = run_file(paths[folder]).text

    with stand_ins():
        threads = [threading.Thread(target=work, args=(folder,)) for folder in paths]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert texts == {folder: f"{folder}\n" for folder in paths}


def test_none_in_the_table_halts_an_import(tmp_path: Path) -> None:
    # As tests do it, to see what happens without a module.
    source = """
        import sys
        sys.modules["decimal"] = None
        try:
            import decimal
        except ModuleNotFoundError as exc:
            print(exc, exc.name)
        """
    with stand_ins():
        result = run_file(save(tmp_path / "script.py", source))
        assert result.text == "import of decimal halted; None in sys.modules decimal\n"
        source = "import decimal\nprint(decimal.Decimal(1))"
        assert run_file(save(tmp_path / "script.py", source)).text == "1\n"
