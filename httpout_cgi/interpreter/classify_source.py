"""One source file, read: its facts, or why there are none."""

from __future__ import annotations

import ast
import os
import warnings
from typing import NamedTuple, Optional

from httpout_cgi.interpreter import shebang, source
from httpout_cgi.interpreter.classify_facts import Facts
from httpout_cgi.interpreter.classify_reader import gather
from httpout_cgi.interpreter.source import Signature, sign

# What is longer is no script that somebody wrote.
LONGEST = 4 << 20

_ZIP = b"PK\x03\x04"
_ZIP_END = b"PK\x05\x06"
_SHEBANG = b"#!"


class Source(NamedTuple):
    """``error`` tells why there are no facts."""

    head: bytes
    facts: Optional[Facts]
    error: str = ""
    line: int = 0
    is_zip: bool = False


def read_source(text: bytes, path: str, package: str, is_main: bool) -> Source:
    head = source.first_line(text)
    body = text.partition(b"\n")[2] if text.startswith(_SHEBANG) else text
    if body.startswith(_ZIP) or _ZIP_END in text[-1024:]:
        return Source(head, None, is_zip=True)
    if len(text) > LONGEST:
        return Source(head, None)
    if is_main and not path.endswith(".py") and not names_python(head):
        return Source(head, None)
    try:
        flaw = source.find_flaw(text, path) if is_main else None
        if flaw is not None:
            raise flaw
        with warnings.catch_warnings():
            # Whoever compiles it, warns.
            warnings.simplefilter("ignore")
            tree = ast.parse(text, path)
        facts = gather(tree, path, package, is_main=is_main)
    except (SyntaxError, ValueError) as exc:
        kind = type(exc).__name__
        return Source(head, None, f"{kind}: {exc}", getattr(exc, "lineno", 0) or 0)
    except (MemoryError, RecursionError):
        return Source(head, None, "too deeply nested to be looked at")
    return Source(head, facts)


def names_python(head: bytes) -> bool:
    """Tell whether a first line names a Python 3."""
    name = shebang.find_program(head).rpartition("/")[2]
    return name == "python" or name.startswith("python3")


def sign_file(path: str) -> Optional[Signature]:
    try:
        return sign(os.stat(path))
    except OSError:
        return None
