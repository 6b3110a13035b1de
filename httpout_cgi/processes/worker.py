"""A worker: serves what the supervisor sends over the control channel.

Reads no settings file and opens no log: with another account it would have no right
to.  Must not know HTTP.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import ssl
import sys
from weakref import WeakSet

from httpout_cgi import error_log
from httpout_cgi.access_log import AccessLog
from httpout_cgi.config import Config, parse_dump
from httpout_cgi.errors import ConfigError, StartError
from httpout_cgi.gateway import Gateway
from httpout_cgi.interpreter import file_state
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.processes import certificate, control, garbage, signals, spool
from httpout_cgi.processes.confinement import confine
from httpout_cgi.processes.connection import make_factory
from httpout_cgi.processes.descriptors import allow_descriptors
from httpout_cgi.processes.directory import PoolDirectory
from httpout_cgi.processes.event_loop import make_loop
from httpout_cgi.processes.http_server import HTTPServer
from httpout_cgi.processes.memory import MemoryWatch
from httpout_cgi.processes.script_mounts import find_longest_run, list_page_folders
from httpout_cgi.processes.script_watch import ScriptWatch
from httpout_cgi.processes.served_listeners import ServedListeners
from httpout_cgi.runners.choose import ChoosingRunner, ScriptJudge
from httpout_cgi.runners.pages import Pages
from httpout_cgi.runners.pool import PoolRunner
from httpout_cgi.runners.thread import ThreadRunner

_log = logging.getLogger(__name__)


# What the supervisor sends; None is the end, also that of the supervisor.
Message = control.Configuration | control.Answer | bytes | None

# A request that follows its connection on foot arrives within this time.
_LATE_SECONDS = 1.0


class Worker:
    """Only the loop thread touches it."""

    def __init__(self, channel: socket.socket, first: control.Configuration) -> None:
        config = parse_dump(first.config)
        _use_error_log(config, first)
        # Who runs a server for himself may well want to look into it.
        is_closed = config.user is not None
        confine(no_new_privileges=config.no_new_privileges, is_closed=is_closed)
        config = allow_descriptors(config)
        self._channel = channel
        self._first = first
        self._loop = make_loop(config.loop)
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._cache = CodeCache()
        self._config = config
        self._current = first
        self._pools = PoolDirectory(channel, first.pool)
        self._pages_host = Pages(self._loop, self._renew, debug=config.debug)
        self._runner = self._make_runner(config)
        self._retired: WeakSet[Gateway] = WeakSet()
        self._tasks: set[asyncio.Task[None]] = set()
        self._watch = ScriptWatch(self._cache)
        self._memory = MemoryWatch(self._loop, self._ask_to_leave)

    def run(self) -> None:
        """Serve until SIGTERM, or until the supervisor is gone."""
        serving = self._loop.create_task(self._serve())
        try:
            while not serving.done():
                self._run_until_exit(serving)
            serving.result()
        finally:
            self._loop.close()

    def _run_until_exit(self, serving: asyncio.Task[None]) -> None:
        """Run the loop; a task of a page's, too, that calls exit() ends only itself."""
        try:
            self._loop.run_until_complete(serving)
        except SystemExit:
            if serving.done():
                raise
            _log.warning("a task of a page has called exit()")

    async def _serve(self) -> None:
        config = self._config
        await self._enter_pages(config)
        self._gateway = Gateway(config, self._runner, self._pages_host)
        self._access_log = self._make_access_log(config, self._first)
        self._server = HTTPServer(
            self._gateway, config, self._access_log, make_factory()
        )
        self._server.tls = _make_tls(self._first)
        self._listeners = ServedListeners(self._server)
        await self._listeners.configure(config.listen, self._first.listeners)
        spool.prepare()
        self._loop.add_signal_handler(signal.SIGTERM, self._inbox.put_nowait, None)
        self._loop.add_reader(self._channel, self._receive)
        control.send_ready(self._channel)
        self._watch.start(config)
        garbage.take_over(self._loop)
        self._set_limits(config)
        while isinstance(message := await self._inbox.get(), control.Configuration):
            await self._configure(message)
        if message == control.LEAVE:
            await self._leave()
        await self._finish()

    def _receive(self) -> None:
        """Take one message; the end of the channel is the supervisor's end."""
        message = None
        with contextlib.suppress(ConnectionError):
            message = control.receive(self._channel)
        if message is None:
            self._loop.remove_reader(self._channel)
        if isinstance(message, control.Answer):
            # At once: whoever leaves or reloads may wait for runs that wait for it.
            self._pools.take(message)
        else:
            self._inbox.put_nowait(message)

    async def _configure(self, message: control.Configuration) -> None:
        """Use other settings from the next request on; connections stay open."""
        config = parse_dump(message.config)
        _use_error_log(config, message)
        config = allow_descriptors(config)
        await self._enter_pages(config)
        await self._replace_runner(config)
        self._retired.add(self._gateway)
        self._gateway = Gateway(config, self._runner, self._pages_host)
        self._serve_with(config, message, _make_tls(message))
        self._pools.site = message.pool
        await self._listeners.configure(config.listen, message.listeners)
        await self._watch.configure(config)
        self._set_limits(config)
        self._config = config

    def _serve_with(
        self,
        config: Config,
        message: control.Configuration,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Let responses, those under way as well, be noted in the logs of a message."""
        self._access_log.flush()
        self._access_log = self._make_access_log(config, message)
        self._server.configure(self._gateway, config, self._access_log, tls)
        os.close(self._current.access_log)
        os.close(self._current.error_log)
        self._current = message

    def _set_limits(self, config: Config) -> None:
        self._memory.set_limit(config.worker_memory)
        file_state.believe_for(config.reload.check)

    async def _replace_runner(self, config: Config) -> None:
        """Make another runner if its size changed; what runs in the old one goes on."""
        old = self._config
        if (old.threads, old.queue) == (config.threads, config.queue):
            return
        task = self._loop.create_task(self._runner.shutdown(find_longest_run(old)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._runner = self._make_runner(config)

    def _renew(self, path: str) -> None:
        """Let another worker run a ``__globals__.py`` that is not what ours was."""
        _log.info("%s has changed: another worker takes over", path)
        self._send_leave()

    def _ask_to_leave(self, why: str) -> None:
        """Let another worker come in our place."""
        _log.warning("%s: this worker asks to be replaced", why)
        self._send_leave()

    def _send_leave(self) -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone, we go as well
            control.send_leave(self._channel)

    async def _leave(self) -> None:
        """Let what runs end within its time limit, unless SIGTERM comes meanwhile."""
        self._listeners.stop()
        drain = self._loop.create_task(self._drain(find_longest_run(self._config)))
        end = self._loop.create_task(self._wait_for_end())
        await asyncio.wait({drain, end}, return_when=asyncio.FIRST_COMPLETED)
        for task in (drain, end):
            task.cancel()
        await asyncio.gather(drain, end, return_exceptions=True)

    async def _drain(self, seconds: float) -> None:
        # Connections that were accepted just now are not idle: a request is coming.
        await asyncio.sleep(_LATE_SECONDS)
        await self._server.drain(seconds)

    async def _wait_for_end(self) -> None:
        """Wait; of other settings the logs alone are for us: these may be rotated."""
        while (message := await self._inbox.get()) is not None:
            if isinstance(message, control.Configuration):
                _use_error_log(self._config, message)
                self._serve_with(self._config, message)
                for descriptor in message.listeners:
                    os.close(descriptor)

    async def _finish(self) -> None:
        """Let what runs end, but not for ever."""
        self._memory.stop()
        started, seconds = self._loop.time(), self._config.shutdown_timeout
        await self._server.drain(seconds)
        # Runs may go on behind their responses, as long as somebody takes their output.
        rest = max(0.0, seconds - (self._loop.time() - started))
        await self._runner.shutdown(rest)
        await self._pages_host.close()
        for gateway in [self._gateway, *self._retired]:
            await gateway.close()
        for task in self._tasks:
            task.cancel()
        self._access_log.flush()
        await self._watch.stop()

    async def _enter_pages(self, config: Config) -> None:
        """Make the folders of pages known to what they share.

        Coroutines are where the scripts are, if that is one folder: they run in the
        loop's thread, whose working directory nothing else depends on.
        """
        folders = list_page_folders(config)
        self._pages_host.debug = config.debug
        if len(folders) == 1:
            os.chdir(folders[0])
        await self._pages_host.prepare(folders)

    def _make_runner(self, config: Config) -> ChoosingRunner:
        thread = ThreadRunner(
            self._loop,
            self._cache,
            threads=config.threads,
            queue=config.queue,
            on_worn_out=lambda: self._ask_to_leave("too many threads are stuck"),
            pages=self._pages_host,
        )
        process = PoolRunner(
            self._loop, self._pools, queue=config.queue, debug=config.debug
        )
        return ChoosingRunner(thread, process, ScriptJudge())

    def _make_access_log(
        self, config: Config, message: control.Configuration
    ) -> AccessLog:
        return AccessLog(
            config.log.access.format, message.access_log, self._loop.call_soon
        )


def main() -> int:
    """Run a worker whose control channel is the descriptor in ``sys.argv``."""
    # A terminal's ^C and hang-up go to all processes; the supervisor decides.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signals.ignore)
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        os.set_inheritable(channel.fileno(), False)
        first = control.receive(channel)
        if not isinstance(first, control.Configuration):
            return 0
        try:
            Worker(channel, first).run()
        except (ConfigError, StartError) as exc:
            _log.critical("a worker cannot start: %s", exc)
            return control.CANNOT_START
    # Not by way of the interpreter's end: threads may be stuck in scripts.
    os._exit(0)


def _make_tls(message: control.Configuration) -> ssl.SSLContext | None:
    pem = message.certificate
    return certificate.make_context(pem) if pem else None


def _use_error_log(config: Config, message: control.Configuration) -> None:
    error = config.log.error
    error_log.configure(message.error_log, error.level, error.format)
    if error.path is not None:
        # What libraries print, and the words of a dying process, belong there, too.
        os.dup2(message.error_log, 1)
        os.dup2(message.error_log, 2)
