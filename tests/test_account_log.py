"""What pools of accounts may put into the error log."""

import logging
import os
import selectors
from collections.abc import Iterator

import pytest

from httpout_cgi.processes.account_log import AccountLog


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        yield selector


def open_log(selector: selectors.BaseSelector) -> tuple[AccountLog, int]:
    """Return a log, and what the process has of it."""
    log = AccountLog(selector, "alice")
    writer = os.dup(log.write_end)
    log.begin()
    return log, writer


def fill(writer: int) -> None:
    while True:
        os.write(writer, b"x" * 4096)


def turn(selector: selectors.BaseSelector) -> None:
    for key, _ in selector.select(0):
        key.data()


def test_each_line_has_the_name_of_the_account(
    selector: selectors.BaseSelector, caplog: pytest.LogCaptureFixture
) -> None:
    log, writer = open_log(selector)
    turn(selector)
    os.write(writer, b"pool: one\ntw")
    turn(selector)
    os.write(writer, b"o\n\xff")
    os.close(writer)
    while log.is_open:
        turn(selector)
    log.close()
    told = [f"pool of alice: {text}" for text in ("one", "two", "\udcff")]
    assert caplog.messages == told
    assert {record.levelno for record in caplog.records} == {logging.ERROR}
    assert not selector.get_map()


def test_who_says_too_much_is_not_heard_any_more(
    selector: selectors.BaseSelector, caplog: pytest.LogCaptureFixture
) -> None:
    log, writer = open_log(selector)
    while log.is_open:
        os.write(writer, b"x" * 1023 + b"\n")
        turn(selector)
    with pytest.raises(BrokenPipeError):
        os.write(writer, b"more\n")
    os.close(writer)
    assert len(caplog.messages) == 65
    assert caplog.messages[-1] == ("pool of alice: says too much; the rest is left out")


def test_who_writes_is_never_kept_waiting(selector: selectors.BaseSelector) -> None:
    log, writer = open_log(selector)
    with pytest.raises(BlockingIOError):
        fill(writer)
    os.close(writer)
    log.close()


def test_the_writer_cannot_empty_what_has_been_logged(
    selector: selectors.BaseSelector,
) -> None:
    log, writer = open_log(selector)
    with pytest.raises(OSError, match="Invalid argument"):
        os.ftruncate(writer, 0)
    os.close(writer)
    log.close()
