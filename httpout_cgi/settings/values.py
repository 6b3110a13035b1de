"""Values: how sizes, times, URLs, paths and names are written.

Each parser takes what stands in a file, or its own result, and raises ValueError with
"what is wrong; what is right".  Must not know the keys or the files.
"""

import math
import os
import re
from pathlib import Path

from httpout_cgi.strict_yaml import Text

_SIZE_UNITS = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TIME_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# The sender's own (messages.Response): a second one would be a second framing.
_SENDER_FIELDS = frozenset(
    ("connection", "content-length", "date", "server", "transfer-encoding")
)


def quote(value: object) -> str:
    """Show a value in a message, on one line and not too long."""
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("unicode_escape").decode() if _CONTROL.search(text) else text
    return f'"{text[:77]}..."' if len(text) > 80 else f'"{text}"'


def parse_size(value: object) -> int:
    """Return bytes for ``64MiB`` or a plain number."""
    size = _parse_quantity(value, _SIZE_UNITS, "KiB, MiB or GiB", "64MiB")
    if size != int(size):
        raise ValueError(f"{quote(value)} is not a whole number of bytes")
    return int(size)


def parse_time(value: object) -> float:
    """Return seconds for ``500ms``, ``30s``, ``5m``, ``1h`` or a plain number."""
    return float(_parse_quantity(value, _TIME_UNITS, "ms, s, m or h", "30s"))


def parse_workers(value: object) -> int | str:
    """Return a number of processes, or ``auto``."""
    if value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1025:
        raise ValueError('must be a number from 1 to 1024, or "auto"')
    return value


def parse_url(value: object) -> str:
    """Return a URL path: absolute, decoded, without dot segments."""
    text = parse_text(value)
    if not text.startswith("/"):
        raise ValueError(f'{quote(text)} must begin with "/"')
    if re.search(r"[%?#]", text) or _CONTROL.search(text):
        raise ValueError(f'{quote(text)} must be a plain path, without "%", "?" or "#"')
    # Requests are matched after dot segments and empty ones are gone (RFC 3875
    # section 9.8), so these would never match.
    if re.search(r"//|/\.{1,2}(?:/|$)", text):
        raise ValueError(f'{quote(text)} must not contain "//", "/./" or "/../"')
    return text


def parse_user_url(value: object) -> str:
    """Return the URL path of an account: ``$user`` is its last part."""
    text = parse_url(value)
    prefix, mark, end = text.partition("$user")
    # Everything below the prefix is an account, or 404: it cannot be "/" itself.
    if prefix == "/" or not mark or end != "/":
        raise ValueError(
            f'{quote(text)} must have "$user/" at its end and something before it, '
            'such as "/~$user/"'
        )
    return text


def parse_relative_url(value: object) -> str:
    """Return a URL path of a folder below that of an account."""
    text = parse_text(value)
    if text.startswith("/"):
        raise ValueError(f'{quote(text)} is below the URL of the account; remove "/"')
    return parse_folder_url(f"/{text}")[1:]


def parse_folder_url(value: object) -> str:
    """Return a URL path that stands for a folder: it ends with a slash."""
    text = parse_url(value)
    if not text.endswith("/"):
        raise ValueError(f'{quote(text)} is a folder; write "{text}/"')
    return text


def parse_path(value: object) -> Path:
    """Return an absolute path; relative ones begin in the folder of their file."""
    if isinstance(value, Path):
        return Path(os.path.abspath(value))
    text = parse_text(value)
    if "\0" in text:
        raise ValueError("a path cannot hold a NUL character")
    folder = value.file.parent if isinstance(value, Text) else Path()
    # Lexical, as in Apache: DOCUMENT_ROOT keeps the symbolic links that were written.
    return Path(os.path.abspath(folder / text))


def parse_log_path(value: object) -> Path | None:
    """Return the path of a log; None for ``-``, the standard stream."""
    if value is None:
        raise ValueError('is empty; write "-" or the path of a file')
    return None if value == "-" else parse_path(value)


def parse_template(value: object) -> str:
    """Return a path of a user account: absolute, or below ``$home``."""
    text = parse_text(value)
    if not f"{text}/".startswith(("/", "$home/")):
        raise ValueError(f'{quote(text)} must begin with "$home" or "/"')
    if "$home" not in text and "$user" not in text:
        raise ValueError(f'{quote(text)} is the same for all; write "$home" or "$user"')
    if re.search(r"/\.{1,2}(?:/|$)", text) or "\0" in text:
        raise ValueError(f'{quote(text)} must be a plain path, without "." and ".."')
    return text


def parse_python(value: object) -> str:
    """Return the path of an interpreter; with ``$home`` or ``$user`` each account's."""
    if isinstance(value, str) and "$" in value:
        return parse_template(value)
    return str(parse_path(value))


def parse_pattern(value: object) -> str:
    """Return a file name, or a pattern of one."""
    text = parse_text(value)
    if "/" in text or "\0" in text:
        raise ValueError(f'{quote(text)} is a path; write a file name without "/"')
    return text


def parse_cache_pattern(value: object) -> str:
    """Return a pattern of file names, or with a slash in front, of URL paths."""
    text = parse_text(value)
    if "/" in text and not text.startswith("/"):
        raise ValueError(
            f'{quote(text)} must be a file name, or a path that begins with "/"'
        )
    return text


def parse_suffix(value: object) -> str:
    """Return the end of a file name, with its dot."""
    text = parse_pattern(value)
    if not text.startswith("."):
        raise ValueError(f'{quote(text)} is no suffix; write ".{text}"')
    return text


def parse_field_name(value: object) -> str:
    """Return the name of a response field (RFC 9110 section 5.1)."""
    text = parse_text(value)
    if not _TOKEN.fullmatch(text):
        raise ValueError(f"{quote(text)} is not a field name; use letters and hyphens")
    if text.lower() in _SENDER_FIELDS:
        raise ValueError(f"{quote(text)} is set by the server; remove it")
    return text


def parse_field_value(value: object) -> str:
    """Return the value of a response field, safe from response splitting."""
    text = parse_variable(value)
    if _CONTROL.search(text) or not text.isascii():
        raise ValueError(f"{quote(text)} must be one line of ASCII characters")
    return text.strip()


def parse_variable_name(value: object) -> str:
    """Return the name of a meta-variable."""
    text = parse_text(value)
    if "=" in text or "\0" in text:
        raise ValueError(f'{quote(text)} is not a variable name; it must not hold "="')
    return text


def parse_variable(value: object) -> str:
    """Return the value of a meta-variable; numbers, true and false as written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if not isinstance(value, str):
        raise ValueError('must be text; write "" for an empty value')
    if "\0" in value:
        raise ValueError("a value cannot hold a NUL character")
    return str(value)


def parse_text(value: object) -> str:
    """Return text that is not empty."""
    if not isinstance(value, str):
        raise ValueError("must be text; quote it")
    if not value:
        raise ValueError("is empty; write a value, or remove it")
    return str(value)


def _parse_quantity(
    value: object, units: dict[str, int] | dict[str, float], names: str, example: str
) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value) and value >= 0:
            return value
        raise ValueError(f'{value} is out of range; write "{example}"')
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'must be a number and a unit ({names}), such as "{example}"')
    number, unit = found.groups()
    if unit not in units:
        raise ValueError(f'unit "{unit}" is not known; write {names}: "{example}"')
    return float(number) * units[unit]
