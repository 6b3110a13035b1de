"""Who is really there: X-Forwarded-* of proxies that are trusted to tell.

Anybody can send these fields.  They count only if the peer is a trusted proxy, and of
X-Forwarded-For only what trusted proxies wrote, which is its right end.

Pure: takes values, returns values; must not know sockets or the settings file.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from httpout_cgi.messages import Endpoints, Request
from httpout_cgi.protocol.addresses import Address, AddressSet, parse_address

_FieldValues: TypeAlias = Mapping[str, Sequence[str]]

_DEFAULT_PORTS = {"http": 80, "https": 443}


def resolve_request(request: Request, trusted: AddressSet) -> Request:
    """Return the request as the client sent it to the first trusted proxy.

    Its endpoints are the client's; its Host is the forwarded one, so that a script
    that builds URLs of its own gets those that the client can reach.
    """
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
    scheme = _last(fields, "x-forwarded-proto").lower()
    scheme = scheme if scheme in _DEFAULT_PORTS else endpoints.scheme
    client = _find_client(fields, trusted)
    # Encryption between the proxy and us is not the client's.
    resolved = replace(
        endpoints, scheme=scheme, local_port=_find_port(endpoints, fields), tls={}
    )
    if client is not None and client != endpoints.peer_address:
        # The port that the client used is not told.
        resolved = replace(resolved, peer_address=client, peer_port=0)
    return _name_local_peer(resolved)


def forwarded_host(
    endpoints: Endpoints, fields: _FieldValues, trusted: AddressSet
) -> str | None:
    """Return the Host field that the client sent, if a trusted proxy tells.

    It is as unchecked as any Host field.
    """
    if not trusted or not trusted.has_peer(endpoints.peer_address):
        return None
    return _last(fields, "x-forwarded-host") or None


def _name_local_peer(endpoints: Endpoints) -> Endpoints:
    if endpoints.peer_address:
        return endpoints
    return replace(endpoints, peer_address="127.0.0.1", is_peer_known=False)


def _find_client(fields: _FieldValues, trusted: AddressSet) -> str | None:
    """Walk X-Forwarded-For from its right end to the first hop that is not trusted.

    An entry that is no address stops the walk: what is left of it may be anybody's
    invention.
    """
    client: Address | None = None
    for entry in reversed(_list(fields, "x-forwarded-for")):
        address = _parse_node(entry)
        if address is None:
            break
        client = address
        if not trusted.has_address(address):
            break
    return None if client is None else str(client)


def _find_port(endpoints: Endpoints, fields: _FieldValues) -> int:
    """Return X-Forwarded-Port, else the port of -Host, else the default of -Proto."""
    scheme = _last(fields, "x-forwarded-proto").lower()
    host = _last(fields, "x-forwarded-host")
    host_port = host.rpartition("]")[2].partition(":")[2]
    for text in (_last(fields, "x-forwarded-port"), host_port):
        if text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535:
            return int(text)
    return _DEFAULT_PORTS.get(scheme, endpoints.local_port)


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
