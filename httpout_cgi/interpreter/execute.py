"""Run one Python script here and now, and end it as CPython ends a process.

The end: the uncaught exception, threads, atexit, a flush, the module's objects, and
another flush for what their __del__ wrote.
"""

from __future__ import annotations

import os
import sys
from contextvars import Context
from importlib.machinery import SourceFileLoader
from types import ModuleType
from typing import Callable, Optional

from httpout_cgi.interpreter import (
    last_words,
    lifetime,
    options,
    page_names,
    run_streams,
    script_builtins,
    shared_modules,
)
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.failures import attempt
from httpout_cgi.interpreter.imports import shared_builtins
from httpout_cgi.interpreter.namespaces import clear
from httpout_cgi.interpreter.python_variables import VARIABLES
from httpout_cgi.interpreter.run_context import (
    AFTER_OUTPUT,
    AT_EXIT,
    RunContext,
    current,
)
from httpout_cgi.interpreter.streams import flush_all

# Since Python 3.14 they are made when they are asked for.
_HAS_ANNOTATIONS = sys.version_info < (3, 14)


def execute(
    run: RunContext, cache: CodeCache, stat: Optional[os.stat_result] = None
) -> None:
    """Run the script to its end, in a context of its own.

    A page may leave its coroutines behind: see ``resume``.

    ``stat`` is what was seen at the script's path a moment ago.  Nothing that the
    script raises comes out; RunInterrupted, raised from another thread, may strike
    at any point and does.
    """
    # An empty context: decimal's settings and the like end with the run as well.
    Context().run(_execute, run, cache, lambda: _run_script(run, cache, stat))


def execute_beginning(
    run: RunContext, cache: CodeCache, then: Callable[[], object]
) -> None:
    """Do what comes before a page, and if it may begin, something in its place."""
    Context().run(_execute, run, cache, lambda: _begin_only(run, then))


def _execute(run: RunContext, cache: CodeCache, action: Callable[[], object]) -> None:
    current.set(run)
    run.load = cache.load_module
    try:
        attempt(run, action)
        if run.page is None or not run.page.leave_thread():
            _end(run)
    finally:
        if run.page is None or not run.page.has_left:
            _finish(run)


def resume(run: RunContext) -> None:
    """Do what is left of a page that had left its thread to its coroutines."""
    assert run.page is not None
    run.page.take_thread().run(_resume, run)


def _resume(run: RunContext) -> None:
    try:
        _end(run)
    finally:
        _finish(run)


def _end(run: RunContext) -> None:
    """Do all that comes before the last flush."""
    if "threads" in run.__dict__ and not run.is_aborted:
        attempt(run, lambda: lifetime.join_threads(run))
        if run.page is not None:
            attempt(run, run.page.join)
    if "exit_callbacks" in run.__dict__ and not run.is_aborted:
        lifetime.call_exit_callbacks(run, attempt)
    if run.parts and not run.is_aborted:
        attempt(run, lambda: _end_parts(run, AT_EXIT))


def _run_script(
    run: RunContext, cache: CodeCache, stat: Optional[os.stat_result]
) -> None:
    run.main = main = ModuleType("__main__")
    run.modules["__main__"] = main
    namespace = main.__dict__
    namespace["__file__"] = path = run.script_path
    namespace["__cached__"] = None
    namespace["__loader__"] = SourceFileLoader("__main__", path)
    if _HAS_ANNOTATIONS:
        namespace["__annotations__"] = {}
    compiled = cache.load(path, stat)
    is_plain = run.environment.keys().isdisjoint(VARIABLES)
    if compiled.options is not None or not is_plain:
        compiled = options.apply(run, compiled, cache)
    run.builtins = script_builtins.choose(run, compiled)
    namespace["__builtins__"] = run.builtins
    if run.page is not None:
        if page_names.may_be_seen(shared_modules.look_at(compiled.code)):
            run.page.add_names(namespace)
        run.page.begin()
    shared_modules.prepare(run, compiled.code)
    exec(compiled.code, namespace)


def _begin_only(run: RunContext, then: Callable[[], object]) -> None:
    run.main = main = ModuleType("__main__")
    run.modules["__main__"] = main
    main.__dict__["__builtins__"] = run.builtins = shared_builtins
    assert run.page is not None
    run.page.begin()
    then()


def _finish(run: RunContext) -> None:
    """Flush the streams and let go of everything that the script made."""
    run.is_ending = True
    _flush(run)
    if run.page is not None:
        run.page.end_output()
    has_spoken = bool(run.parts) and last_words.collect_last(run)
    if _clear_modules(run) or has_spoken:
        _flush(run)
    if "raw_error" in run.__dict__:
        flush_all([run.stderr, run.initial_stderr])
    if run.parts:
        _end_parts(run, AFTER_OUTPUT)
    run_streams.end_streams(run)


def _end_parts(run: RunContext, stage: int) -> None:
    for part, value in reversed(list(run.parts.items())):
        if part.stage == stage and part.end is not None:
            part.end(run, value)


def _flush(run: RunContext) -> None:
    text = run.initial_stdout
    if run.stdout is not text:
        flush_all([run.stdout])
    try:
        text.flush()
    except (OSError, ValueError):
        # Closed, or detached: what is in the buffer still counts.
        flush_all([run.output_buffer])


def _clear_modules(run: RunContext) -> bool:
    """Clear the modules, the script's first; tell whether that may have run code."""
    has_dropped = run.main is not None and clear(run.main.__dict__)
    if "loaded" in run.__dict__:
        for module in reversed(run.loaded):
            has_dropped |= clear(module.__dict__)
    return has_dropped
