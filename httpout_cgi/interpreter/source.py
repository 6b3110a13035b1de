"""Source files as CPython reads a script: its encoding, and what it says of a bad one.

An imported module is compiled from bytes; a script is read from its file, which is
stricter, and words its complaints otherwise.  Must not open or run anything.
"""

from __future__ import annotations

import codecs
import os
import re
import sys
from typing import Optional, Tuple

# PEP 263: in the first line, or in the second if the first has no code.
_COOKIE = re.compile(rb"[ \t\f]*#[^\n]*?coding[:=][ \t]*([-\w.]+)")
_NO_CODE = re.compile(rb"[ \t\f]*(?:#[^\n]*)?(?:\n|$)")

_PEP_263 = (
    "https://peps.python.org/pep-0263/"
    if sys.version_info >= (3, 11)
    else "http://python.org/dev/peps/pep-0263/"
)


# Of a file: what changes when it does.
Signature = Tuple[int, int, int, int, int]


def sign(stat: os.stat_result) -> Signature:
    """Return the device, inode, size, and times of a file in nanoseconds."""
    return (
        stat.st_dev,
        stat.st_ino,
        stat.st_size,
        stat.st_mtime_ns,
        stat.st_ctime_ns,
    )


def find_flaw(source: bytes, path: str) -> Optional[SyntaxError]:
    """Return what CPython raises for a script that it cannot read, or None."""
    has_bom = source.startswith(codecs.BOM_UTF8)
    text = source[3:] if has_bom else source
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    cookie = _find_cookie(text)
    if cookie is None or cookie == "utf-8":
        flaw = _find_bad_utf8(text, path)
    elif has_bom:
        flaw = _error(f"encoding problem: {cookie} with BOM", path, 1)
    else:
        flaw = _find_bad_text(text, cookie, path)
    return flaw or _find_null(text, path)


def first_line(source: bytes) -> bytes:
    """Return the first line without a BOM and its line end."""
    head = source[:1024]
    if head.startswith(codecs.BOM_UTF8):
        head = head[3:]
    return (head.splitlines() or [b""])[0]


def _find_cookie(text: bytes) -> Optional[str]:
    found = _COOKIE.match(text)
    first = _NO_CODE.match(text)
    if found is None and first is not None:
        found = _COOKIE.match(text, first.end())
    return None if found is None else _normal_name(found.group(1).decode("ascii"))


def _normal_name(name: str) -> str:
    """Do what CPython's get_normal_name() does."""
    short = name[:12].lower().replace("_", "-")
    if short == "utf-8" or short.startswith("utf-8-"):
        return "utf-8"
    for latin in ("latin-1", "iso-8859-1", "iso-latin-1"):
        if short == latin or short.startswith(latin + "-"):
            return "iso-8859-1"
    return name


def _find_bad_utf8(text: bytes, path: str) -> Optional[SyntaxError]:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as exc:
        line = text.count(b"\n", 0, exc.start) + 1
        return _error(
            f"Non-UTF-8 code starting with '\\x{text[exc.start]:02x}' in file {path}"
            f" on line {line}, but no encoding declared; see {_PEP_263} for details",
            path,
            line,
        )
    return None


def _find_bad_text(text: bytes, cookie: str, path: str) -> Optional[SyntaxError]:
    try:
        # As the reader of files asks for it: "rot13" is no encoding of text.
        if not codecs.lookup(cookie)._is_text_encoding:
            raise LookupError(cookie)
        # A cookie must be readable as what it names, which UTF-16 is not.
        readable = _find_cookie(text.decode(cookie).encode("utf-8")) == cookie
    except (LookupError, UnicodeError):
        readable = False
    line = text.count(b"\n", 0, text.find(cookie.encode())) + 1
    return None if readable else _error(f"encoding problem: {cookie}", path, line)


def _find_null(text: bytes, path: str) -> Optional[SyntaxError]:
    position = text.find(b"\0")
    if position < 0:
        return None
    line = text.count(b"\n", 0, position) + 1
    shown = text[text.rfind(b"\n", 0, position) + 1 : position]
    details = (path, line, 0, shown.decode("utf-8", "replace"))
    return SyntaxError("source code cannot contain null bytes", details)


def _error(message: str, path: str, line: int) -> SyntaxError:
    """Return an error about a whole file; since Python 3.9 it tells no place."""
    if sys.version_info >= (3, 9):
        return SyntaxError(message)
    return SyntaxError(message, (path, line, 0, None))
