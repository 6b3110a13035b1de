from dataclasses import replace

import pytest

from httpout_cgi.messages import Endpoints, Request
from httpout_cgi.protocol.addresses import AddressSet
from httpout_cgi.protocol.forwarded import (
    forwarded_host,
    resolve_endpoints,
    resolve_request,
)

_PROXIES = AddressSet(["127.0.0.1", "10.0.0.0/8", "fd00::/8"])
_TCP = Endpoints("http", "127.0.0.1", 40000, "127.0.0.1", 8000)
_UNIX = Endpoints("http", "", 0, "", 0)


def _resolve(
    fields: dict[str, str], endpoints: Endpoints = _TCP, proxies: object = None
) -> Endpoints:
    trusted = proxies if isinstance(proxies, AddressSet) else _PROXIES
    return resolve_endpoints(endpoints, _lists(fields), trusted)


def _lists(fields: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in fields.items()}


@pytest.mark.parametrize(
    ("sent", "client"),
    [
        pytest.param("203.0.113.9", "203.0.113.9", id="one hop"),
        pytest.param(
            "1.1.1.1, 203.0.113.9", "203.0.113.9", id="the client's own entry"
        ),
        pytest.param("203.0.113.9,10.1.2.3", "203.0.113.9", id="behind another proxy"),
        pytest.param("10.9.9.9, 10.1.2.3", "10.9.9.9", id="all trusted: the first"),
        pytest.param("203.0.113.9:4711", "203.0.113.9", id="with a port"),
        pytest.param("2001:DB8::1", "2001:db8::1", id="IPv6"),
        pytest.param("[2001:db8::1]", "2001:db8::1", id="IPv6 in brackets"),
        pytest.param('"[2001:db8::1]:80"', "2001:db8::1", id="IPv6 with a port"),
        pytest.param("203.0.113.9, fd00::1", "203.0.113.9", id="IPv6 proxy"),
        pytest.param("::ffff:203.0.113.9", "203.0.113.9", id="IPv4 in IPv6"),
        pytest.param("203.0.113.9, ::ffff:10.0.0.1", "203.0.113.9", id="mapped proxy"),
        pytest.param("1.1.1.1, junk, 10.0.0.1", "10.0.0.1", id="junk stops the walk"),
        pytest.param("1.1.1.1,", "127.0.0.1", id="an empty entry stops the walk"),
        pytest.param("unknown", "127.0.0.1", id="nothing but junk"),
        pytest.param("fe80::1%<script>", "127.0.0.1", id="a zone is no address"),
        pytest.param("", "127.0.0.1", id="empty"),
    ],
)
def test_client_is_the_rightmost_hop_that_is_not_trusted(
    sent: str, client: str
) -> None:
    resolved = _resolve({"x-forwarded-for": sent})
    assert resolved.peer_address == client
    assert resolved.peer_port == (40000 if client == "127.0.0.1" else 0)


def test_several_fields_are_one_list() -> None:
    fields = {"x-forwarded-for": ["1.1.1.1", "203.0.113.9", "10.0.0.1"]}
    assert resolve_endpoints(_TCP, fields, _PROXIES).peer_address == "203.0.113.9"


@pytest.mark.parametrize(
    ("fields", "scheme", "port"),
    [
        pytest.param({}, "http", 8000, id="nothing told"),
        pytest.param({"proto": "https"}, "https", 443, id="default port of https"),
        pytest.param({"proto": "HTTP"}, "http", 80, id="default port of http"),
        pytest.param({"proto": "http, https"}, "https", 443, id="last one counts"),
        pytest.param({"proto": "gopher"}, "http", 8000, id="unknown scheme"),
        pytest.param({"proto": "https", "port": "8443"}, "https", 8443, id="port"),
        pytest.param({"port": "81"}, "http", 81, id="port alone"),
        pytest.param({"host": "a:8080"}, "http", 8080, id="port of the host"),
        pytest.param({"host": "[::1]:8080"}, "http", 8080, id="port of an IPv6 host"),
        pytest.param({"host": "[::1]"}, "http", 8000, id="IPv6 host without port"),
        pytest.param({"host": "a:1", "port": "2"}, "http", 2, id="port wins"),
        pytest.param({"port": "65536"}, "http", 8000, id="port too large"),
        pytest.param({"port": "8" * 5000}, "http", 8000, id="port much too large"),
        pytest.param({"port": "-1"}, "http", 8000, id="port no number"),
        pytest.param({"port": "\xb2"}, "http", 8000, id="port no ASCII digit"),
    ],
)
def test_scheme_and_port(fields: dict[str, str], scheme: str, port: int) -> None:
    resolved = _resolve({f"x-forwarded-{name}": fields[name] for name in fields})
    assert (resolved.scheme, resolved.local_port) == (scheme, port)
    assert resolved.peer_address == "127.0.0.1"


