#!/usr/bin/env python3
"""Compare requests per second: runner: process, threads, and Apache's mod_cgid.

The samples hello.py and environment.py, one request after the other and with eight
under way, keep-alive connections, the same machine and the same Python, in turns, both
with an access log.  Apache starts an interpreter for each request: that which our
environment was made with, for it starts faster without one; ours forks one that is
warm.  Needs Debian's package apache2; started as root, Apache runs scripts as www-data,
which has to be able to reach that Python.

Then, behind nginx, children of a pool that are kept, and PHP-FPM: see fpm.py.
"""

import argparse
import contextlib
import os
import platform
import pwd
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import fpm
import load
import servers

SCRIPTS = ("hello.py", "environment.py")
MODULES = Path("/usr/lib/apache2/modules")

OURS = """\
listen: ["127.0.0.1:0"]
workers: 1
sites:
  - docroot: cgi-bin
    scripts:
      - {url: /cgi-bin/, path: cgi-bin, runner: process}
      - {url: /threads/, path: cgi-bin, runner: thread}
log:
  access: {path: access.log}
"""

APACHE = """\
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/apache-error.log
{modules}
{account}
ScriptSock {folder}/cgid.sock
LogFormat "%h %l %u %t \\"%r\\" %>s %b" common
CustomLog {folder}/apache-access.log common
KeepAlive On
MaxKeepAliveRequests 0
ScriptAlias /cgi-bin/ {folder}/cgi-bin/
<Directory {folder}/cgi-bin>
    Require all granted
</Directory>
"""
NEEDED = ("mpm_event", "authz_core", "alias", "log_config", "unixd", "cgid")


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of one round")
    parser.add_argument(
        "--connections", type=int, default=8, help="at a time, besides one"
    )
    python = getattr(sys, "_base_executable", sys.executable)
    parser.add_argument("--python", default=python, help="that Apache starts")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    apache = shutil.which("apache2", path=f"{os.environ['PATH']}:/usr/sbin")
    if apache is None:
        print("skipped: there is no apache2 (Debian: apt-get install apache2)")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        copy_scripts(folder / "cgi-bin", options.python)
        with (
            servers.serve_ours(OURS, folder) as (ours, _),
            serve_apache(apache, folder) as theirs,
        ):
            print(f"Python {platform.python_version()}, {load.client_name()}, ", end="")
            print(f"{options.rounds} x {options.seconds:g} s each")
            for script in SCRIPTS:
                for connections in (1, options.connections):
                    compare(script, ours, theirs, connections, options)
    fpm.compare_with_fpm(options, processes=8)


def copy_scripts(folder: Path, python: str) -> None:
    """Copy the samples, with that Python in their first lines."""
    shutil.copytree(servers.ROOT / "cgi-bin", folder)
    for script in SCRIPTS:
        path = folder / script
        lines = path.read_text().split("\n")
        path.write_text("\n".join([f"#!{python}", *lines[1:]]))


@contextlib.contextmanager
def serve_apache(command: str, folder: Path) -> Iterator[str]:
    """Start Apache on the same scripts, as the account that we have; yield its URL."""
    port = servers.find_free_port()
    path = folder / "apache.conf"
    path.write_text(write_apache_config(folder, port))
    process = subprocess.Popen([command, "-f", str(path), "-DFOREGROUND"])
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_it_answers(f"{url}/cgi-bin/hello.py", process)
        yield url
    finally:
        servers.stop(process)


def write_apache_config(folder: Path, port: int) -> str:
    # Some are compiled in.
    modules = "\n".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so"
        for name in NEEDED
        if (MODULES / f"mod_{name}.so").exists()
    )
    # Apache refuses to run scripts as root.
    account = "User www-data\nGroup www-data" if os.getuid() == 0 else ""
    if account:
        os.chown(folder, pwd.getpwnam("www-data").pw_uid, -1)
    return APACHE.format(folder=folder, port=port, modules=modules, account=account)


def wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + servers.PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urlopen(url) as response:
            if b"Hello, World!" in response.read():
                return
        time.sleep(0.05)
    raise RuntimeError(f"Apache does not answer at {url}")


def compare(
    script: str,
    ours: str,
    theirs: str,
    connections: int,
    options: argparse.Namespace,
) -> None:
    """Load all in turns, after a second of warming up, and print the medians."""
    urls = {
        "runner: process": f"{ours}/cgi-bin/{script}",
        "runner: thread": f"{ours}/threads/{script}",
        "mod_cgid": f"{theirs}/cgi-bin/{script}",
    }
    rates: dict[str, list[float]] = {name: [] for name in urls}
    for url in urls.values():
        load.measure(url, seconds=1, connections=connections)
    for _ in range(options.rounds):
        for name, url in urls.items():
            rate = load.measure(url, seconds=options.seconds, connections=connections)
            rates[name].append(rate)
    peer = statistics.median(rates["mod_cgid"])
    print(f"{script}, {connections} at a time")
    for name, found in rates.items():
        middle = statistics.median(found)
        span = f"({min(found):,.0f} to {max(found):,.0f})"
        print(f"  {name:16} {middle:8,.0f} requests/s  {span:20}", end=" ")
        print(f"ratio {middle / peer:7.2f}")


if __name__ == "__main__":
    main()
