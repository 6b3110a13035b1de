"""The spare children of a pool: forked ahead, each waits for one run, and does it.

Standard library only.
"""

from __future__ import annotations

import _thread
import os
import signal
from contextlib import suppress
from typing import Sequence

from httpout_cgi.processes import pool_program
from httpout_cgi.processes.pool_child import Preparation, perform
from httpout_cgi.processes.pool_forks import open_to_others
from httpout_cgi.processes.pool_notes import Notes
from httpout_cgi.processes.pool_program import BROKEN
from httpout_cgi.processes.pool_rehearsal import rehearse
from httpout_cgi.processes.pool_run import Run
from httpout_cgi.processes.pool_signals import Signals
from httpout_cgi.processes.pool_spare import Spare, find_last_descriptor

# With so few, there are more when there is time.
_MOST, _FEW = 8, 4


class Spares:
    """At most ``most`` wait at a time, and never more than eight."""

    def __init__(self, most: int, preparation: Preparation, signals: Signals) -> None:
        self._most = min(_MOST, most)
        self._preparation = preparation
        self._signals = signals
        self._spares: list[Spare] = []
        # There are fewer since children were prepared for the next run.
        self.may_be_prepared = False

    def hand(self, run: Run, descriptors: Sequence[int]) -> Spare:
        """Let one do it; raises OSError if none can."""
        while True:
            is_new = not self._spares
            if is_new:
                self._fork()
            spare = self._spares.pop()
            try:
                spare.hand(run, descriptors)
                self.may_be_prepared = True
                return spare
            except OSError:
                # Somebody has killed it, or stopped it.
                os.kill(spare.pid, signal.SIGKILL)
                spare.close()
                if is_new:
                    raise

    def prepare(self) -> None:
        """Get ready for the next run, while nobody waits for it.

        Makes more, if there are few; and lets one of them do what costs its run most:
        a warm one has copied the pages that it writes to.
        """
        self.may_be_prepared = False
        with suppress(OSError):  # whoever needs one meets it again
            if len(self._spares) <= min(_FEW, self._most // 2):
                self._fork()
            if not self._spares[-1].is_warm:
                self._spares[-1].warm()

    def _fork(self) -> None:
        """Fork some; raises OSError if there is none."""
        made: list[Spare] = []
        try:
            with self._signals.withheld():
                # All before the first fork: what is written between two is copied.
                for _ in range(self._most - len(self._spares)):
                    made.append(Spare())
                last = find_last_descriptor()
                self._preparation.script.look()
                for spare in made:
                    spare.pid = os.fork()
                    if spare.pid == 0:
                        self._become(spare, last)
        except OSError:
            if not made or not made[0].pid:
                raise
        finally:
            self._keep(made)

    def _keep(self, made: Sequence[Spare]) -> None:
        for spare in made:
            if not spare.pid:
                spare.close()
                continue
            spare.begin()
            self._spares.append(spare)
            with suppress(OSError):  # the child has done it, or has ended
                os.setpgid(spare.pid, spare.pid)

    def forget(self, pid: int) -> bool:
        """Let go of one that has been reaped; tell whether it was one of these."""
        for spare in [one for one in self._spares if one.pid == pid]:
            self._spares.remove(spare)
            spare.close()
            return True
        return False

    def drop(self) -> None:
        """End them all."""
        for spare in self._spares:
            os.kill(spare.pid, signal.SIGKILL)
            os.waitpid(spare.pid, 0)
            spare.close()
        self._spares.clear()
        self.may_be_prepared = True

    # In the child.

    def _become(self, spare: Spare, last: int) -> None:
        """Wait for a run, do it, and exit."""
        code, path = BROKEN, "no script"
        try:
            self._signals.leave_pool()
            own = os.getpid()
            spare.keep_alone(last)
            run, descriptors = self._wait(spare)
            path = run.path
            # Not in a rehearsal: it is what keeps others out of the pool.
            open_to_others()
            code = perform(run, descriptors, self._preparation, spare.notes)
            # Not the end of what the script has forked, nor with threads under way, who
            # could get the standard descriptors for files of theirs.
            if run.is_hurried and os.getpid() == own and not _thread._count():
                self._tell_end(spare.notes, code)
        except EOFError:
            code = 0  # the pool has no use for it
        except BaseException as exc:
            code = pool_program.fail(f"{path}: no run: {exc!r}", BROKEN)
        finally:
            os._exit(code)

    def _wait(self, spare: Spare) -> tuple[Run, list[int]]:
        while True:
            told = spare.receive()
            if told is not None:
                return told
            with suppress(OSError):  # no more descriptors, say: there may be later
                rehearse(self._preparation, 1)
            # Garbage of the run is what is younger than this.
            self._preparation.script.look()

    def _tell_end(self, notes: Notes, code: int) -> None:
        """Let the response end now, not when the kernel has freed our memory.

        That is what exit() begins with: for a millisecond descriptors are still open.
        """
        os.closerange(0, 3)
        notes.conclude(code)
        self._signals.wake_pool()
