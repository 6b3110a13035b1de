"""The current run: what a script sees as its process, found through a ContextVar.

Everything that stands in for something process-wide looks here first.  Outside of a
run the variable is empty, and every stand-in behaves as the original.
"""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from contextvars import Context, ContextVar
from types import ModuleType
from typing import (
    Any,
    BinaryIO,
    Callable,
    Dict,
    Generic,
    Iterator,
    List,
    Optional,
    Sequence,
    Tuple,
    TypeVar,
    cast,
)

from httpout_cgi.interpreter import streams
from httpout_cgi.interpreter.code_cache import Compiled
from httpout_cgi.interpreter.module_table import ModuleTable

# What atexit.register() was given: a callable, its arguments and keyword arguments.
ExitCallback = Tuple[Callable[..., object], Tuple[Any, ...], Dict[str, Any]]

# What stood where the stand-ins stand now, by its name; filled by install().
process: Dict[str, Any] = {}

T = TypeVar("T")

# When a part of a run ends: behind the atexit callbacks, while the script's objects
# and streams are still there; or when all its output is out and its objects are gone.
AT_EXIT, AFTER_OUTPUT = 0, 1


class _Lazy:
    """An attribute that is made when it is first read; two threads get the same."""

    def __init__(self, make: Callable[[RunContext], object]) -> None:
        self._make = make

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    # Any: a script may put anything in the place of what we make.
    def __get__(self, run: Optional[RunContext], owner: type) -> Any:
        if run is None:
            return self
        return run.__dict__.setdefault(self._name, self._make(run))


def _new_list(run: RunContext) -> List[object]:
    return []


class PerRun(Generic[T]):
    """Something that a run has to itself, made when it is first asked for.

    A part of this package declares one for its state; RunContext need not know it.
    ``end`` is called for what was made, the last made first, at the given stage; at
    AFTER_OUTPUT it must not raise.  ``make`` may run twice if two threads ask at
    once; the one that loses is ended.
    """

    def __init__(
        self,
        make: Callable[[RunContext], T],
        end: Optional[Callable[[RunContext, T], object]] = None,
        stage: int = AFTER_OUTPUT,
    ) -> None:
        self._make = make
        self.end = end
        self.stage = stage

    def of(self, run: RunContext) -> T:
        """Return the run's, made now if it has none yet."""
        try:
            return run.parts[self]  # type: ignore[no-any-return]
        except KeyError:
            made = self._make(run)
        kept: T = run.parts.setdefault(self, made)
        if kept is not made and self.end is not None:
            self.end(run, made)
        return kept

    def find(self, run: RunContext) -> Optional[T]:
        """Return the run's if it has one."""
        return run.parts.get(self)


class PageOfRun:
    """What the end of a run asks of a page; see page.py."""

    def take_exit(self, code: object) -> None:
        """Show what exit() was given."""
        raise NotImplementedError

    def show_failure(self, exc: BaseException, text: str) -> None:
        """Show an exception; ``text`` is its traceback."""
        raise NotImplementedError

    def end_output(self) -> None:
        """Complete what has been written."""
        raise NotImplementedError

    def begin(self) -> None:
        """Do what comes before the script; SystemExit if that is all."""
        raise NotImplementedError

    # Any: a namespace.
    def add_names(self, namespace: Dict[str, Any]) -> None:
        """Add what a page and its modules have without importing it."""
        raise NotImplementedError

    def find_view(self, namespace: Optional[Dict[str, Any]]) -> ModuleType:
        """Return the module httpout as the one with that namespace sees it."""
        raise NotImplementedError

    @property
    def has_left(self) -> bool:
        """Tell whether the script is over, and its end is still to come."""
        raise NotImplementedError

    def leave_thread(self) -> bool:
        """Tell whether coroutines go on: the end of the run is for later."""
        raise NotImplementedError

    def take_thread(self) -> Context:
        """Return the context for that end, in whatever thread the caller is."""
        raise NotImplementedError

    def join(self) -> None:
        """Wait for coroutines that go on though the script is over."""
        raise NotImplementedError


class RunInterrupted(BaseException):
    """Raised in a script's thread by whoever ends the run; ``except:`` may delay it."""


class RunAborted(BaseException):
    """What os._exit() raises: the run is over, unflushed output is lost."""


