"""Values: sizes, times, addresses, hosts, URLs, paths, names."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from httpout_cgi.config import Listener
from httpout_cgi.settings import values
from httpout_cgi.settings.addresses import parse_host, parse_listener, parse_peer
from httpout_cgi.strict_yaml import Text


@pytest.mark.parametrize(
    ("parse", "written", "value"),
    [
        pytest.param(values.parse_size, "512KiB", 524288, id="KiB"),
        pytest.param(values.parse_size, "64 MiB", 67108864, id="MiB"),
        pytest.param(values.parse_size, "1.5GiB", 1610612736, id="GiB"),
        pytest.param(values.parse_size, "10B", 10, id="B"),
        pytest.param(values.parse_size, "10", 10, id="bytes as text"),
        pytest.param(values.parse_size, 10, 10, id="bytes"),
        pytest.param(values.parse_time, "500ms", 0.5, id="ms"),
        pytest.param(values.parse_time, "30s", 30.0, id="s"),
        pytest.param(values.parse_time, "5m", 300.0, id="m"),
        pytest.param(values.parse_time, "1h", 3600.0, id="h"),
        pytest.param(values.parse_time, 2, 2.0, id="seconds"),
        pytest.param(values.parse_time, "1.50", 1.5, id="seconds as text"),
        pytest.param(parse_host, "*", "*", id="every host"),
        pytest.param(parse_host, "Example.ORG", "example.org", id="case"),
        pytest.param(parse_host, "*.Example.org", "*.example.org", id="star"),
        pytest.param(parse_host, "$user.x.org", "$user.x.org", id="account"),
        pytest.param(parse_host, "bücher.de", "xn--bcher-kva.de", id="IDNA"),
        pytest.param(parse_host, "127.0.0.1", "127.0.0.1", id="IPv4"),
        pytest.param(parse_host, "[::1]", "[::1]", id="IPv6"),
        pytest.param(parse_peer, "unix", "unix", id="unix"),
        pytest.param(parse_peer, "127.0.0.1", "127.0.0.1/32", id="one peer"),
        pytest.param(parse_peer, "2001:DB8::/32", "2001:db8::/32", id="network"),
        pytest.param(values.parse_url, "/", "/", id="root"),
        pytest.param(values.parse_url, "/a b/ü.c", "/a b/ü.c", id="decoded"),
        pytest.param(values.parse_folder_url, "/icons/", "/icons/", id="folder URL"),
        pytest.param(values.parse_template, "$home/x", "$home/x", id="home"),
        pytest.param(values.parse_template, "/srv/$user", "/srv/$user", id="user"),
        pytest.param(values.parse_pattern, "*.py", "*.py", id="pattern"),
        pytest.param(values.parse_cache_pattern, "*.js", "*.js", id="cached name"),
        pytest.param(values.parse_cache_pattern, "/a/*", "/a/*", id="cached path"),
        pytest.param(values.parse_suffix, ".php", ".php", id="suffix"),
        pytest.param(values.parse_field_name, "X-Frame", "X-Frame", id="field"),
        pytest.param(values.parse_field_value, " a b ", "a b", id="field value"),
        pytest.param(values.parse_variable_name, "GIT_ROOT", "GIT_ROOT", id="name"),
        pytest.param(values.parse_variable, "", "", id="empty value"),
        pytest.param(values.parse_variable, 8080, "8080", id="number as text"),
        pytest.param(values.parse_variable, True, "true", id="true as text"),
        pytest.param(values.parse_variable, False, "false", id="false as text"),
        pytest.param(values.parse_workers, 4, 4, id="workers"),
        pytest.param(values.parse_workers, "auto", "auto", id="auto"),
        pytest.param(values.parse_log_path, "-", None, id="standard stream"),
        pytest.param(values.parse_log_path, "/a/b", Path("/a/b"), id="log file"),
        pytest.param(values.parse_path, "/a/../b", Path("/b"), id="tidy"),
        pytest.param(values.parse_path, Path("/a/./b"), Path("/a/b"), id="path"),
        pytest.param(
            values.parse_path,
            Text("x/y", Path("/etc/config.yaml")),
            Path("/etc/x/y"),
            id="relative to its file",
        ),
        pytest.param(
            values.parse_path,
            Text("/x", Path("/etc/config.yaml")),
            Path("/x"),
            id="absolute in a file",
        ),
    ],
)
def test_a_value_is_read(
    parse: Callable[[object], object], written: object, value: object
) -> None:
    result = parse(written)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("parse", "written", "words"),
    [
        pytest.param(values.parse_size, "5MB", "KiB, MiB or GiB", id="MB"),
        pytest.param(values.parse_size, "5s", 'unit "s"', id="time as size"),
        pytest.param(values.parse_size, "big", "number and a unit", id="no number"),
        pytest.param(values.parse_size, "-5KiB", "number and a unit", id="minus"),
        pytest.param(values.parse_size, -5, "out of range", id="negative"),
        pytest.param(values.parse_size, True, "number and a unit", id="boolean"),
        pytest.param(values.parse_size, None, "number and a unit", id="nothing"),
        pytest.param(values.parse_size, "1.0001KiB", "whole number", id="part byte"),
        pytest.param(values.parse_time, "30sec", "ms, s, m or h", id="sec"),
        pytest.param(values.parse_time, "10:00", "ms, s, m or h", id="sexagesimal"),
        pytest.param(values.parse_time, float("inf"), "out of range", id="endless"),
        pytest.param(parse_host, "http://x", "is not a host", id="scheme"),
        pytest.param(parse_host, "x:80", "is not a host", id="port"),
        pytest.param(parse_host, "a..b", "is not a host", id="empty label"),
        pytest.param(parse_host, "a.*.b", "is not a host", id="inner star"),
        pytest.param(parse_host, "-a.b", "is not a host", id="hyphen"),
        pytest.param(parse_host, "[::zz]", "is not a host", id="bad IPv6"),
        pytest.param(parse_host, "", "is empty", id="empty host"),
        pytest.param(parse_host, 5, "must be text", id="number as host"),
        pytest.param(parse_peer, "10.0.0.1/8", '"10.0.0.0/8"', id="host bits"),
        pytest.param(parse_peer, "proxy", "is not a peer", id="name as peer"),
        pytest.param(values.parse_url, "a/", 'begin with "/"', id="relative URL"),
        pytest.param(values.parse_url, "/a%20b", "plain path", id="encoded"),
        pytest.param(values.parse_url, "/a?b", "plain path", id="query"),
        pytest.param(values.parse_url, "/a\nb", "plain path", id="control"),
        pytest.param(values.parse_url, "/a//b", "must not contain", id="empty segment"),
        pytest.param(values.parse_url, "/a/..", "must not contain", id="dot segment"),
        pytest.param(values.parse_folder_url, "/a", 'write "/a/"', id="no slash"),
        pytest.param(values.parse_template, "x", '"$home"', id="relative template"),
        pytest.param(values.parse_template, "$homeless", '"$home"', id="not $home"),
        pytest.param(values.parse_pattern, "a/*.py", "file name", id="path"),
        pytest.param(values.parse_cache_pattern, "a/*", "begins", id="cache path"),
        pytest.param(values.parse_suffix, "php", 'write ".php"', id="no dot"),
        pytest.param(values.parse_field_name, "A B", "field name", id="field name"),
        pytest.param(values.parse_field_name, "Date", "by the server", id="Date"),
        pytest.param(values.parse_field_name, "content-Length", "by the", id="framing"),
        pytest.param(values.parse_field_value, "a\r\nB: c", "one line", id="splitting"),
        pytest.param(values.parse_field_value, "ü", "ASCII", id="not ASCII"),
        pytest.param(values.parse_variable_name, "A=B", '"="', id="name with ="),
        pytest.param(values.parse_variable, None, 'write ""', id="null variable"),
        pytest.param(values.parse_variable, "a\0", "NUL", id="NUL in a variable"),
        pytest.param(values.parse_path, "a\0", "NUL", id="NUL in a path"),
        pytest.param(values.parse_path, "", "is empty", id="empty path"),
        pytest.param(values.parse_workers, 0, "1 to 1024", id="no workers"),
        pytest.param(values.parse_workers, True, "1 to 1024", id="true workers"),
        pytest.param(values.parse_workers, "2", "1 to 1024", id="workers as text"),
        pytest.param(parse_listener, "8000", "not an address", id="port only"),
        pytest.param(parse_listener, ":80", "not an address", id="no host"),
        pytest.param(parse_listener, "a:65536", "not an address", id="port"),
        pytest.param(parse_listener, "a:b", "not an address", id="port name"),
        pytest.param(parse_listener, "::1:80", "brackets", id="bare IPv6"),
        pytest.param(parse_listener, "[x]:80", "IPv6", id="bad IPv6 listener"),
        pytest.param(parse_listener, "*:80", '"0.0.0.0"', id="star listener"),
        pytest.param(parse_listener, "a b:80", "is not a host", id="bad host"),
        pytest.param(parse_listener, "unix:", "is empty", id="no socket"),
        pytest.param(parse_listener, 8000, "must be text", id="number"),
    ],
)
def test_a_wrong_value_is_explained(
    parse: Callable[[object], object], written: object, words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        parse(written)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "address", "url", "is_loopback"),
    [
        pytest.param(
            "127.0.0.1:8000", "127.0.0.1:8000", "http://127.0.0.1:8000/", True, id="v4"
        ),
        pytest.param("0.0.0.0:80", "0.0.0.0:80", "http://127.0.0.1:80/", False, id="*"),
        pytest.param("[::]:80", "[::]:80", "http://[::1]:80/", False, id="v6 *"),
        pytest.param("[::1]:80", "[::1]:80", "http://[::1]:80/", True, id="v6"),
        pytest.param(
            "[fe80::1%eth0]:80",
            "[fe80::1%eth0]:80",
            "http://[fe80::1%25eth0]:80/",
            False,
            id="zone",
        ),
        pytest.param(
            "localhost:0", "localhost:0", "http://localhost:0/", True, id="localhost"
        ),
        pytest.param("www.x.org:80", "www.x.org:80", "http://www.x.org:80/", False),
        pytest.param("unix:/run/x", "unix:/run/x", "unix:/run/x", True, id="unix"),
    ],
)
def test_a_listener_has_an_address_and_a_url(
    written: str, address: str, url: str, is_loopback: bool
) -> None:
    listener = parse_listener(written)
    assert (listener.address, listener.url) == (address, url)
    assert listener.is_loopback == is_loopback
    assert parse_listener(listener.address) == listener


def test_a_socket_is_relative_to_its_file() -> None:
    listener = parse_listener(Text("unix:x.sock", Path("/etc/config.yaml")))
    assert listener == Listener(path=Path("/etc/x.sock"))


def test_a_shown_value_is_short_and_on_one_line() -> None:
    assert values.quote("a\nb") == '"a\\nb"'
    assert values.quote(5) == '"5"'
    assert len(values.quote("x" * 1000)) < 90
