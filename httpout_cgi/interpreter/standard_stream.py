"""A raw standard stream, and the descriptor behind it: none, until one is needed.

The descriptor itself is kept and never shown.  What is shown are duplicates of it, so
that a script cannot close a number which the file of another run gets next.
"""

from __future__ import annotations

import errno
import io
import os
import threading
import weakref
from contextlib import contextmanager, suppress
from typing import Iterator, List, Optional, Tuple

from httpout_cgi.interpreter.thread_exceptions import undisturbed

# The originals: a script's calls of these are translated.
_close, _dup, _dup2, _fstat = os.close, os.dup, os.dup2, os.fstat

_close_file = io.FileIO.close

_Identity = Tuple[int, int]


class _Loan:
    """A duplicate that the script knows.

    An alias is what fileno() returned: to close it means to close the stream's.  The
    owner is a file object that closes the number, at the latest when it is collected,
    in whatever thread that is: so only by its close() can the number be closed safely.
    """

    owner: Optional[weakref.ref[io.FileIO]] = None

    def __init__(self, number: int, *, is_alias: bool) -> None:
        self.number = number
        self.is_alias = is_alias
        self.identity = _identify(number)


class StandardStream(io.RawIOBase):
    """What the lowest layers of stdin, stdout and stderr have in common."""

    number: int
    # Kept until the end, once there is one: dup2() changes what is behind it.
    _kept: Optional[int] = None
    # What was lent; a list of its own from the first time on.
    _loans: List[_Loan] = []  # noqa: RUF012 - never changed
    # The script has closed the descriptor, or the run is over.
    is_shut = False

    def _make(self) -> int:
        """Make the descriptor."""
        raise io.UnsupportedOperation("fileno")

    def _use(self, descriptor: int) -> None:
        """Read or write that descriptor from now on."""

    def _leave(self) -> None:
        """Use nothing any more: the script has turned away from it."""

    @property
    def has_descriptor(self) -> bool:
        """Tell whether what is read or written goes through a real descriptor."""
        return self._kept is not None

    @property
    def has_loans(self) -> bool:
        """Tell whether numbers were lent."""
        return bool(self._loans)

    def descriptor(self) -> int:
        """Return the real descriptor, which only we may know.

        Raises OSError if it is closed, or if there can be none.
        """
        if self.is_shut:
            raise _bad_descriptor()
        if self._kept is None:
            with self._changing():
                if self._kept is None:
                    self._set(self._make())
        assert self._kept is not None
        return self._kept

    def for_child(self) -> int:
        """Return the descriptor that a child inherits: of nothing, if it is closed."""
        if self.is_shut and self._kept is None:
            with self._changing():
                self._kept = _open_null()
        if self.is_shut:
            assert self._kept is not None
            return self._kept
        return self.descriptor()

    def fileno(self) -> int:
        """Return an alias of the descriptor: a number that the script may use."""
        if self.is_shut:
            return self.number
        kept = self.descriptor()
        for loan in self._borrowed():
            if loan.is_alias:
                return loan.number
        return self._lend(_dup(kept), is_alias=True)

    def copy(self) -> int:
        """Do what dup() does; what is left of it ends with the run."""
        return self.lend_copy(_dup(self.descriptor()))

    def lend_copy(self, number: int) -> int:
        """Note that a number is a duplicate, which the script is to close."""
        return self._lend(number, is_alias=False)

    def put(self, source: int) -> None:
        """Do what dup2(source, n) does."""
        with self._changing():
            if self._kept is None:
                self._set(_dup(source))
            else:
                _dup2(source, self._kept, False)
                self._set(self._kept)
            self.is_shut = False
            for loan in self._borrowed():
                if loan.is_alias:
                    _dup2(source, loan.number, False)
                    loan.identity = _identify(loan.number)
        self._leave()

    def shut(self) -> None:
        """Do what close(n) does."""
        with self._changing():
            self.is_shut = True
            if self._kept is not None:
                _nullify(self._kept)
            for loan in self._borrowed():
                if loan.is_alias:
                    self._give_up(loan)
        self._leave()

    def end(self, *, is_in_use: bool = False) -> None:
        """Let go of all descriptors.

        Threads that go on may be using them: their numbers stay, of a broken pipe,
        until this is called again.
        """
        self.is_shut = True
        if self._kept is None:
            return  # nothing was lent without it
        with self._changing(is_last=True):
            for loan in self._borrowed():
                if is_in_use and loan.owner is None:
                    _break(loan.number)
                    loan.identity = _identify(loan.number)
                else:
                    self._give_up(loan)
            if is_in_use:
                _break(self._kept)
            else:
                _close(self._kept)
                self._kept = None

    def _set(self, descriptor: int) -> None:
        self._use(descriptor)
        self._kept = descriptor

    @contextmanager
    def _changing(self, *, is_last: bool = False) -> Iterator[None]:
        """Keep interrupts, and other threads of the run, away from a change."""
        guard: threading.Lock = self.__dict__.setdefault("_guard", threading.Lock())
        with undisturbed(is_last=is_last), guard:
            yield

    def has_lent(self, number: int, *, as_alias: bool = False) -> bool:
        """Tell whether a number is an alias of the descriptor, or any duplicate."""
        return any(
            loan.number == number and (loan.is_alias or not as_alias)
            for loan in self._borrowed()
        )

    def hand_over(self, owner: io.FileIO) -> None:
        """Note that a file object is going to close what was lent to it."""
        number = owner.fileno()
        for loan in self._borrowed():
            if loan.number == number:
                loan.owner = weakref.ref(owner)

    def _lend(self, number: int, *, is_alias: bool) -> int:
        # A list, not by number: one that the script has closed may come again.
        loans: List[_Loan] = self.__dict__.setdefault("_loans", [])
        loans.append(_Loan(number, is_alias=is_alias))
        return number

    def _borrowed(self) -> List[_Loan]:
        """Return what was lent, as far as it still is what it was."""
        if not self._loans:
            return []
        for loan in list(self._loans):
            if not _is_unchanged(loan):
                with suppress(ValueError):  # another thread has done it
                    self._loans.remove(loan)
        return list(self._loans)

    def _give_up(self, loan: _Loan) -> None:
        """Close what was lent."""
        try:
            self._loans.remove(loan)
        except ValueError:
            return  # another thread of the run has just closed it
        if loan.owner is not None:
            owner = loan.owner()
            if owner is not None:
                # Not by a method that the script may have made.
                _close_file(owner)
        else:
            _close(loan.number)


def _is_unchanged(loan: _Loan) -> bool:
    """Tell whether a number is still what was lent; the script may have closed it."""
    if loan.owner is not None:
        owner = loan.owner()
        return owner is not None and not owner.closed
    try:
        return _identify(loan.number) == loan.identity
    except OSError:
        return False


def _identify(number: int) -> _Identity:
    stat = _fstat(number)
    return stat.st_dev, stat.st_ino


def _open_null() -> int:
    return os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)


def _nullify(number: int) -> None:
    null = _open_null()
    _dup2(null, number, False)
    _close(null)


def _break(number: int) -> None:
    """Let a number be that of a pipe without a reader; no other is that pipe."""
    read_end, write_end = os.pipe()
    _close(read_end)
    _dup2(write_end, number, False)
    _close(write_end)


def _bad_descriptor() -> OSError:
    return OSError(errno.EBADF, os.strerror(errno.EBADF))
