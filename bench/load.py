"""A load on one URL: wrk where it is installed, else a small client of our own."""

import asyncio
import re
import shutil
import ssl
import subprocess
import time
from urllib.parse import urlsplit


def measure(url: str, *, seconds: float, connections: int) -> float:
    """Return the requests per second that were answered, with keep-alive.

    Raises RuntimeError if an answer was anything but a 2xx.
    """
    if shutil.which("wrk"):
        return _measure_with_wrk(url, seconds, connections)
    return asyncio.run(_measure_with_client(url, seconds, connections))


def client_name() -> str:
    """Tell which client ``measure`` uses."""
    return "wrk" if shutil.which("wrk") else "bench/load.py's own client"


def _measure_with_wrk(url: str, seconds: float, connections: int) -> float:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"^Requests/sec:\s+([\d.]+)", output, re.MULTILINE)
    if not rate or "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"not every answer was a good one:\n{output}")
    return float(rate[1])


async def _measure_with_client(url: str, seconds: float, connections: int) -> float:
    started = time.monotonic()
    deadline = started + seconds
    counts = await asyncio.gather(
        *(_ask_again_and_again(url, deadline) for _ in range(connections))
    )
    return sum(counts) / (time.monotonic() - started)


async def _ask_again_and_again(url: str, deadline: float) -> int:
    """Return how many requests one connection got answers to."""
    parts = urlsplit(url)
    tls = None
    if parts.scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, ssl=tls)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    count = 0
    try:
        while time.monotonic() < deadline:
            writer.write(request)
            await _read_response(reader)
            count += 1
    finally:
        writer.close()
    return count


async def _read_response(reader: asyncio.StreamReader) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not re.match(rb"http/1\.1 2\d\d ", head):
        raise RuntimeError(f"not a good answer: {head!r}")
    if length := re.search(rb"\r\ncontent-length: *(\d+)", head):
        await reader.readexactly(int(length[1]))
        return
    while size := int(await reader.readuntil(b"\r\n"), 16):
        await reader.readexactly(size + 2)
    await reader.readuntil(b"\r\n")
