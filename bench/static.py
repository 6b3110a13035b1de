#!/usr/bin/env python3
"""Compare requests per second for static files: ours, httpout 0.1.1 and Apache.

All: one process that serves, keep-alive connections, the same machine, in turns.
Apache's event MPM is limited to one process; it is left out where it is not installed.
httpout has no access log, so ours goes to /dev/null.
"""

import argparse
import contextlib
import os
import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import load
import servers

SIZES = {"1 KiB": 1024, "100 KiB": 100 * 1024, "10 MiB": 10 << 20}
CONFIG = """\
listen: ["127.0.0.1:0"]
workers: 1
loop: auto
sites: [{{docroot: {folder}, scripts: []}}]
log: {{access: {{path: /dev/null}}}}
"""
APACHE_CONFIG = """\
ServerRoot {own}
ServerName localhost
PidFile {own}/apache.pid
DefaultRuntimeDir {own}
ErrorLog {own}/error.log
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule mime_module /usr/lib/apache2/modules/mod_mime.so
TypesConfig /etc/mime.types
ServerLimit 1
StartServers 1
ThreadsPerChild 25
MaxRequestWorkers 25
KeepAlive On
MaxKeepAliveRequests 0
User nobody
Group nogroup
DocumentRoot {folder}
<Directory {folder}>
    Options SymLinksIfOwnerMatch
    Require all granted
</Directory>
"""


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of one round")
    parser.add_argument("--connections", type=int, default=16)
    return parser.parse_args()


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        own = Path(name)
        os.chmod(own, 0o755)
        folder = make_files(own)
        config = CONFIG.format(folder=folder)
        urls = {"httpout-cgi": stack.enter_context(servers.serve_ours(config, own))[0]}
        urls["httpout 0.1.1"] = stack.enter_context(servers.serve_httpout(folder))
        if apache := shutil.which("apache2", path="/usr/sbin:/usr/bin"):
            urls["Apache event"] = stack.enter_context(
                serve_apache(apache, own, folder)
            )
        print(f"Python {platform.python_version()}, {load.client_name()}, ", end="")
        print(f"{options.connections} connections, ", end="")
        print(f"{options.rounds} x {options.seconds:g} s each")
        for label, size in SIZES.items():
            compare(
                label, {key: f"{url}/{size}.bin" for key, url in urls.items()}, options
            )


def make_files(own: Path) -> Path:
    folder = own / "pages"
    folder.mkdir()
    (folder / "hello.py").write_text('print("Hello, World!")\n')
    for size in SIZES.values():
        (folder / f"{size}.bin").write_bytes(os.urandom(size))
        os.utime(folder / f"{size}.bin", (1.6e9, 1.6e9))
    return folder


@contextlib.contextmanager
def serve_apache(apache: str, own: Path, folder: Path) -> Iterator[str]:
    """Start Apache with one process on a folder; yield its URL."""
    port = servers.find_free_port()
    path = own / "apache.conf"
    path.write_text(APACHE_CONFIG.format(own=own, folder=folder, port=port))
    process = subprocess.Popen([apache, "-f", str(path), "-DFOREGROUND"])
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + servers.PATIENCE
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError), urlopen(url + "/1024.bin"):
                break
            time.sleep(0.05)
        yield url
    finally:
        servers.stop(process)


def compare(label: str, urls: dict[str, str], options: argparse.Namespace) -> None:
    """Load all in turns, after half a second of warming up, and print the medians."""
    rates: dict[str, list[float]] = {key: [] for key in urls}
    connections = options.connections
    for url in urls.values():
        load.measure(url, seconds=1, connections=connections)
    for _ in range(options.rounds):
        for key, url in urls.items():
            rate = load.measure(url, seconds=options.seconds, connections=connections)
            rates[key].append(rate)
    ours = statistics.median(rates["httpout-cgi"])
    for key, found in rates.items():
        rate = statistics.median(found)
        ratio = f"we are at {ours / rate:5.2f}" if key != "httpout-cgi" else ""
        print(f"{label:8} {key:14} {rate:10,.0f} requests/s  {ratio}", flush=True)


if __name__ == "__main__":
    main()