class RunContext:
    """What one run has to itself; whoever makes it hands it to ``execute.execute``.

    ``write`` receives what reaches standard output, in any of the run's threads, and
    may block or raise BrokenPipeError.  ``write_error`` receives lines of standard
    error.  ``stdin`` stays the caller's.  ``open_pipe`` returns the write end of a new
    pipe for descriptor 1 or 2, which the caller reads to its end; ``leave_output`` is
    told that the script itself has closed its output.  Most runs touch few of these:
    the rest are class attributes or made at first use, for they cost every run.
    """

    # How the run ended: the text for an administrator, and the exit code as a parent
    # process would see it, or the negative number of the signal that killed the run.
    failure: Optional[str] = None
    exit_code: int = 0
    # Set by os._exit(): what has not been flushed is lost, and the end is now.
    is_aborted: bool = False
    # Set by ``write`` when it raises BrokenPipeError because nobody reads any more.
    is_reader_gone: bool = False
    # Set while a failure is being reported, and when whoever interrupts has seen that;
    # see failures.py.
    is_reporting: bool = False
    reporting_until: Optional[float] = None
    # Set when all is done but the last flush.
    is_ending: bool = False
    # Set when a thread of the run imports what all runs share, for the first time:
    # is_importing_shared need not be asked before.
    has_imported_shared: bool = False
    main: Optional[ModuleType] = None
    # Of a page; see page.py.
    page: Optional[PageOfRun] = None
    # Set by execute: compiled code of a file, and the builtins of the run.
    load: Callable[..., Compiled]
    builtins: ModuleType

    def __init__(
        self,
        path: str,
        directory: str,
        *,
        environment: Dict[str, str],
        write: streams.Write,
        write_error: streams.Write,
        arguments: Sequence[str] = (),
        stdin: Optional[BinaryIO] = None,
        open_pipe: Optional[streams.OpenPipe] = None,
        leave_output: Optional[Callable[[], None]] = None,
        is_page: bool = False,
    ) -> None:
        self.script_path = path
        self.directory = directory
        self.environment = environment
        self.arguments = arguments
        self.source = stdin
        self.write_error = write_error
        self.open_pipe = open_pipe
        self.raw_output = streams.OutputStream(write, open_pipe, leave_output)
        opened = streams.open_page_output if is_page else streams.open_output
        self.initial_stdout = text = opened(self.raw_output)
        self.output_buffer = text.buffer
        # What the script may replace; annotated so that anything may be assigned.
        self.stdout: Any = text
        # The local modules of this run by name, and what its folders hold.
        self.modules: Dict[str, ModuleType] = {}
        # Any: each PerRun knows the type of its own.
        self.parts: Dict[PerRun[Any], Any] = {}

    raw_input = _Lazy(lambda run: streams.open_raw_input(run.source))
    raw_error = _Lazy(lambda run: streams.ErrorStream(run.write_error, run.open_pipe))
    initial_stdin = _Lazy(lambda run: streams.open_input(run.raw_input))
    initial_stderr = _Lazy(lambda run: streams.open_error(run.raw_error))
    stdin = _Lazy(lambda run: run.initial_stdin)
    stderr = _Lazy(lambda run: run.initial_stderr)
    argv = _Lazy(lambda run: [run.script_path, *run.arguments])
    search_path = _Lazy(lambda run: [run.directory, *process["path"]])
    excepthook = _Lazy(lambda run: sys.__excepthook__)
    displayhook = _Lazy(lambda run: sys.__displayhook__)
    modules_view = _Lazy(lambda run: ModuleTable(run.modules, process["modules"]))
    # The modules that were loaded for this run alone.
    loaded = _Lazy(_new_list)
    folders = _Lazy(lambda run: {})
    import_lock = _Lazy(lambda run: threading.RLock())
    threads: List[threading.Thread] = cast("List[threading.Thread]", _Lazy(_new_list))
    # One entry for each thread that _thread.start_new_thread() has started.
    raw_threads: List[object] = cast("List[object]", _Lazy(_new_list))
    exit_callbacks: List[ExitCallback] = cast("List[ExitCallback]", _Lazy(_new_list))


current: ContextVar[Optional[RunContext]] = ContextVar("current_run", default=None)
_find = current.get

# Set while a run imports a module that all runs share: its code must bind to what
# outlives the run.
is_importing_shared: ContextVar[bool] = ContextVar("importing_shared", default=False)

# What new threads of a run get from the one that starts them.
inherited: List[ContextVar[Any]] = [current]
# Called in the new thread's context, with the run.
thread_beginnings: List[Callable[[RunContext], object]] = []


def new_context(run: RunContext) -> Context:
    """Return a context for a new thread: of the script's variables, it has none."""
    context = Context()
    for variable in inherited:
        context.run(variable.set, variable.get())
    for begin in thread_beginnings:
        context.run(begin, run)
    return context


def current_for_changes() -> Optional[RunContext]:
    """Return the run whose state the caller may bind to or change, or None."""
    run = _find()
    if run is not None and run.has_imported_shared and is_importing_shared.get():
        return None
    return run


@contextmanager
def importing_shared() -> Iterator[None]:
    """Import what all runs share: no local module, no run's sys.path."""
    run = _find()
    if run is not None:
        run.has_imported_shared = True
    token = is_importing_shared.set(True)
    try:
        yield
    finally:
        is_importing_shared.reset(token)


def replace(
    owner: object, name: str, value: object, undo: List[Callable[[], None]]
) -> None:
    """Set an attribute, and note in ``undo`` how to take it back."""
    original = getattr(owner, name)
    setattr(owner, name, value)
    undo.append(lambda: setattr(owner, name, original))


def undoing(undo: List[Callable[[], None]]) -> Callable[[], None]:
    """Return what takes back all that ``undo`` notes, the last first."""

    def uninstall() -> None:
        while undo:
            undo.pop()()

    return uninstall
