#!/usr/bin/env python3
"""Compare requests per second: our hello script and httpout 0.1.1's hello page.

Both: one process that serves, uvloop, keep-alive connections, the same machine, in
turns.  httpout has no access log, so ours goes to /dev/null; with --log, to a file.
"""

import argparse
import os
import platform
import statistics
import tempfile
from pathlib import Path

import load
import servers

CONFIG = """\
listen: ["127.0.0.1:0"]
workers: 1
loop: auto
sites:
  - docroot: {root}/htdocs
    scripts: [{{url: /cgi-bin/, path: {root}/cgi-bin, runner: thread}}]
log:
  access: {{path: {log}}}
"""


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of what ``compare`` needs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3, help="of one round")
    parser.add_argument("--connections", type=int, default=16)
    return parser


def read_options() -> argparse.Namespace:
    parser = make_parser(__doc__)
    parser.add_argument("--log", action="store_true", help="write our access log")
    return parser.parse_args()


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pages = folder / "pages"
        pages.mkdir()
        (pages / "hello.py").write_text('print("Hello, World!")\n')
        log = folder / "access.log" if options.log else os.devnull
        config = CONFIG.format(root=servers.ROOT, log=log)
        with (
            servers.serve_ours(config, folder) as (ours, _),
            servers.serve_httpout(pages) as httpout,
        ):
            compare(f"{ours}/cgi-bin/hello.py", f"{httpout}/hello.py", options)


def compare(ours: str, httpout: str, options: argparse.Namespace) -> None:
    """Load both in turns, after a second of warming up, and print the medians."""
    rates: dict[str, list[float]] = {ours: [], httpout: []}
    connections = options.connections
    for url in rates:
        load.measure(url, seconds=1, connections=connections)
    for _ in range(options.rounds):
        for url, found in rates.items():
            rate = load.measure(url, seconds=options.seconds, connections=connections)
            found.append(rate)
    mine, theirs = (statistics.median(found) for found in rates.values())
    print(f"Python {platform.python_version()}, {load.client_name()}, ", end="")
    print(f"{connections} connections, {options.rounds} x {options.seconds:g} s each")
    print(f"httpout-cgi    {mine:8,.0f} requests/s  {show(rates[ours])}")
    print(f"httpout 0.1.1  {theirs:8,.0f} requests/s  {show(rates[httpout])}")
    print(f"ratio          {mine / theirs:8.2f}")


def show(rates: list[float]) -> str:
    return f"({min(rates):,.0f} to {max(rates):,.0f})"


if __name__ == "__main__":
    main()
