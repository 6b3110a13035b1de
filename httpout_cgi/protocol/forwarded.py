"""Who is really there: X-Forwarded-* and Forwarded of proxies that are trusted to tell.

Anybody can send these fields.  They count only if the peer is a trusted proxy, and of
lists only what trusted proxies wrote, which is their right end.  Forwarded (RFC 7239)
counts where there is no X-Forwarded-*: proxies that write these pass the other one on
as the client made it up.  Where both are there and differ, the client is not known.

Pure: takes values, returns values; must not know sockets or the settings file.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from httpout_cgi.messages import Endpoints, PeerKind, Request
from httpout_cgi.protocol.addresses import Address, AddressSet, parse_address
from httpout_cgi.protocol.forwarded_field import find_address, parse_forwarded

_FieldValues: TypeAlias = Mapping[str, Sequence[str]]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_X_FIELDS = tuple(f"x-forwarded-{name}" for name in ("for", "proto", "host", "port"))


class _Told(NamedTuple):
    """What trusted proxies say; an empty one says nothing.

    ``is_known`` is false if they had a client whose address they did not tell.
    """

    client: str = ""
    is_known: bool = True
    scheme: str = ""
    host: str = ""
    port: str = ""


def resolve_request(request: Request, trusted: AddressSet) -> Request:
    """Return the request as the client sent it to the first trusted proxy.

    Its endpoints are the client's; its Host is the forwarded one, so that a script
    that builds URLs of its own gets those that the client can reach.
    """
    if not trusted and request.endpoints.peer_address:
        return request
    endpoints = resolve_endpoints(request.endpoints, request.fields, trusted)
    host = forwarded_host(request.endpoints, request.fields, trusted)
    if host is not None:
        fields = {**request.fields, "host": (host,)}
        return request._replace(endpoints=endpoints, fields=fields)
    if endpoints is request.endpoints:
        return request
    return request._replace(endpoints=endpoints)


def resolve_endpoints(
    endpoints: Endpoints, fields: _FieldValues, trusted: AddressSet
) -> Endpoints:
    """Return the endpoints as the client sees them; the same ones if nobody is trusted.

    A client that is unknown behind a Unix socket is 127.0.0.1: only this machine can
    connect to it.
    """
    if endpoints.peer_address and not trusted:
        return endpoints
    if not trusted.has_peer(endpoints.peer_address):
        return _name_local_peer(endpoints)
    told = _read(fields, trusted)
    scheme = told.scheme if told.scheme in _DEFAULT_PORTS else endpoints.scheme
    resolved = replace(endpoints, scheme=scheme, local_port=_find_port(endpoints, told))
    if told.client and told.client != endpoints.peer_address:
        # The port that the client used is not told.
        resolved = replace(resolved, peer_address=told.client, peer_port=0)
    if told.client or told.scheme:
        # Encryption between the proxy and us is not the client's.
        resolved = replace(resolved, tls={})
    if not told.is_known:
        # It shows a proxy's address, but must not have a proxy's rights.
        resolved = replace(resolved, peer="hidden")
    return _name_local_peer(resolved)


def forwarded_host(
    endpoints: Endpoints, fields: _FieldValues, trusted: AddressSet
) -> str | None:
    """Return the Host field that the client sent, if a trusted proxy tells.

    It is as unchecked as any Host field.
    """
    if not trusted or not trusted.has_peer(endpoints.peer_address):
        return None
    return _read(fields, trusted).host or None


def _name_local_peer(endpoints: Endpoints) -> Endpoints:
    if endpoints.peer_address:
        return endpoints
    kind: PeerKind = "unix" if endpoints.peer == "address" else endpoints.peer
    return replace(endpoints, peer_address="127.0.0.1", peer=kind)


def _read(fields: _FieldValues, trusted: AddressSet) -> _Told:
    is_x = any(name in fields for name in _X_FIELDS)
    told = _read_x_forwarded(fields, trusted) if is_x else _Told()
    if "forwarded" not in fields:
        return told
    other = _read_forwarded(fields["forwarded"], trusted)
    if not is_x:
        return other
    # One of them may be the client's invention, if its proxy writes but the other: who
    # says "X-Forwarded-For: 10.0.0.1" must not come in by that (CWE-290).
    is_told = told.is_known and other.is_known and told.client == other.client
    return told._replace(is_known=is_told)


def _read_x_forwarded(fields: _FieldValues, trusted: AddressSet) -> _Told:
    client, is_known = "", True
    if "x-forwarded-for" in fields:
        entries = reversed(_list(fields, "x-forwarded-for"))
        hops = _walk(map(_parse_node, entries), trusted)
        client, is_known = _name_client(hops)
    scheme = _last(fields, "x-forwarded-proto").lower()
    host, port = _last(fields, "x-forwarded-host"), _last(fields, "x-forwarded-port")
    return _Told(client, is_known, scheme, host, port)


def _read_forwarded(values: Sequence[str], trusted: AddressSet) -> _Told:
    hops = parse_forwarded(values)
    if not hops:
        return _Told(is_known=False)
    walked = _walk(map(find_address, reversed(hops)), trusted)
    client, is_known = _name_client(walked)
    # What the first trusted proxy says: it alone has seen what the client sent.
    first = hops[-len(walked)]
    return _Told(
        client, is_known, first.get("proto", "").lower(), first.get("host", "")
    )


def _walk(
    nearest_first: Iterable[Address | None], trusted: AddressSet
) -> list[Address | None]:
    """Return the hops up to the first one that is not trusted.

    One that is no address stops the walk: what is left of it may be anybody's
    invention.
    """
    walked = []
    for address in nearest_first:
        walked.append(address)
        if address is None or not trusted.has_address(address):
            break
    return walked


def _name_client(walked: Sequence[Address | None]) -> tuple[str, bool]:
    """Return the address that is farthest away, and whether it is the client's."""
    known = [str(address) for address in walked if address is not None]
    return known[-1] if known else "", walked[-1] is not None


def _find_port(endpoints: Endpoints, told: _Told) -> int:
    """Return the port that was told, else that of the host, else that of the scheme."""
    host_port = told.host.rpartition("]")[2].partition(":")[2]
    for text in (told.port, host_port):
        if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535:
            return int(text)
    return _DEFAULT_PORTS.get(told.scheme, endpoints.local_port)


def _list(fields: _FieldValues, name: str) -> list[str]:
    return ",".join(fields.get(name, ())).split(",")


def _last(fields: _FieldValues, name: str) -> str:
    """Return the last element: the others may have come from the client."""
    return _list(fields, name)[-1].strip(" \t")


def _parse_node(text: str) -> Address | None:
    """Parse an address, with or without brackets and port."""
    text = text.strip(' \t"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    return parse_address(text)
