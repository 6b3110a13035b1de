"""Run a script in a process of its own, as its ``__main__``.

For the child of a pool: descriptors, environment and working directory are real and
set already.  Nothing here stands in for anything.
"""

from __future__ import annotations

import os
import sys
import warnings
from contextlib import suppress
from functools import partial
from importlib.machinery import SourceFileLoader
from itertools import islice
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, Callable, Dict, Sequence, Tuple

from httpout_cgi.interpreter import main_end, main_imports
from httpout_cgi.interpreter.code_cache import CodeCache, Compiled
from httpout_cgi.interpreter.flags import make_flags
from httpout_cgi.interpreter.main_streams import open_streams
from httpout_cgi.interpreter.page_settings import PageSettings
from httpout_cgi.interpreter.python_variables import VARIABLES, add_variables
from httpout_cgi.interpreter.shebang import Options

if TYPE_CHECKING:
    from httpout_cgi.interpreter.page_process import ProcessPage

# What the command line of an interpreter gets wrong.
_USAGE = 2

_VARIABLES = frozenset(map(os.fsencode, VARIABLES))


def run_as_main(
    path: str,
    arguments: Sequence[str],
    cache: CodeCache,
    note: Callable[[str], object],
) -> int:
    """Run the script to its end and return the exit code of the process.

    The caller leaves by os._exit(): all else that a process does at its end is done.
    """
    return MainScript(cache).run(path, arguments, note)


class MainScript:
    """What can be done for scripts before it is known which one: before a fork.

    What is written to before it is shared: a child copies each page that it changes.
    Descriptor 0 has to be seekable and 1 and 2 are not, as they will be in the end.
    """

    def __init__(self, cache: CodeCache) -> None:
        self._cache = cache
        self._level = 0
        self._note: Callable[[str], object] = _ignore
        # Told the name of each local module that is about to be run.
        self._begin_module: Callable[[str], object] = _ignore
        # Names of local modules, in the order in which they were begun.
        self._local: Dict[str, None] = {}
        self._shared = list(sys.path)
        # What came before these on the path when the script began.
        self._own: Sequence[str] = ()
        open_streams()
        # For a process that is no script's own.
        self.withdraw = main_imports.use_cache(
            self._load_module, self._shared, lambda: self._own
        )
        self.look()

    def look(self) -> None:
        """See what there is already; again before a fork, if it may be more."""
        self._module_count = len(sys.modules)
        self._end = main_end.End()

    def forget(self) -> None:
        """Be as before the first run: what has run was a rehearsal."""
        self._note, self._level, self._own = _ignore, 0, ()
        self._local.clear()

    def run(
        self, path: str, arguments: Sequence[str], note: Callable[[str], object]
    ) -> int:
        """Run the script to its end and return the exit code of the process.

        ``note`` is told the path of each local module whose code is asked for, and the
        name of each module that is new.
        """
        main = self._begin(path, arguments, note)
        failure = main_end.attempt(partial(self._run_script, path, main.__dict__))
        del main
        self._note_imports()
        return self._end.finish(failure, [*self._local])

    def run_page(
        self,
        path: str,
        arguments: Sequence[str],
        note: Callable[[str], object],
        settings: PageSettings,
    ) -> int:
        """Run a page to its end, as ``run`` does it with a script."""
        # Not above: it takes long, and a pool of plain scripts would never need it.
        from httpout_cgi.interpreter.page_process import ProcessPage, ProcessRun

        self._begin(path, arguments, note)
        run = ProcessRun(path, sys.path[0], arguments)
        page = ProcessPage(run, settings, self._read_module)
        self._begin_module = page.add_names
        page.attempt(partial(self._run_page, path, page))
        page.join()
        self._note_imports()
        failure = main_end.Failure(run.exit_code)
        return self._end.finish(failure, [*self._local], page.join)

    def _run_page(self, path: str, page: ProcessPage) -> None:
        # First: what is wrong with it is seen in the browser.
        self._cache.load(path)
        code, self._level = _load(path, self._cache)
        page.take_output()
        self._settle_folders()
        page.begin()
        self._module_count += 1  # the module httpout, which nobody has to import
        exec(code, page.run.main.__dict__)

    def _begin(
        self, path: str, arguments: Sequence[str], note: Callable[[str], object]
    ) -> ModuleType:
        """Make the process that of the script; return its module."""
        main = _make_main(path)
        self._note = note
        sys.argv[:] = [path, *arguments]
        if hasattr(sys, "orig_argv"):  # Python 3.10
            sys.orig_argv[:] = [sys.executable, *sys.argv]
        sys.path.insert(0, _find_folder(path))
        return main

    def _note_imports(self) -> None:
        """Tell what others have to import as well: the last ones of a dict."""
        count = len(sys.modules) - self._module_count
        # Not a list of all: their names would be copied, page by page.
        for name in [*islice(reversed(sys.modules), max(count, 0))][::-1]:
            # A script may put anything there.
            self._note(str(name))

    def _run_script(self, path: str, namespace: Dict[str, Any]) -> None:
        code, self._level = _load(path, self._cache)
        self._settle_folders()
        exec(code, namespace)

    def _settle_folders(self) -> None:
        """Let what lies in the script's folders be its own."""
        self._own = sys.path[: len(sys.path) - len(self._shared)]
        main_imports.forget_shadowed(self._own)

    def _load_module(self, path: str, name: str) -> CodeType:
        self._local[name] = None
        self._begin_module(name)
        return self._read_module(path)

    def _read_module(self, path: str) -> CodeType:
        if not self._level:
            self._note(path)
        return self._cache.load_module(path, self._level).code


