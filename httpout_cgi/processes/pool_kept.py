"""A kept child of a pool: it takes connections itself, and does run after run.

Only scripts that share a process with others as well as they have one of their own, as
in a thread of a worker: all else, and all that is out of the ordinary, it hands to the
pool, which forks.  Standard library only.
"""

from __future__ import annotations

import _socket
import gc
import os
import select
import signal
import socket
import time
from functools import lru_cache
from typing import Any, Mapping, NamedTuple, Sequence

from httpout_cgi.interpreter import context, refusals
from httpout_cgi.interpreter.classify import VARIABLES, Classifier
from httpout_cgi.interpreter.classify_case import THREAD
from httpout_cgi.interpreter.code_cache import CodeCache
from httpout_cgi.processes import pool_ownership, pool_program
from httpout_cgi.processes.pool_dirt import Dirt
from httpout_cgi.processes.pool_door import Mount, admit
from httpout_cgi.processes.pool_handover import hand_over, say_farewell
from httpout_cgi.processes.pool_kept_run import HARMLESS, LOOK, KeptRun
from httpout_cgi.processes.pool_notes import Notes
from httpout_cgi.processes.pool_run import Run, read_run
from httpout_cgi.processes.pool_settings import Settings
from httpout_cgi.processes.pool_slots import Slots
from httpout_cgi.protocol import scgi

_READ_SIZE = 65_536
_DESCRIPTORS = 3
# A page has one more: it is left to the pool, with all that it brings.
_ANCILLARY = socket.CMSG_SPACE((_DESCRIPTORS + 1) * 4)
# How long a peer that has connected may take to say something: the pool has more time.
_PATIENCE_MS = 50
# Between looks at what woke nobody.
_WAIT_SECONDS = 5.0

# In the last eighth of its runs, a child has a successor.
_LAST_PART = 8
# After so many runs whoever has to wait comes first.
_TURNS = 8

_RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)
_EXCLUSIVE = getattr(select, "EPOLLEXCLUSIVE", 0)


class Place(NamedTuple):
    """What the pool gives to a kept child: its slot, and its ends of what they share.

    ``lifeline`` is readable when all are to leave, or the pool has died.  Scripts that
    were read are noted for the next child.
    """

    slots: Slots
    slot: int
    handover: socket.socket
    lifeline: int
    notes: Notes
    classifier: Classifier


