"""One run of a kept child: as in a thread of a worker, on its own connection.

Standard library only.
"""

from __future__ import annotations

import io
import os
import select
import signal
import tempfile
from contextlib import suppress
from typing import Any, BinaryIO

from httpout_cgi.interpreter import lifetime, working_directory
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.interpreter.execute import execute
from httpout_cgi.interpreter.run_context import RunAborted, RunContext, RunInterrupted
from httpout_cgi.processes.pool_run import Run

# More content than this goes to a file.
_IN_MEMORY = 512 * 1024
_READ_SIZE = 65_536

# By this the pool, which has no connection of ours, lets us look at it.  Ignored by who
# has not begun.
LOOK = signal.SIGURG

# In front of a status: a child has the run.  Alone, the child has died.
BEGUN = b"?"

# What a thread is refused, and changes nothing here.
HARMLESS = frozenset(("os.getpid", "os.getppid", "os.getpgrp"))

_write, _umask, _dup, _dup2, _close = os.write, os.umask, os.dup, os.dup2, os.close
_getpid, _killpg, _poll, _leave = os.getpid, os.killpg, select.poll, os._exit


class KeptRun:
    """Does run after run.  ``go_real`` is for a call that no thread could do."""

    def __init__(self, cache: CodeCache) -> None:
        self._cache = cache
        self._mask = _umask(0o022)
        _umask(self._mask)
        self._pid = _getpid()
        self._process: RunContext | None = None
        self._connection: Any = None
        self._error = 2
        self._is_real = False

    def perform(
        self, run: Run, seen: os.stat_result, connection: Any, descriptors: list[int]
    ) -> bool:
        """Do it, and close all; tell whether there may be another one after it."""
        self._connection = connection
        self._is_real = False
        status = -1
        if descriptors:
            source, self._error, status = descriptors
            stdin: BinaryIO | None = open(source, "rb")  # noqa: SIM115  closed below
            _write(status, BEGUN)
        else:
            self._error = 2
            stdin = None
        is_clean = False
        process = None
        try:
            if run.content_length and stdin is None:
                stdin = self._spool(run)
            directory = os.path.dirname(run.path)
            working_directory.change_to(directory)
            _umask(self._mask if run.umask is None else run.umask)
            process = self._process = RunContext(
                run.path,
                directory,
                environment=run.environment,
                write=self._write,
                write_error=self._write_error,
                arguments=run.arguments,
                stdin=stdin,
                open_pipe=self._open_pipe,
                leave_output=self._leave_output,
            )
            execute(process, self._cache, seen)
            is_clean = not self._is_real and not lifetime.has_threads(process)
        except (RunAborted, RunInterrupted):
            pass  # it was late
        except OSError as exc:
            self._write_error(os.fsencode(f"{run.path}: cannot be started: {exc}"))
        finally:
            code = process.exit_code if process is not None else 126
            self._conclude(code, status, stdin)
        return is_clean

    def _conclude(self, code: int, status: int, stdin: BinaryIO | None) -> None:
        """Tell a worker how it ended, and let go of all."""
        self._process = None
        if _getpid() != self._pid:
            # A child that the script has forked: its end is that of a process.
            _leave(code if code >= 0 else 1)
        if status >= 0:
            told = -code if code < 0 else code << 8
            with suppress(OSError):  # the worker has gone
                _write(status, b"%d\n" % told)
            _close(status)
            _close(self._error)
        if stdin is not None:
            stdin.close()
        self._connection.close()

    def _spool(self, run: Run) -> BinaryIO:
        """Return the content, all of it, at its start."""
        data, rest = run.content[: run.content_length], run.content_length
        if rest <= _IN_MEMORY:
            file: BinaryIO = io.BytesIO()
        else:
            file = tempfile.TemporaryFile()  # noqa: SIM115  as above
        while True:
            file.write(data)
            rest -= len(data)
            if not rest:
                break
            data = self._connection.recv(min(rest, _READ_SIZE))
            if not data:
                raise ConnectionError("the content is cut off")
        file.seek(0)
        return file

    def look(self, *_: object) -> None:
        """Be the handler of LOOK: a run whose peer has gone is told to end."""
        connection = self._connection
        if self._process is None or connection.fileno() < 0:
            return
        # Asked for nothing, poll() tells that the other end is closed.
        poll = _poll()
        poll.register(connection.fileno(), 0)
        if poll.poll(0):
            _killpg(0, signal.SIGTERM)

    # For the script.

    def _write(self, data: bytes) -> None:
        number = self._connection.fileno()
        try:
            size = _write(number, data)
            while size < len(data):
                data = data[size:]
                size = _write(number, data)
        except (BrokenPipeError, ConnectionResetError):
            if self._process is not None:
                self._process.is_reader_gone = True
            raise BrokenPipeError(32, os.strerror(32)) from None

    def _write_error(self, line: bytes) -> None:
        try:
            _write(self._error, line + b"\n")
        except OSError:
            return  # nobody reads

    def _open_pipe(self, number: int) -> int:
        """Return what becomes the descriptor of that number: a child writes to it."""
        return _dup(self._connection.fileno() if number == 1 else self._error)

    def _leave_output(self) -> None:
        """Let the response end, though the script goes on."""
        self._connection.close()

    def go_real(self, call: str) -> bool:
        """Make this process one of the script's own, which it ends with.

        Told by a call that a script in a thread is refused: who reads the sources did
        not see it coming.
        """
        process = self._process
        if process is None:
            return False
        if call in HARMLESS:
            return True
        if not self._is_real:
            self._is_real = True
            with open(os.devnull, "rb") as null:
                _dup2(null.fileno(), 0)
            if self._connection.fileno() >= 0:
                _dup2(self._connection.fileno(), 1)
            _dup2(self._error, 2)
        return True
