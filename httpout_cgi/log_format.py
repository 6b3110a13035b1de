"""Formats of the access log: Apache's %-codes, and JSON.

A format is compiled once, to a template and the functions that fill it.  What a client
or a script sent is escaped, so that it can forge no line.  Credentials never appear.
"""

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from httpout_cgi.errors import ConfigError
from httpout_cgi.messages import Fields, Request

_COMMON: Final = '%h %l %u %t "%r" %>s %b'
FORMATS: Final[Mapping[str, str]] = {
    "common": _COMMON,
    "combined": _COMMON + ' "%{Referer}i" "%{User-Agent}i"',
}

# Whoever can read a log shall not be able to act for somebody else.
_SECRET: Final = frozenset(
    ["authorization", "cookie", "proxy-authorization", "set-cookie", "set-cookie2"]
)


class Entry(NamedTuple):
    """What is known of a request when its response has been sent.

    ``client`` is the client's address, behind trusted proxies, too.  ``request`` is
    None if the request could not be read; ``request_line`` is what came, or empty.
    ``sent`` counts the content's bytes, ``head_sent`` those in front of it.
    ``seconds`` go from the first byte of the request to the last of the response.
    """

    client: str
    request: Request | None
    request_line: str
    status: int
    sent: int
    seconds: float
    fields: Fields = ()
    user: str | None = None
    run_id: str | None = None
    head_sent: int = 0


Formatter: TypeAlias = Callable[[Entry], str]


def compile_format(format_: str) -> Formatter:
    """Return the function that makes a line, with its end, of an entry.

    ``format_`` is ``combined``, ``common``, ``json`` or a string with Apache's
    %-codes (mod_log_config).  Raises ConfigError naming the code that is unknown.
    """
    if format_ == "json":
        return _format_json
    pattern = FORMATS.get(format_, format_)
    if "%" not in pattern:
        names = ", ".join([*sorted(FORMATS), "json"])
        raise ConfigError(
            [f"log.access.format: {format_!r} is none of {names} and has no %-code"]
        )
    template, values = "", []
    position = 0
    for match in _CODE.finditer(pattern):
        template += _literal(pattern[position : match.start()])
        position = match.end()
        constant = _CONSTANT.get(match[0])
        if constant is None:
            values.append(_compile_code(match[0], match["argument"], match["code"]))
        template += constant or "%s"
    line = template + _literal(pattern[position:]) + "\n"
    functions = tuple(values)
    return lambda entry: line % tuple([value(entry) for value in functions])


# "%>s" is the status of the last response after local redirects; we log no other.
_CODE: Final = re.compile(r"%%|%[<>]?(?:\{(?P<argument>[^}]*)\})?(?P<code>.|$)", re.S)


# In a template, "%%" stands for "%".
_CONSTANT: Final = {"%%": "%%", "%l": "-"}


def _literal(text: str) -> str:
    """Return literal text of a format, with Apache's \\t and \\n for it."""
    text = text.replace("\\t", "\t").replace("\\n", "\n").replace('\\"', '"')
    return text.replace("%", "%%")


def escape(text: str) -> str:
    """Return the text as Apache logs it: ``\\"``, ``\\\\``, ``\\xhh`` for the rest."""
    # Four quick scans take less time than one by the regular expression.
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return _UNSAFE.sub(_escape_one, text)


_UNSAFE: Final = re.compile(r"[^ !#-\[\]-~]")
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", '"': '\\"', "\\": "\\\\"}