def _find_folder(path: str) -> str:
    """Return where the script is, as CPython: not where a link to it is."""
    with suppress(OSError):  # the folder has just been deleted
        folder = os.getcwd()
        # Mostly there, without links in its path, which realpath() would look for.
        if path == f"{folder}/{os.path.basename(path)}" and not os.path.islink(path):
            return folder
    return os.path.dirname(os.path.realpath(path))


def _ignore(told: str) -> None:
    """Note nothing: no script has begun, or it is none that wants to know."""


def _make_main(path: str) -> ModuleType:
    main = sys.modules["__main__"] = ModuleType("__main__")
    namespace = main.__dict__
    namespace.update(__file__=path, __cached__=None)
    namespace["__loader__"] = SourceFileLoader("__main__", path)
    namespace["__builtins__"] = sys.modules["builtins"]
    if sys.version_info < (3, 14):
        namespace["__annotations__"] = {}
    return main


def _load(path: str, cache: CodeCache) -> Tuple[CodeType, int]:
    """Return the script's code, and how much to optimize what it imports."""
    try:
        compiled = cache.load(path)
    except OSError as exc:
        reason = f"[Errno {exc.errno}] {exc.strerror}"
        sys.stderr.write(f"{sys.executable}: can't open file '{path}': {reason}\n")
        raise SystemExit(_USAGE) from None
    level = 0
    # Of bytes: os.environ itself would decode the names of all that there are.
    given = os.environ._data  # type: ignore[attr-defined]
    if compiled.options is not None or not _VARIABLES.isdisjoint(given):
        level = _apply_options(compiled).optimize
    return cache.load(path, level=level).code if level else compiled.code, level


def _apply_options(compiled: Compiled) -> Options:
    """Do what the shebang and PYTHON* variables ask for.

    Raises SystemExit or LookupError where the interpreter would not start.
    """
    options = compiled.options or Options()
    if options.complaint:
        sys.stderr.write(options.complaint)
        raise SystemExit(_USAGE)
    if options.other:
        # It runs something else: its own interpreter knows.
        os.execv(sys.argv[0], sys.argv)
    os.environ.update(options.environment)
    if not options.ignores_environment:
        options = add_variables(options, os.environ)
    if options.is_unbuffered or options.stream_encoding:
        open_streams(options.stream_encoding, is_unbuffered=options.is_unbuffered)
    if options.has_safe_path:
        del sys.path[0]
    position = 0 if options.has_safe_path else 1
    sys.path[position:position] = options.search_path
    first = ("default",) if options.is_development else ()
    sys.warnoptions[:] = [*first, *options.warnings]
    warnings._processoptions(sys.warnoptions)  # type: ignore[attr-defined]
    given = dict(options.flags)
    given["optimize"] = options.optimize
    given["dev_mode"] = options.is_development
    sys.flags = make_flags(given)  # type: ignore[assignment]  # looks like it
    return options
