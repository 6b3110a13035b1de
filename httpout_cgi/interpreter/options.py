"""The interpreter's options of a run: those of its shebang, and PYTHON* variables."""

from __future__ import annotations

import sys
from functools import partial

from httpout_cgi.interpreter import run_warnings
from httpout_cgi.interpreter.code_cache import CodeCache, Compiled
from httpout_cgi.interpreter.flags import make_flags
from httpout_cgi.interpreter.option_streams import open_streams
from httpout_cgi.interpreter.python_variables import add_variables
from httpout_cgi.interpreter.refusals import ProcessNeededError
from httpout_cgi.interpreter.run_context import RunContext, process
from httpout_cgi.interpreter.shebang import Options


def apply(run: RunContext, compiled: Compiled, cache: CodeCache) -> Compiled:
    """Prepare the run as its options demand; return what is to be run.

    Raises SystemExit or LookupError where the interpreter would not start.
    """
    options = compiled.options or Options()
    if options.complaint:
        run.stderr.write(options.complaint)
        raise SystemExit(2)
    if options.other:
        raise ProcessNeededError(f"python {options.other} needs runner: process")
    run.environment.update(options.environment)
    if not options.ignores_environment:
        options = add_variables(options, run.environment)
    if options.is_unbuffered or options.stream_encoding:
        open_streams(run, options.stream_encoding, is_unbuffered=options.is_unbuffered)
    if options.search_path or options.has_safe_path:
        first = () if options.has_safe_path else (run.directory,)
        run.search_path = [*first, *options.search_path, *process["path"]]
    if options.warnings or options.is_development:
        _add_warnings(run, options)
    _set_flags(options)
    if options.optimize:
        run.load = partial(cache.load_module, level=options.optimize)
        return cache.load(run.script_path, level=options.optimize)
    return compiled


def _set_flags(options: Options) -> None:
    given = dict(options.flags)
    given["optimize"] = options.optimize
    given["dev_mode"] = options.is_development
    # Both end with the run, as all that is assigned to sys.
    sys.flags = make_flags(given)  # type: ignore[assignment]  # looks like it
    if given.get("dont_write_bytecode"):
        sys.dont_write_bytecode = True


def _add_warnings(run: RunContext, options: Options) -> None:
    first = ("default",) if options.is_development else ()
    sys.warnoptions = [*first, *options.warnings]
    for text in sys.warnoptions:
        run_warnings.add_option(run, text)