_ALL = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "example.org",
    "x-forwarded-port": "444",
}


@pytest.mark.parametrize(
    ("peer", "proxies"),
    [
        pytest.param("127.0.0.1", [], id="nobody is trusted"),
        pytest.param("203.0.113.1", ["127.0.0.1", "unix"], id="another is trusted"),
        pytest.param("2001:db8::1", ["0.0.0.0/0"], id="another family is trusted"),
        pytest.param("not an address", ["0.0.0.0/0"], id="no address"),
    ],
)
def test_strangers_are_not_believed(peer: str, proxies: list[str]) -> None:
    trusted = AddressSet(proxies)
    endpoints = Endpoints("http", peer, 1, "127.0.0.1", 8000)
    request = Request("GET", "/", "HTTP/1.1", _lists(_ALL), endpoints)
    assert resolve_endpoints(endpoints, request.fields, trusted) is endpoints
    assert forwarded_host(endpoints, request.fields, trusted) is None
    assert resolve_request(request, trusted) is request


@pytest.mark.parametrize(
    ("proxies", "fields", "client"),
    [
        pytest.param(["unix"], _ALL, "203.0.113.9", id="trusted"),
        pytest.param(["unix"], {}, "127.0.0.1", id="trusted, nothing told"),
        pytest.param(["10.0.0.0/8"], _ALL, "127.0.0.1", id="not trusted"),
        pytest.param([], _ALL, "127.0.0.1", id="nobody trusted"),
    ],
)
def test_client_behind_a_unix_socket(
    proxies: list[str], fields: dict[str, str], client: str
) -> None:
    resolved = _resolve(fields, _UNIX, AddressSet(proxies))
    assert resolved.peer_address == client


def test_peer_that_is_ipv4_in_ipv6_is_trusted_like_ipv4() -> None:
    endpoints = Endpoints("http", "::ffff:127.0.0.1", 1, "::ffff:127.0.0.1", 8000)
    assert _resolve(_ALL, endpoints).peer_address == "203.0.113.9"


def test_request_is_as_the_client_sent_it() -> None:
    fields = _lists({**_ALL, "host": "127.0.0.1:8000", "accept": "*/*"})
    request = Request("POST", "/x", "HTTP/1.1", fields, _TCP, content_length=0)
    resolved = resolve_request(request, _PROXIES)
    assert resolved.endpoints == Endpoints("https", "203.0.113.9", 0, "127.0.0.1", 444)
    assert resolved.get("host") == "example.org"
    assert resolved.get("accept") == "*/*"
    assert (resolved.method, resolved.target) == ("POST", "/x")
    assert request.get("host") == "127.0.0.1:8000"


def test_encryption_of_a_proxy_is_not_the_client_s() -> None:
    secure = replace(_TCP, scheme="https", tls={"SSL_PROTOCOL": "TLSv1.3"})
    fields = {"x-forwarded-proto": ["https"]}
    assert resolve_endpoints(secure, fields, _PROXIES).tls == {}
    assert resolve_endpoints(secure, {}, _PROXIES).tls == secure.tls
    stranger = replace(secure, peer_address="198.51.100.1")
    assert resolve_endpoints(stranger, fields, _PROXIES).tls == secure.tls


def test_host_stays_if_the_proxy_does_not_tell() -> None:
    fields = _lists({"x-forwarded-for": "203.0.113.9", "host": "a"})
    request = Request("GET", "/", "HTTP/1.1", fields, _TCP)
    resolved = resolve_request(request, _PROXIES)
    assert resolved.get("host") == "a"
    assert resolved.endpoints.peer_address == "203.0.113.9"


def test_resolving_twice_changes_nothing() -> None:
    request = Request("GET", "/", "HTTP/1.1", _lists(_ALL), _TCP)
    once = resolve_request(request, _PROXIES)
    assert resolve_request(once, _PROXIES) == once


@pytest.mark.parametrize(
    ("proxies", "expected"), [([], False), (["unix"], True), (["10.0.0.0/8"], True)]
)
def test_trusted_proxies_tell_whether_there_are_any(
    proxies: list[str], expected: bool
) -> None:
    assert bool(AddressSet(proxies)) is expected


def test_network_may_be_named_by_any_of_its_addresses() -> None:
    trusted = AddressSet(["127.9.9.9/8"])
    assert _resolve(_ALL, proxies=trusted).peer_address == "203.0.113.9"


def test_what_is_no_network_cannot_be_trusted() -> None:
    with pytest.raises(ValueError, match="example"):
        AddressSet(["example.org"])
