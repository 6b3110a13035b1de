"""The error log: one line per event, whatever a client or a script put into it.

Unless the settings have another format:
2026-11-22 12:00:00.123 +0000 [warning] [4711] worker 4712 ended with status 1
"""

import contextlib
import logging
import os
import re
import time
from typing import Final

# Named loggers, not the root: a script's logging.basicConfig() in a worker's thread
# does nothing where the root logger has a handler already.
_LOGGERS: Final = ("httpout_cgi", "asyncio", "tremolo")

# Line and page breaks of str.splitlines(), escape sequences of terminals, and
# lone surrogates (bytes that were not UTF-8).
_UNSAFE: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def configure(descriptor: int, level: str, style: str | None = None) -> None:
    """Send our loggers to a descriptor, which stays the caller's to close.

    ``style`` is a format of Python's logging, or None for ours.
    """
    handler = _Handler(descriptor)
    handler.setFormatter(_Formatter(style))
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level.upper())
        if name != "httpout_cgi" and logger.level < logging.WARNING:
            # At debug, libraries say what they do for each request or file.
            logger.setLevel(logging.WARNING)
    # Known from now on: finding out takes another lock, as above.
    script_log = logging.getLogger("httpout_cgi.script")
    for known in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR):
        script_log.isEnabledFor(known)


def escape(text: str) -> str:
    """Return the text as part of one line: control characters become ``\\x1b``."""
    return _UNSAFE.sub(_escape_one, text)


def _escape_one(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as exc:  # whatever the arguments' __str__ raises
        return f"{record.msg!r} cannot be logged: {exc!r}"


class _Formatter(logging.Formatter):
    """Each line of a traceback becomes a line of its own, with all tags."""

    def __init__(self, style: str | None) -> None:
        super().__init__(style)
        self._has_style = style is not None

    def format(self, record: logging.LogRecord) -> str:
        lines = [_message(record)]
        if record.exc_info:
            lines += self.formatException(record.exc_info).splitlines()
        format_line = self._format_line if self._has_style else _format_our_line
        # All of it: the name of a thread may be a script's, too.
        return "".join(f"{escape(format_line(record, line))}\n" for line in lines)

    def _format_line(self, record: logging.LogRecord, line: str) -> str:
        record.message, record.asctime = line, self.formatTime(record)
        return self.formatMessage(record)


def _format_our_line(record: logging.LogRecord, line: str) -> str:
    seconds, zone = time.localtime(record.created), "%z"
    return (
        f"{time.strftime('%Y-%m-%d %H:%M:%S', seconds)}.{int(record.msecs):03d}"
        f" {time.strftime(zone, seconds)}"
        f" [{record.levelname.lower()}] [{record.process}] {line}"
    )


class _Handler(logging.Handler):
    """Writes whole lines, so that several processes can share the file."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    def handle(self, record: logging.LogRecord) -> bool:
        """Write the record, without logging's lock: one write needs none.

        A script that is interrupted while it holds the lock would never give it back,
        and the whole worker would wait for it.
        """
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        # A full disk, a pipe without a reader: nobody is left to tell.
        with contextlib.suppress(OSError):
            os.write(self._descriptor, self.format(record).encode())
