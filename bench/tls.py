#!/usr/bin/env python3
"""Compare HTTPS with plain HTTP: our hello script over kept connections, in turns.

One worker, uvloop; a handshake each is not in it, for connections are kept.
"""

import argparse
import socket
import ssl
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import load
import servers

CONFIG = """\
listen: ["127.0.0.1:{plain}", "https://127.0.0.1:{secure}"]
tls: {{certificate: chain.pem, key: key.pem}}
sites:
  - docroot: {root}/htdocs
    scripts: [{{url: /cgi-bin/, path: {root}/cgi-bin, runner: thread}}]
log: {{access: {{path: /dev/null}}}}
"""
_MAKE = "openssl req -x509 -nodes -days 2 -subj /CN=localhost -newkey ec"
_MORE = "-pkeyopt ec_paramgen_curve:P-256 -keyout key.pem -out chain.pem"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2, help="of one round")
    options = parser.parse_args()
    ports = servers.find_free_port(), servers.find_free_port()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = f"{_MAKE} {_MORE}".split()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        config = CONFIG.format(root=servers.ROOT, plain=ports[0], secure=ports[1])
        with servers.serve_ours(config, folder):
            plain = f"http://127.0.0.1:{ports[0]}/cgi-bin/hello.py"
            secure = f"https://127.0.0.1:{ports[1]}/cgi-bin/hello.py"
            compare(plain, secure, options.rounds, options.seconds)
            print(
                f"handshakes     {count_handshakes(secure, options.seconds):8,.0f} /s"
            )


def compare(plain: str, secure: str, rounds: int, seconds: float) -> None:
    """Load both in turns, and print the medians."""
    rates: dict[str, list[float]] = {plain: [], secure: []}
    for url in rates:
        load.measure(url, seconds=1, connections=16)
    for _ in range(rounds):
        for url, found in rates.items():
            found.append(load.measure(url, seconds=seconds, connections=16))
    http, https = (statistics.median(found) for found in rates.values())
    print(f"{load.client_name()}, 16 connections, {rounds} x {seconds:g} s each")
    print(f"http           {http:8,.0f} requests/s")
    print(f"https          {https:8,.0f} requests/s")
    print(f"ratio          {https / http:8.2f}")


def count_handshakes(url: str, seconds: float) -> float:
    """Return how many connections a second one client opens, without a session."""
    parts = urlsplit(url)
    address = str(parts.hostname), int(parts.port or 0)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    started, count = time.monotonic(), 0
    while time.monotonic() < started + seconds:
        with socket.create_connection(address) as sock:
            context.wrap_socket(sock).close()
        count += 1
    return count / (time.monotonic() - started)


if __name__ == "__main__":
    main()
