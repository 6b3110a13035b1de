"""The control channel: one byte, and descriptors."""

import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpout_cgi.errors import StartError
from httpout_cgi.processes import control
from httpout_cgi.processes.control import Configuration

Pair = tuple[socket.socket, socket.socket]
POOL = os.fsdecode(b"/run/\xff\xc3\xbc/pool")


@pytest.fixture
def channel() -> Iterator[Pair]:
    """The supervisor's end, and the worker's."""
    ours, theirs = control.pair()
    theirs.settimeout(10)
    with ours, theirs:
        yield ours, theirs


def close(configuration: Configuration) -> None:
    for descriptor in (
        configuration.access_log,
        configuration.error_log,
        *configuration.listeners,
    ):
        os.close(descriptor)


@pytest.mark.skipif(not hasattr(socket, "MSG_CMSG_CLOEXEC"), reason="only on Linux")
def test_no_program_inherits_what_has_just_come(
    channel: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A script in another thread may start one at any time, with the key at hand.
    monkeypatch.setattr(os, "set_inheritable", lambda *_: None)  # it comes later
    with open(os.devnull, "wb") as null:
        number = null.fileno()
        control.send_configuration(
            channel[0], Configuration("", number, number, (number,), POOL)
        )
    received = control.receive(channel[1])
    assert isinstance(received, Configuration)
    fresh = received.access_log, received.error_log, *received.listeners
    assert not any(map(os.get_inheritable, fresh))
    close(received)


def test_a_configuration_arrives_with_its_descriptors(
    channel: Pair, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("access", "error", "one", "two")]
    sent = [os.open(path, os.O_CREAT | os.O_WRONLY) for path in files]
    text = "\u20ac" * 1_000_000  # far more than a socket's buffer holds
    control.send_configuration(
        channel[0], Configuration(text, sent[0], sent[1], tuple(sent[2:]), POOL)
    )
    received = control.receive(channel[1])
    assert isinstance(received, Configuration)
    assert received.config == text
    assert received.pool == POOL
    os.write(received.access_log, b"a")
    os.write(received.error_log, b"e")
    for number, descriptor in enumerate(received.listeners):
        os.write(descriptor, str(number).encode())
    assert [path.read_text() for path in files] == ["a", "e", "0", "1"]
    assert not any(map(os.get_inheritable, received.listeners))
    close(received)
    for descriptor in sent:
        os.close(descriptor)


def test_configurations_do_not_mix(channel: Pair) -> None:
    for number in range(3):
        control.send_configuration(
            channel[0], Configuration(str(number), 1, 2, (), POOL)
        )
    for number in range(3):
        received = control.receive(channel[1])
        assert isinstance(received, Configuration)
        assert received.config == str(number)
        close(received)


def test_the_end_of_the_supervisor_is_none(channel: Pair) -> None:
    channel[0].close()
    assert control.receive(channel[1]) is None


def test_as_many_listeners_as_allowed_can_be_sent(channel: Pair) -> None:
    many = (1,) * control.MAX_LISTENERS
    control.send_configuration(channel[0], Configuration("", 1, 2, many, POOL))
    received = control.receive(channel[1])
    assert isinstance(received, Configuration)
    assert len(received.listeners) == control.MAX_LISTENERS
    close(received)


def test_a_worker_that_never_reads_does_not_block_the_supervisor(
    channel: Pair,
) -> None:
    def send_for_ever() -> None:
        while True:
            control.send_configuration(channel[0], Configuration("", 1, 2, (), POOL))

    with pytest.raises(OSError, match=r"temporarily unavailable|Too many references"):
        send_for_ever()


def test_ready_is_one_byte(channel: Pair) -> None:
    control.send_ready(channel[1])
    assert channel[0].recv(10) == control.READY


def test_leave_is_one_byte_both_ways(channel: Pair) -> None:
    control.send_leave(channel[1])
    assert channel[0].recv(10) == control.LEAVE
    control.send_leave(channel[0])
    assert control.receive(channel[1]) == control.LEAVE


def test_descriptors_beyond_the_limit_are_told(channel: Pair) -> None:
    control.send_configuration(channel[0], Configuration("", 1, 2, (1,) * 240, POOL))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    try:
        with pytest.raises(StartError, match="too many open files"):
            control.receive(channel[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
