"""Signals only enqueue; and whether a terminal could hang up on us."""

import os
import signal

import pytest

from httpout_cgi.processes import signals


def test_a_signal_is_one_byte_in_the_socket() -> None:
    with signals.receive() as reader:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert reader.recv(10) == bytes([signal.SIGUSR1])


def test_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with signals.receive():
        assert signal.getsignal(signal.SIGTERM) is signals.ignore
    assert signal.getsignal(signal.SIGTERM) is before


def test_behind_nohup_no_terminal_can_hang_up() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert not signals.has_terminal()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("can_open", [True, False])
def test_a_terminal_is_one_that_can_be_opened(
    can_open: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_terminal(_path: str, _flags: int) -> int:
        if not can_open:
            raise OSError
        return os.dup(0)

    monkeypatch.setattr(os, "open", open_terminal)
    assert signals.has_terminal() is can_open