def _escape_one(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if code > 0xFF:
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return _SHORT.get(character) or f"\\x{code:02x}"


def _compile_code(written: str, argument: str | None, code: str) -> Formatter:
    """Return the function for one %-code."""
    if argument is None and code in _PLAIN:
        return _PLAIN[code]
    if argument is not None and code in _WITH_ARGUMENT:
        made = _WITH_ARGUMENT[code](argument)
        if made is not None:
            return made
    hint = " (cookies are never logged)" if code == "C" else ""
    raise ConfigError([f"log.access.format: unknown code {written!r}{hint}"])


def _client(entry: Entry) -> str:
    return entry.client or "-"


def _user(entry: Entry) -> str:
    return escape(entry.user) if entry.user else "-"


def _request_line(entry: Entry) -> str:
    return escape(entry.request_line) or "-"


def _method(entry: Entry) -> str:
    return escape(entry.request.method) if entry.request else "-"


def _path(entry: Entry) -> str:
    return escape(entry.request.target.partition("?")[0]) if entry.request else "-"


def _query(entry: Entry) -> str:
    if entry.request is None:
        return ""
    _, mark, query = entry.request.target.partition("?")
    return mark + escape(query)


def _version(entry: Entry) -> str:
    return escape(entry.request.version) if entry.request else "-"


def _host(entry: Entry) -> str:
    host = entry.request.get("host") if entry.request else None
    return escape(host) if host else "-"


def _local_address(entry: Entry) -> str:
    return (entry.request and entry.request.endpoints.local_address) or "-"


def _local_port(entry: Entry) -> str:
    return str(entry.request.endpoints.local_port) if entry.request else "-"


def _peer_address(entry: Entry) -> str:
    return (entry.request and entry.request.endpoints.peer_address) or "-"


def _peer_port(entry: Entry) -> str:
    return str(entry.request.endpoints.peer_port) if entry.request else "-"


def _begin_ns(entry: Entry) -> int:
    """Return when the request came, which is what Apache's %t means."""
    return time.time_ns() - round(entry.seconds * 1e9)


# Requests that end now did not all begin now.
@lru_cache(maxsize=16)
def _timestamp(second: int) -> str:
    # English whatever the locale, as every log analyzer expects.
    moment = time.localtime(second)
    month = "JanFebMarAprMayJunJulAugSepOctNovDec"[moment.tm_mon * 3 - 3 :][:3]
    return time.strftime(f"[%d/{month}/%Y:%H:%M:%S %z]", moment)


_PLAIN: Final[Mapping[str, Formatter]] = {
    "a": _client,
    "A": _local_address,
    "b": lambda entry: str(entry.sent or "-"),
    "B": lambda entry: str(entry.sent),
    "D": lambda entry: str(round(entry.seconds * 1e6)),
    "h": _client,
    "H": _version,
    "L": lambda entry: entry.run_id or "-",
    "m": _method,
    "O": lambda entry: str(entry.sent + entry.head_sent),
    "p": _local_port,
    "P": lambda entry: str(os.getpid()),
    "q": _query,
    "r": _request_line,
    # Not str(): before Python 3.11, that of an HTTPStatus is its name.
    "s": lambda entry: f"{entry.status:d}",
    "t": lambda entry: _timestamp(int(time.time() - entry.seconds)),
    "T": lambda entry: str(int(entry.seconds)),
    "u": _user,
    "U": _path,
    "v": _host,
    "V": _host,
}


def _request_field(name: str) -> Formatter | None:
    name = name.lower()
    if name in _SECRET:
        return lambda entry: "-"

    def value(entry: Entry) -> str:
        values = entry.request.fields.get(name) if entry.request else None
        if not values:
            return "-"
        return escape(values[0] if len(values) == 1 else ", ".join(values))

    return value


def _response_field(name: str) -> Formatter | None:
    name = name.lower()
    if name in _SECRET:
        return lambda entry: "-"

    def value(entry: Entry) -> str:
        values = [value for key, value in entry.fields if key.lower() == name]
        return escape(", ".join(values)) if values else "-"

    return value


def _time(format_: str) -> Formatter | None:
    scale = {"sec": 1, "msec": 1_000, "usec": 1_000_000}.get(format_)
    if scale is not None:
        return lambda entry: str(_begin_ns(entry) * scale // 1_000_000_000)

    def value(entry: Entry) -> str:
        moment = time.localtime(_begin_ns(entry) // 1_000_000_000)
        return escape(time.strftime(format_, moment))

    return value


_WITH_ARGUMENT: Final[Mapping[str, Callable[[str], Formatter | None]]] = {
    "a": {"c": _peer_address}.get,
    "i": _request_field,
    "o": _response_field,
    "p": {
        "local": _local_port,
        "canonical": _local_port,
        "remote": _peer_port,
    }.get,
    "t": _time,
    "T": {
        "s": _PLAIN["T"],
        "ms": lambda entry: str(round(entry.seconds * 1e3)),
        "us": _PLAIN["D"],
    }.get,
}


def _format_json(entry: Entry) -> str:
    request = entry.request
    moment = _begin_ns(entry)
    values = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(moment // 10**9))
        + f".{moment // 10**6 % 1000:03d}"
        + time.strftime("%z", time.localtime(moment // 10**9)),
        "client": entry.client,
        "user": entry.user,
        "request": entry.request_line,
        "method": request.method if request else None,
        "target": request.target if request else None,
        "host": request.get("host") if request else None,
        "status": entry.status,
        "bytes": entry.sent,
        "seconds": round(entry.seconds, 6),
        "referer": request.get("referer") if request else None,
        "user_agent": request.get("user-agent") if request else None,
        "run_id": entry.run_id,
    }
    return json.dumps(values) + "\n"
