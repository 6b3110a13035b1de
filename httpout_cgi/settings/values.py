"""Values: how sizes, times, addresses, hosts, URLs and paths are written.

Each parser takes what stands in a file, or its own result, and raises ValueError with
"what is wrong; what is right".  Must not know the keys or the files.
"""

import ipaddress
import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

from httpout_cgi.strict_yaml import Text

_SIZE_UNITS = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TIME_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_QUANTITY = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]*)")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
# Before the address of a listener: it takes TLS.
_SECURE = "https://"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# The sender's own (messages.Response): a second one would be a second framing.
_SENDER_FIELDS = frozenset(
    ("connection", "content-length", "date", "server", "transfer-encoding")
)


@dataclass(frozen=True, slots=True)
class Listener:
    """Where to listen: ``host`` and ``port``, or the ``path`` of a Unix socket.

    IPv6 hosts have no brackets.  Port 0 lets the system choose.  ``secure`` is TLS.
    """

    host: str = ""
    port: int = 0
    path: Path | None = None
    secure: bool = False

    @property
    def address(self) -> str:
        """The address as settings spell it: ``[::]:80``, ``unix:/run/x.sock``."""
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_SECURE if self.secure else ''}{host}:{self.port}"

    @property
    def url(self) -> str:
        """A URL that a terminal can open; every address is shown as loopback."""
        if self.path is not None:
            return f"unix:{self.path}"
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        if ":" in shown:
            shown = f"[{shown.replace('%', '%25')}]"  # zone: RFC 6874
        return f"{_SECURE if self.secure else 'http://'}{shown}:{self.port}/"

    @property
    def is_loopback(self) -> bool:
        """Tell whether only this machine can connect (a Unix socket, 127.0.0.1)."""
        if self.path is not None or self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False  # a host name: whoever it belongs to


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


def parse_listener(value: object) -> Listener:
    """Return the listener for ``host:port``, ``[::]:port`` or ``unix:/path``.

    With ``https://`` before the host it is one for TLS.
    """
    if isinstance(value, Listener):
        return value
    text = _text(value)
    if text.startswith("unix:"):
        file = value.file if isinstance(value, Text) else Path()
        return Listener(path=parse_path(Text(text.removeprefix("unix:"), file)))
    host, colon, port = text.removeprefix(_SECURE).rpartition(":")
    if not (host and colon and re.fullmatch("[0-9]{1,5}", port) and int(port) < 65536):
        raise ValueError(
            f'{quote(text)} is not an address; write "127.0.0.1:8000", "[::]:8000", '
            '"https://0.0.0.0:443" or "unix:/path.sock"'
        )
    secure = text.startswith(_SECURE)
    return Listener(_parse_listen_host(host), int(port), secure=secure)


def parse_workers(value: object) -> int | str:
    """Return a number of processes, or ``auto``."""
    if value == "auto":
        return "auto"
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1025:
        raise ValueError('must be a number from 1 to 1024, or "auto"')
    return value


def parse_host(value: object) -> str:
    """Return a site's host in lower case and as a script sees it (IDNA: ``xn--…``)."""
    text = _text(value).lower()
    if text == "*" or _is_ip_literal(text):
        return text
    prefix = next((p for p in ("*.", "$user.") if text.startswith(p)), "")
    try:
        name = text.removeprefix(prefix).encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(
            f'{quote(value)} is not a host; write "example.org" (no scheme, no port), '
            '"*.example.org" or "*"'
        )
    return prefix + name


def parse_peer(value: object) -> str:
    """Return a peer that is trusted: an address, a network, or ``unix``."""
    text = _text(value)
    if text == "unix":
        return "unix"
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(
            f"{quote(text)} is not a peer; write an address, a network such as "
            '"10.0.0.0/8", or "unix"'
        ) from None
    if meant.version == 6 and meant.prefixlen >= 96:
        four = meant.network_address.ipv4_mapped
        if four is not None:
            # Such a peer counts as IPv4: a rule for it would never be met.
            meant = ipaddress.ip_network(f"{four}/{meant.prefixlen - 96}")
            raise ValueError(f'{quote(text)} is IPv4; write "{meant}"')
    # Without "/", it is an address.
    if "/" in text and ipaddress.ip_interface(text).ip != meant.network_address:
        raise ValueError(f'{quote(text)} is no network; did you mean "{meant}"?')
    return str(meant)


def parse_url(value: object) -> str:
    """Return a URL path: absolute, decoded, without dot segments."""
    text = _text(value)
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
    text = _text(value)
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
    text = _text(value)
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
    text = _text(value)
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
    text = _text(value)
    if "/" in text or "\0" in text:
        raise ValueError(f'{quote(text)} is a path; write a file name without "/"')
    return text


def parse_cache_pattern(value: object) -> str:
    """Return a pattern of file names, or with a slash in front, of URL paths."""
    text = _text(value)
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
    text = _text(value)
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
    text = _text(value)
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


def _text(value: object) -> str:
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


def _parse_listen_host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(ipaddress.IPv6Address(host[1:-1]))
        except ValueError:
            raise ValueError(f"{quote(host)} is not an IPv6 address") from None
    if ":" in host:
        raise ValueError(f'{quote(host)}: write IPv6 addresses in brackets, "[::1]"')
    if host.startswith(("*", "$")):
        raise ValueError(f'{quote(host)} is no address; write "0.0.0.0" for all')
    return parse_host(host)


def _is_ip_literal(text: str) -> bool:
    """Tell whether the text is an address as a Host field writes it."""
    try:
        if text.startswith("[") and text.endswith("]"):
            return text == f"[{ipaddress.IPv6Address(text[1:-1])}]"
        return text == str(ipaddress.IPv4Address(text))
    except ValueError:
        return False
