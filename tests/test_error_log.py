"""The error log: whole lines that nobody can forge."""

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from httpout_cgi import error_log

LINE = (
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d{4} \[%s\] \["
    + str(os.getpid())
    + r"\] %s\n"
)
NAMES = ("httpout_cgi", "asyncio", "tremolo")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    """A log at level info."""
    path = tmp_path / "error.log"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    error_log.configure(descriptor, "info")
    yield path
    os.close(descriptor)
    for name in NAMES:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.NOTSET)
        logger.propagate = True


def test_a_line_has_time_level_process_and_message(log: Path) -> None:
    logging.getLogger("httpout_cgi.gateway").warning("slow %s", "script")
    assert re.fullmatch(LINE % ("warning", "slow script"), log.read_text())


def test_a_line_has_the_format_of_the_settings(log: Path) -> None:
    thread = threading.Thread(
        target=logging.getLogger("httpout_cgi").error,
        args=("a\nERROR|b",),
        # A script may name its threads.
        name="worker\nERROR|c",
    )
    style = "%(levelname)s|%(name)s|%(threadName)s|%(asctime)s|%(message)s"
    with formatted(log, style):
        thread.start()
        thread.join()
    assert re.fullmatch(
        r"ERROR\|httpout_cgi\|worker\\x0aERROR\|c\|[-\d]+ [:\d]+,\d{3}"
        r"\|a\\x0aERROR\|b\n",
        log.read_text(),
    )


def test_each_line_of_a_traceback_has_the_format_of_the_settings(log: Path) -> None:
    with formatted(log, "> %(message)s"):
        try:
            raise ValueError("first")
        except ValueError:
            logging.getLogger("httpout_cgi").exception("failed")
    lines = log.read_text().splitlines()
    assert lines[0] == "> failed"
    assert lines[-1] == "> ValueError: first"
    assert all(line.startswith("> ") for line in lines)


@contextmanager
def formatted(log: Path, style: str) -> Iterator[None]:
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND)
    error_log.configure(descriptor, "info", style)
    yield
    os.close(descriptor)


def test_less_than_the_level_is_left_out(log: Path) -> None:
    logging.getLogger("httpout_cgi").debug("chatter")
    assert log.read_text() == ""


def test_libraries_are_quiet_below_warning(log: Path) -> None:
    logging.getLogger("tremolo.x").info("chatter")
    logging.getLogger("asyncio").warning("trouble")
    assert re.fullmatch(LINE % ("warning", "trouble"), log.read_text())


def test_the_root_logger_is_left_to_scripts(log: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    error_log.configure(2, "info")
    assert logging.getLogger().handlers == handlers


@pytest.mark.parametrize(
    ("text", "logged"),
    [
        pytest.param("a\n2026 [error] b", r"a\\x0a2026 \[error\] b", id="line feed"),
        pytest.param("a\r\x0b\x0cb", r"a\\x0d\\x0b\\x0cb", id="other breaks"),
        pytest.param("\x1b[31m", r"\\x1b\[31m", id="escape sequence"),
        pytest.param("\x85\u2028\u2029", r"\\x85\\u2028\\u2029", id="Unicode breaks"),
        pytest.param("\udcff", r"\\udcff", id="byte that is not UTF-8"),
        pytest.param("caf\u00e9\t1", "caf\u00e9\t1", id="harmless"),
    ],
)
def test_a_message_is_one_line(log: Path, text: str, logged: str) -> None:
    logging.getLogger("httpout_cgi").error("%s", text)
    assert re.fullmatch(LINE % ("error", logged), log.read_text(encoding="utf-8"))


def test_each_line_of_a_traceback_is_tagged(log: Path) -> None:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        logging.getLogger("httpout_cgi").exception("failed")
    lines = log.read_text().splitlines(keepends=True)
    assert len(lines) == 6
    assert all(re.fullmatch(LINE % ("error", ".*"), line) for line in lines)


def test_a_log_that_cannot_be_written_breaks_nothing(
    log: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    error_log.configure(descriptor, "info")
    logging.getLogger("httpout_cgi").error("lost")
    os.close(descriptor)
    assert capfd.readouterr() == ("", "")


def test_a_wrong_message_is_logged_as_such(log: Path) -> None:
    logger = logging.getLogger("httpout_cgi")
    wrong = logger.makeRecord("x", logging.ERROR, "x.py", 1, "%d", ("one",), None)
    logger.handlers[0].handle(wrong)
    assert "'%d' cannot be logged: TypeError" in log.read_text()


def test_a_lock_that_is_never_given_back_does_not_stop_the_log(log: Path) -> None:
    # An interrupted script would leave the handler's lock behind.
    handlers = logging.getLogger("httpout_cgi").handlers
    handler = next(
        one for one in handlers if type(one).__module__ == error_log.__name__
    )
    handler.acquire()
    writer = threading.Thread(
        target=logging.getLogger("httpout_cgi").error, args=("written",), daemon=True
    )
    writer.start()
    writer.join(20)
    handler.release()
    assert "written" in log.read_text()
