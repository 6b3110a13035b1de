"""A page: a script whose output has no header section; we write it for it.

What it prints goes on at once: standard output has no buffer.  How a page ends, by
exit("text") or an exception, is seen in the browser.  A run has one or none; must not
know how coroutines are run.
"""

from __future__ import annotations

import html
import io
from contextlib import suppress
from typing import Any

from httpout_cgi.interpreter import failures, streams
from httpout_cgi.interpreter.option_streams import UnbufferedOutput
from httpout_cgi.interpreter.page_head import PageHead
from httpout_cgi.interpreter.run_context import PageOfRun, RunContext


class Page(PageOfRun):
    """What a run has that is a page."""

    def __init__(self, run: RunContext, *, debug: bool = False) -> None:
        self.run = run
        self.head = PageHead()
        self._debug = debug
        run.raw_output.begin_with(self.head.encode)
        # Taken apart: a layer that is dropped closes those below.  Any: to typeshed, a
        # buffer has fewer methods than io's.
        buffer: Any = run.initial_stdout.detach()
        buffer = UnbufferedOutput(buffer.detach())
        run.output_buffer = buffer
        run.initial_stdout = run.stdout = io.TextIOWrapper(
            buffer, streams.ENCODING, "surrogateescape", "\n", write_through=True
        )
        run.stdout.mode = "w"

    def end_output(self) -> None:
        """Write the header section of a page that has printed nothing."""
        # Nobody reads any more: no matter.
        with suppress(OSError, ValueError):
            self.run.raw_output.begin()

    def take_exit(self, code: object) -> None:
        """Print what exit() was given."""
        if code is not None:
            self._print(f"{failures.text_of(code, '')}\n")

    def show_failure(self, exc: BaseException, text: str) -> None:
        """Tell the browser of an exception; ``text`` is its traceback."""
        if not self.head.is_sent:
            self.head.set_status(500)
        if self._debug:
            self._print(f"<pre>{html.escape(text)}</pre>\n")
            return
        name = type(exc).__name__
        said = html.escape(f"{name}: {failures.text_of(exc, '?')}")
        self._print(f"<ul><li>{said}</li></ul>\n")

    def _print(self, text: str) -> None:
        # What the script has put in the place of its output may be anything.
        failures.write_to(self.run.stdout, text)
