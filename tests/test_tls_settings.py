"""The settings of TLS: which listeners have it, and what does not fit together."""

import contextlib
import os
import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme

from httpout_cgi import config
from httpout_cgi.config import Listener
from httpout_cgi.errors import ConfigError, HTTPError
from httpout_cgi.messages import Endpoints, Request
from httpout_cgi.sites import SiteMap
from tests.live import PATIENCE, Server
from tests.raw import Client
from tests.tls_site import HOST, Authority

TLS = "tls: {certificate: chain.pem, key: key.pem}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("htdocs", "cgi-bin"):
        (tmp_path / name).mkdir()
    for name in ("chain.pem", "key.pem"):
        (tmp_path / name).write_text("not looked at here")
    return tmp_path


def load(folder: Path, text: str) -> config.Config:
    (folder / "config.yaml").write_text(text)
    return config.load(folder / "config.yaml")


def complain(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    (problem,) = caught.value.problems
    return problem.replace(str(folder), "FOLDER").removeprefix("config.yaml:")


def test_a_listener_says_that_it_has_tls(folder: Path) -> None:
    listen = "listen: ['https://0.0.0.0:443', 'https://[::]:443', '0.0.0.0:80']\n"
    loaded = load(folder, listen + TLS)
    first, second, third = loaded.listen
    assert first == Listener("0.0.0.0", 443, secure=True)
    assert (first.address, first.url) == (
        "https://0.0.0.0:443",
        "https://127.0.0.1:443/",
    )
    assert (second.address, second.url) == ("https://[::]:443", "https://[::1]:443/")
    assert third == Listener("0.0.0.0", 80)
    # For the workers.
    assert config.parse_dump(config.dump(loaded)).listen == loaded.listen


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "listen: ['https://127.0.0.1:1']",
            '"https://127.0.0.1:1" needs a certificate; add tls',
            id="no certificate",
        ),
        pytest.param(
            f"{TLS}listen: ['127.0.0.1:1']",
            'no listener is for tls; write listen: ["https://0.0.0.0:443"]',
            id="no listener",
        ),
        pytest.param(
            TLS,
            'no listener is for tls; write listen: ["https://0.0.0.0:443"]',
            id="default listener",
        ),
        pytest.param(
            f"{TLS}listen: ['https://127.0.0.1:1', '127.0.0.1:1']",
            '"127.0.0.1:1" is given twice',
            id="both at one port",
        ),
        pytest.param(
            f"{TLS}listen: ['https://unix:/x']",
            '"https://unix:/x" is not an address; write "127.0.0.1:8000", '
            '"[::]:8000", "https://0.0.0.0:443" or "unix:/path.sock"',
            id="socket",
        ),
        pytest.param(
            "pools: {scgi_listen: 'https://127.0.0.1:1'}",
            '"https://127.0.0.1:1" cannot be: SCGI has no TLS; write it without '
            '"https://"',
            id="SCGI",
        ),
        pytest.param(
            f"{TLS}listen: ['https://127.0.0.1:1']\n"
            "pools: {scgi_listen: '127.0.0.1:1'}",
            '"127.0.0.1:1" is in listen as well; choose another',
            id="SCGI at its port",
        ),
        pytest.param(
            "tls: {certificate: none.pem, key: key.pem}",
            '"FOLDER/none.pem" does not exist; make it, or correct the path',
            id="no file",
        ),
        pytest.param("tls: {key: key.pem}", "is missing; add it", id="no key"),
    ],
)
def test_what_does_not_fit_together_is_told(
    folder: Path, text: str, problem: str
) -> None:
    assert complain(folder, text).endswith(f": {problem}")


def test_the_system_may_choose_a_port_for_each(folder: Path) -> None:
    loaded = load(folder, f"{TLS}listen: ['https://127.0.0.1:0', '127.0.0.1:0']")
    assert [one.secure for one in loaded.listen] == [True, False]


def test_the_command_line_may_do_without(folder: Path) -> None:
    loaded = load(folder, f"{TLS}listen: ['https://127.0.0.1:1']")
    assert config.override(loaded, listen=["127.0.0.1:2"]).tls is None
    assert config.override(loaded, listen=["https://127.0.0.1:2"]).tls == loaded.tls
    without = load(folder, "listen: ['127.0.0.1:1']")
    with pytest.raises(ConfigError, match=r"--listen: .* needs a certificate"):
        config.override(without, listen=["https://127.0.0.1:2"])


# --- with a server


# An address of this process alone: the port has to be known before.
ADDRESS = (
    f"127.{os.getpid() >> 16 & 63 | 64}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
)


def wait_for_page(context: ssl.SSLContext | None) -> None:
    """Ask until it is answered with TLS, or without: workers hear of it later."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with (
            contextlib.suppress(OSError, AssertionError),
            # Without TLS, the server would wait for the rest of what is no head.
            socket.create_connection((ADDRESS, 4433), 1.0) as sock,
        ):
            if context is not None:
                sock = context.wrap_socket(sock, server_hostname=HOST)
            client = Client(sock)
            client.send("GET /page.txt HTTP/1.1", "Connection: close")
            if client.read_response().status == 200:
                sock.close()
                return
    raise AssertionError("it is not served")


def test_a_port_gets_tls_and_loses_it(folder: Path) -> None:
    authority = Authority(trustme.CA())
    authority.write(folder)
    (folder / "htdocs/page.txt").write_text("a page")
    settings = folder / "config.yaml"
    plain = f"listen: ['{ADDRESS}:4433']\n"
    settings.write_text(plain)
    server = Server(settings)
    try:
        server.wait_until_ready()
        wait_for_page(None)
        settings.write_text(f"listen: ['https://{ADDRESS}:4433']\n{TLS}")
        wait_for_page(authority.make_context())
        settings.write_text(plain)
        wait_for_page(None)
    finally:
        code = server.stop()
    assert code == 0
    assert "not reloaded" not in server.stderr.text


def test_the_key_is_never_served(folder: Path) -> None:
    text = f"{TLS}listen: ['https://127.0.0.1:1']\nsites: [{{docroot: .}}]"
    site, _ = SiteMap(load(folder, text)).find(
        Request("GET", "/", "HTTP/1.1", {}, Endpoints("https", "::1", 1, "::1", 443))
    )
    with pytest.raises(HTTPError) as caught:
        site.choose_resolver("/key.pem").resolve("/key.pem")
    assert caught.value.status == 403
    assert caught.value.reason.startswith("settings or log")
