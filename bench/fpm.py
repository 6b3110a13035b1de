#!/usr/bin/env python3
"""Compare requests per second behind nginx: kept children of a pool, and PHP-FPM.

Both print hello, with as many processes as each other; one nginx passes on to both, by
scgi_pass and fastcgi_pass, in turns.  Needs Debian's packages nginx and php-fpm;
started as root, PHP runs as www-data, for it never does as root.
"""

import argparse
import contextlib
import os
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

ACCOUNT = "www-data"

OURS = """\
listen: ["127.0.0.1:0"]
workers: 1
sites:
  - docroot: cgi-bin
    scripts: [{{url: /cgi-bin/, path: cgi-bin, runner: process}}]
pools: {{runs_per_process: 1000, processes: {processes}, scgi_listen: "unix:ours.sock"}}
"""

FPM = """\
[global]
error_log = {folder}/fpm.log
daemonize = no
[www]
{account}
listen = {folder}/fpm.sock
listen.mode = 0666
pm = static
pm.max_children = {processes}
pm.max_requests = 1000
"""

NGINX = """\
{account}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/t1;
    proxy_temp_path {folder}/t2;
    fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4;
    scgi_temp_path {folder}/t5;
    server {{
        listen 127.0.0.1:{port};
        location /php/ {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME {folder}/hello.php;
            fastcgi_pass unix:{folder}/fpm.sock;
        }}
        location /cgi-bin/ {{
            include /etc/nginx/scgi_params;
            scgi_param SCRIPT_NAME $uri;
            scgi_param SCRIPT_FILENAME {folder}$uri;
            scgi_pass unix:{folder}/ours.sock;
        }}
    }}
}}
"""

PHP = '<?php header("Content-Type: text/plain"); echo "Hello, World!\\n"; ?>\n'
URLS = {"pool": "/cgi-bin/hello.py", "PHP-FPM": "/php/hello"}


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of one round")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--processes", type=int, default=8, help="of each")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    compare_with_fpm(options, options.processes)


def compare_with_fpm(options: argparse.Namespace, processes: int) -> None:
    """Load both in turns, and print the medians and their ratio."""
    nginx, fpm = find_program("nginx"), find_program("php-fpm")
    if nginx is None or fpm is None:
        print("skipped: needs nginx and PHP-FPM (apt-get install nginx php-fpm)")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with serve(folder, nginx, fpm, processes) as front:
            urls = {name: front + path for name, path in URLS.items()}
            print(f"behind nginx, {processes} processes, hello, {load.client_name()}")
            rates = measure(urls, options)
    for name, found in rates.items():
        span = f"({min(found):,.0f} to {max(found):,.0f})"
        print(f"  {name:16} {statistics.median(found):8,.0f} requests/s  {span}")
    ratio = statistics.median(rates["pool"]) / statistics.median(rates["PHP-FPM"])
    print(f"  ratio            {ratio:8.2f}")


def measure(
    urls: dict[str, str], options: argparse.Namespace
) -> dict[str, list[float]]:
    """Return the rates of each round, after a second of warming up."""
    rates: dict[str, list[float]] = {name: [] for name in urls}
    for url in urls.values():
        load.measure(url, seconds=1, connections=options.connections)
    for _ in range(options.rounds):
        for name, url in urls.items():
            rates[name].append(
                load.measure(
                    url, seconds=options.seconds, connections=options.connections
                )
            )
    return rates


def find_program(name: str) -> str | None:
    """Return the path of a program; Debian has the version in the name of some."""
    for folder in ("/usr/sbin", "/usr/bin", "/usr/local/sbin"):
        for path in (Path(folder) / name, *sorted(Path(folder).glob(f"{name}[0-9]*"))):
            if path.exists():
                return str(path)
    return None


@contextlib.contextmanager
def serve(folder: Path, nginx: str, fpm: str, processes: int) -> Iterator[str]:
    """Start all three, as the account that we have; yield the URL of nginx."""
    is_root = os.getuid() == 0
    shutil.copytree(servers.ROOT / "cgi-bin", folder / "cgi-bin")
    (folder / "hello.php").write_text(PHP)
    port = servers.find_free_port()
    accounts = {
        "FPM": f"user = {ACCOUNT}\ngroup = {ACCOUNT}" if is_root else "",
        "NGINX": "user root;" if is_root else "",
    }
    values = {"folder": folder, "port": port, "processes": processes}
    config = OURS.format(**values)
    texts = {"fpm": FPM, "nginx": NGINX}
    for name, text in texts.items():
        path = folder / f"{name}.conf"
        path.write_text(text.format(account=accounts[name.upper()], **values))
    commands = {
        "fpm": [fpm, "-y", str(folder / "fpm.conf"), "-F"],
        "nginx": [nginx, "-c", str(folder / "nginx.conf"), "-e", "stderr"],
    }
    with contextlib.ExitStack() as stack:
        stack.enter_context(servers.serve_ours(config, folder))
        for name, command in commands.items():
            stack.enter_context(run(command, folder / f"{name}.log"))
        url = f"http://127.0.0.1:{port}"
        for path_of in URLS.values():
            wait_until_it_answers(url + path_of)
        yield url


@contextlib.contextmanager
def run(command: list[str], log: Path) -> Iterator[None]:
    with log.open("a") as file:
        process = subprocess.Popen(command, stderr=file)
    try:
        yield
    finally:
        servers.stop(process)


def wait_until_it_answers(url: str) -> None:
    deadline = time.monotonic() + servers.PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urlopen(url) as response:
            if b"Hello, World!" in response.read():
                return
        time.sleep(0.05)
    raise RuntimeError(f"nobody answers at {url}")


if __name__ == "__main__":
    main()
