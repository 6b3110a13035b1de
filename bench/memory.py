#!/usr/bin/env python3
"""Measure how much a worker grows (Linux) while 200 MiB go through it.

Three ways: a script's output to a slow reader, a file to a slow reader, and a chunked
upload that a script reads.  Growth is the peak (VmHWM) less what was resident before.
"""

import http.client
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import servers

SIZE = 200 << 20
PIECE = 64 << 10
LIMIT = 16 << 20  # what the project promises

CONFIG = """\
listen: ["127.0.0.1:0"]
workers: 1
sites:
  - docroot: {folder}
    scripts: [{{url: /cgi-bin/, path: {folder}/cgi-bin, runner: thread}}]
limits: {{request_body: 256MiB}}
log:
  access: {{path: {folder}/access.log}}
"""

DOWNLOAD = f"""\
import sys
print("Content-Type: application/octet-stream\\n", flush=True)
for _ in range({SIZE // PIECE}):
    sys.stdout.buffer.write(bytes({PIECE}))
"""

UPLOAD = f"""\
import sys
size = 0
while piece := sys.stdin.buffer.read({PIECE}):
    size += len(piece)
print("Content-Type: text/plain\\n")
print(size)
"""


def download(url: str, target: str) -> None:
    """Read as a slow client does: nothing for a second, then 50 MiB a second."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("GET", target)
    response = connection.getresponse()
    time.sleep(1)
    size = 0
    while piece := response.read(PIECE):
        size += len(piece)
        time.sleep(len(piece) / (50 << 20))
    connection.close()
    check(response.status == 200 and size == SIZE, f"{target}: {size} bytes")


def upload(url: str, target: str) -> None:
    """Send a chunked body, and ask the script how much it read."""

    def pieces() -> Iterator[bytes]:
        for _ in range(SIZE // PIECE):
            yield bytes(PIECE)

    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("POST", target, body=pieces(), encode_chunked=True)
    answer = connection.getresponse().read()
    connection.close()
    check(answer.strip() == str(SIZE).encode(), f"{target}: {answer[:80]!r}")


def check(good: bool, message: str) -> None:
    if not good:
        raise RuntimeError(f"not all bytes arrived: {message}")


def measure_growth(worker: int, work: Callable[[], None]) -> int:
    """Return the bytes by which the worker's peak exceeded its size before."""
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # forget the peak so far
    before = servers.read_status(worker, "VmRSS")
    work()
    return (servers.read_status(worker, "VmHWM") - before) * 1024


def prepare(folder: Path) -> None:
    scripts = folder / "cgi-bin"
    scripts.mkdir()
    (scripts / "download.py").write_text(DOWNLOAD)
    (scripts / "upload.py").write_text(UPLOAD)
    (scripts / "hello.py").write_text('print("Content-Type: text/plain\\n\\nhello")\n')
    with (folder / "file.bin").open("wb") as file:
        file.truncate(SIZE)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder)
        config = CONFIG.format(folder=folder)
        with servers.serve_ours(config, folder) as (url, worker):
            warm_up(url)
            growths = {
                "script's output": measure_growth(
                    worker, lambda: download(url, "/cgi-bin/download.py")
                ),
                "file": measure_growth(worker, lambda: download(url, "/file.bin")),
                "chunked upload": measure_growth(
                    worker, lambda: upload(url, "/cgi-bin/upload.py")
                ),
            }
    for what, growth in growths.items():
        verdict = "ok" if growth < LIMIT else "TOO MUCH"
        print(
            f"{what:16} {SIZE >> 20} MiB: worker grew {growth / 2**20:5.1f} MiB", end=""
        )
        print(f"  {verdict}")
    return int(any(growth >= LIMIT for growth in growths.values()))


def warm_up(url: str) -> None:
    """Run a script and start all threads, so that these are not counted."""
    for _ in range(50):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        connection.request("GET", "/cgi-bin/hello.py")
        connection.getresponse().read()
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
