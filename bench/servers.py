"""The servers under test: ours, and httpout in a virtual environment of its own."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30.0  # seconds
PEER_REQUIREMENTS = ("httpout==0.1.1", "uvloop")


@contextlib.contextmanager
def serve_ours(config: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Start our server with the settings; yield its URL and its worker's process id."""
    path = folder / "config.yaml"
    path.write_text(config, encoding="utf-8")
    with _serve(["--config", str(path)], folder) as served:
        yield served


@contextlib.contextmanager
def serve_pages(pages: Path) -> Iterator[tuple[str, int]]:
    """Start our server on a folder of pages, without settings; as ``serve_ours``."""
    with _serve(["--port", "0", str(pages)], pages.parent) as served:
        yield served


@contextlib.contextmanager
def _serve(arguments: list[str], folder: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "httpout_cgi", *arguments]
    path = folder / "output.log"
    with (folder / "error.log").open("w") as log, path.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=log)
    try:
        yield _read_url(process, path), _find_worker(process.pid)
    finally:
        stop(process)


@contextlib.contextmanager
def serve_httpout(folder: Path) -> Iterator[str]:
    """Start httpout 0.1.1 on a folder of pages; yield its URL."""
    port = find_free_port()
    command = [str(_prepare_peer()), "-m", "httpout", "--port", str(port)]
    command += ["--worker-num", "0", "--log-level", "ERROR"]
    command += ["--loop", "uvloop.Loop", str(folder)]
    with (folder.parent / "httpout.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(url + "/hello.py", process)
        yield url
    finally:
        stop(process)


def _prepare_peer() -> Path:
    """Return the Python of httpout's environment, made at the first call."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "httpout-cgi-bench"
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists():
        print(f"installing {PEER_REQUIREMENTS[0]} in {folder}", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        pip = [str(python), "-m", "pip", "install", "--quiet"]
        pip += ["--disable-pip-version-check", *PEER_REQUIREMENTS]
        subprocess.run(pip, check=True)
        stamp.touch()
    return python


def _read_url(process: subprocess.Popen[bytes], output: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if url := re.search(r"http://[\w.:]+", output.read_text()):
            return url[0]
        time.sleep(0.05)
    raise RuntimeError("our server did not start")


def _find_worker(supervisor: int) -> int:
    """Return the process id of the supervisor's only child (Linux)."""
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children")
    return int(children.read_text().split()[0])


def read_status(process: int, name: str) -> int:
    """Return a number of /proc/PID/status (Linux), such as VmRSS, in KiB."""
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    assert found, f"no {name} in:\n{status}"
    return int(found[1])


def find_free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_until_it_answers(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urlopen(url, timeout=PATIENCE) as response:
            if b"Hello, World!" in response.read():
                return
        time.sleep(0.05)
    raise RuntimeError(f"httpout does not answer at {url}")


def stop(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM, and SIGKILL to what stays."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