class KeptChild:
    """Serves until it has done its share of runs, is dismissed, or is not clean."""

    def __init__(
        self,
        listeners: Mapping[socket.socket, Sequence[Mount] | None],
        settings: Settings,
        cache: CodeCache,
        place: Place,
    ) -> None:
        self._mounts = [*listeners.values()]
        self._listeners = [(one, one.family, at) for at, one in enumerate(listeners)]
        self._settings = settings
        self._place = place
        self._run = KeptRun(cache)
        self._left = settings.runs_per_process
        # Told so early, its successor is there when it leaves.
        self._farewell = self._left // _LAST_PART
        self._dirt = Dirt(settings.limits)
        self._poll = self._make_poll()

    def serve(self) -> int:
        """Serve; returns the exit code of the process."""
        context.install()
        refusals.permit(self._run.go_real)
        signal.signal(LOOK, self._run.look)
        gc.collect()
        gc.freeze()
        gc.disable()
        self._dirt.look()
        while self._left > 0:
            taken = self._accept()
            if taken is None:
                break
            self._serve_peer(*taken)
            if self._left == self._farewell:
                say_farewell(self._place.handover, os.getpid())
        return 0

    # Any: select.epoll, or what is as good.
    def _make_poll(self) -> Any:
        poll: Any = select.epoll() if _EXCLUSIVE else select.poll()
        poll.register(self._place.lifeline, select.POLLIN)
        for listener, _, _ in self._listeners:
            # Wakes one of us, not all.
            poll.register(listener, select.POLLIN | _EXCLUSIVE)
        return poll

    def _accept(self) -> tuple[Any, int] | None:
        """Return a connection, and by which listener it came; None at the end."""
        if self._left % _TURNS == 0:
            self._listeners.reverse()
        # Who came last comes next, most of the time; to ask all of them costs more
        # than to be told.
        asked = self._listeners[:1]
        while not self._place.slots.are_dismissed:
            for one in asked:
                listener, family, place = one
                try:
                    # Not accept(): what it makes of the number costs more than this.
                    number, _ = listener._accept()  # type: ignore[attr-defined]
                except (BlockingIOError, ConnectionError):  # nobody, or nobody any more
                    continue
                if one is not self._listeners[0]:
                    self._listeners.reverse()
                return _socket.socket(family, _socket.SOCK_STREAM, 0, number), place
            told = self._poll.poll(_WAIT_SECONDS * self._poll_unit)
            ready = [number for number, _ in told]
            if self._place.lifeline in ready:
                break
            asked = [one for one in self._listeners if one[0].fileno() in ready]
        return None

    # epoll has seconds, poll milliseconds.
    _poll_unit = 1 if _EXCLUSIVE else 1000

    def _serve_peer(self, connection: Any, index: int) -> None:
        descriptors: list[int] = []
        data, run, seen = b"", None, None
        mounts = self._mounts[index]
        try:
            data, descriptors, is_whole = _receive(connection, is_worker=mounts is None)
            if is_whole:
                run, seen = self._find_run(data, mounts, bool(descriptors))
        except Exception:  # whatever is wrong: the pool meets it again, and tells
            run = None
        if not data:
            # Whoever says nothing keeps us waiting: first those of the others.
            self._listeners.sort(key=lambda one: one[2] == index)
        if self._dirt.is_seen_in(connection.fileno()):
            self._left, run = 0, None
        if run is None or seen is None:
            hand_over(self._place.handover, index, data, connection, descriptors)
            return
        self._perform(run, seen, connection, descriptors)

    def _find_run(
        self, data: bytes, mounts: Sequence[Mount] | None, is_worker: bool
    ) -> tuple[Run | None, os.stat_result | None]:
        """Return the run if it is for us; what may not run is for the pool to tell."""
        head = scgi.parse_head(data)
        if head is None:
            return None, None
        content = data[head.size :]
        if mounts is None:
            run, seen = read_run(head, content), None
        else:
            run, seen = admit(head, content, mounts)
        if self._settings.ownership is not None:
            ownership, own = self._settings.ownership, self._settings.environment
            run, seen = pool_ownership.admit(run, ownership, own), None
        path = run.path
        is_other = run.by_shebang and not pool_program.names_us(path)
        if run.interpreter or is_other or run.is_apache:
            return None, None
        if not path.endswith(".py") and not pool_program.is_python(path):
            return None, None
        if seen is None:
            seen = os.stat(path)
        return (run, seen) if self._is_ours(run, seen) else (None, None)

    def _is_ours(self, run: Run, seen: os.stat_result) -> bool:
        environment = {
            name: run.environment[name] for name in _find_heeded((*run.environment,))
        }
        verdict = self._place.classifier.find(run.path, seen, environment)
        if verdict is None:
            verdict = self._place.classifier.judge(run.path, environment)
            self._place.notes.add(run.path)
        if verdict.interpreter is not None:
            return False
        return verdict.runner == THREAD or all(
            one.call in HARMLESS for one in verdict.reasons
        )

    def _perform(
        self, run: Run, seen: os.stat_result, connection: Any, descriptors: list[int]
    ) -> None:
        slots, index = self._place.slots, self._place.slot
        begun = time.monotonic()
        timeout = run.timeout or self._settings.timeout
        slots.begin(index, begun + timeout, begun)
        self._left -= 1
        try:
            is_clean = self._run.perform(run, seen, connection, descriptors)
        finally:
            slots.end(index, begun)
        if not is_clean or self._dirt.is_there():
            self._left = 0


@lru_cache(64)  # most requests have the same ones
def _find_heeded(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the variables that a verdict depends on."""
    return tuple(one for one in names if one in VARIABLES or one.startswith("LC_"))


def _receive(connection: Any, *, is_worker: bool) -> tuple[bytes, list[int], bool]:
    """Receive what there is, and tell whether it is all right as far as it goes."""
    for is_last in (False, True):
        try:
            if not is_worker:
                return connection.recv(_READ_SIZE, socket.MSG_DONTWAIT), [], True
            return _receive_descriptors(connection)
        except BlockingIOError:
            if is_last:
                break
            poll = select.poll()
            poll.register(connection.fileno(), select.POLLIN)
            poll.poll(_PATIENCE_MS)
    return b"", [], False


def _receive_descriptors(connection: Any) -> tuple[bytes, list[int], bool]:
    data, ancillary, flags, _ = connection.recvmsg(
        _READ_SIZE, _ANCILLARY, socket.MSG_DONTWAIT
    )
    descriptors: list[int] = []
    for level, kind, payload in ancillary:
        if (level, kind) == _RIGHTS:
            descriptors += memoryview(payload[: len(payload) // 4 * 4]).cast("i")
    is_whole = len(descriptors) in (0, _DESCRIPTORS) and not flags & socket.MSG_CTRUNC
    return data, descriptors, is_whole
