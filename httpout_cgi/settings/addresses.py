"""Addresses: where to listen, which hosts a site has, and which peers are trusted.

Parsers are as those of values.py.  Must not know the keys or the files.
"""

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from httpout_cgi.settings.values import parse_path, parse_text, quote
from httpout_cgi.strict_yaml import Text

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# Before the address of a listener: it takes TLS.
_SECURE = "https://"


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


def parse_listener(value: object) -> Listener:
    """Return the listener for ``host:port``, ``[::]:port`` or ``unix:/path``.

    With ``https://`` before the host it is one for TLS.
    """
    if isinstance(value, Listener):
        return value
    text = parse_text(value)
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


def parse_host(value: object) -> str:
    """Return a site's host in lower case and as a script sees it (IDNA: ``xn--…``)."""
    text = parse_text(value).lower()
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
    text = parse_text(value)
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
