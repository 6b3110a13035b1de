"""End a run from outside: its threads, its sleep, its event loops, its children."""

from __future__ import annotations

from httpout_cgi.interpreter import (
    children,
    failures,
    lifetime,
    run_asyncio,
    run_signals,
)
from httpout_cgi.interpreter.run_context import RunAborted, RunContext, RunInterrupted
from httpout_cgi.interpreter.thread_exceptions import strike


def interrupt(run: RunContext, main_id: int) -> bool:
    """Raise an exception in all threads of the run, and wake them.

    ``main_id`` is the script's own.  To be called again until the run is over: a bare
    ``except:`` may swallow some.  Returns False, and does nothing, while a failure is
    being reported, or the script's handler of SIGTERM is at work.
    """
    if not run.is_aborted and (
        failures.is_reporting(run) or run_signals.is_terminating(run)
    ):
        return False
    kind = RunAborted if run.is_aborted else RunInterrupted
    children.terminate(run)
    # Not behind it: where somebody traces, the exception does not wait for that.
    run_asyncio.wake(run)
    strike([main_id, *lifetime.thread_ids(run)], kind, is_patient=True)
    return True
