"""The socket below a transport: its two ends, what is still unsent, and its reset."""

import asyncio
import fcntl
import ipaddress
import socket
import ssl
import struct
import sys
import termios

from httpout_cgi.messages import Endpoints

# What a client must send, or take, in bytes per second, once its time is over
# (Apache's MinRate): one byte now and then must not hold a connection for ever.
MINIMUM_RATE = 500

# More than any connection transports.
_VERY_HIGH = 1 << 62


def read_endpoints(transport: asyncio.BaseTransport) -> Endpoints:
    """Return the two ends of a connection.

    Raises OSError if the client has reset it already.  It must not be served then:
    without an address it would pass for the peer of a Unix socket, which may be a
    trusted proxy.
    """
    sock = transport.get_extra_info("socket")
    if sock.family == socket.AF_UNIX:
        return Endpoints("http", "", 0, "", 0)
    peer, local = sock.getpeername(), sock.getsockname()
    ends = _plain(peer[0]), peer[1], _plain(local[0]), local[1]
    encryption = transport.get_extra_info("ssl_object")
    if encryption is None:
        return Endpoints("http", *ends)
    return Endpoints("https", *ends, tls=_describe(encryption))


def _describe(encryption: ssl.SSLObject) -> dict[str, str]:
    """Return what mod_ssl tells scripts, under the same names."""
    cipher, _, bits = encryption.cipher() or ("", "", 0)
    return {
        "SSL_PROTOCOL": encryption.version() or "",
        "SSL_CIPHER": cipher,
        "SSL_CIPHER_USEKEYSIZE": str(bits),
        "SSL_CIPHER_ALGKEYSIZE": str(bits),
        "SSL_SESSION_RESUMED": "Resumed" if encryption.session_reused else "Initial",
        # Nobody is asked for a certificate.
        "SSL_CLIENT_VERIFY": "NONE",
    }


def count_unsent(transport: asyncio.WriteTransport) -> int:
    """Count the bytes that the client has not taken yet.

    Those in the system's buffer count (SIOCOUTQ, tcp(7) and unix(7)): it may hold
    megabytes, so that ours alone would not show a slow reader's progress.

    TLS has one more buffer, which nobody can look into, and which fills the system's
    again at once.  What the client has acknowledged shows that it goes on: then, the
    number is 0 in the end, and falls until then, but counts from very high.
    """
    unsent = transport.get_write_buffer_size() + _count_in_system(transport)
    if unsent and transport.get_extra_info("sslcontext") is not None:
        return _VERY_HIGH - _count_acknowledged(transport)
    return unsent


def reset(transport: asyncio.WriteTransport) -> None:
    """Close at once, so that the client sees that it was cut off.

    Without SO_LINGER the system would go on sending what it holds, for minutes to a
    client that reads nothing, and the end would look like a regular one.
    """
    sock = transport.get_extra_info("socket")
    # It is there until the transport has told that it was lost; that of TLS goes first.
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _count_in_system(transport: asyncio.WriteTransport) -> int:
    sock = transport.get_extra_info("socket")
    if sock is None:  # see reset
        return 0
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4))
    except (OSError, ValueError):  # not known on this system, or closed
        return 0
    return int(struct.unpack("i", answer)[0])


def _count_acknowledged(transport: asyncio.WriteTransport) -> int:
    """Return tcpi_bytes_acked of struct tcp_info (<linux/tcp.h>, since 4.1)."""
    sock = transport.get_extra_info("socket")
    if sock is None or sys.platform != "linux":  # see reset
        return 0
    answer = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 128)
    return int(struct.unpack_from("=Q", answer, 120)[0])


def _plain(address: str) -> str:
    """Return the IPv4 address in ``::ffff:192.0.2.1``, and no zone (``%eth0``)."""
    address = address.partition("%")[0]
    if address.startswith("::ffff:"):
        mapped = ipaddress.IPv6Address(address).ipv4_mapped
        return str(mapped) if mapped is not None else address
    return address
