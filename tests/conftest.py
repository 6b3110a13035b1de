"""Fixtures for tests that need a live server."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import hypothesis
import pytest

from tests.live import URL, Server
from tests.root_server import open_folder, python  # noqa: F401  fixtures

Serve: TypeAlias = Callable[..., Server]

# The same examples each time: who looks for new ones gives HYPOTHESIS_SEARCH=1.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
if not os.environ.get("HYPOTHESIS_SEARCH"):
    hypothesis.settings.load_profile("same")

# A shell lets what it starts with "&" ignore SIGINT, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)

# What the shell of whoever runs the tests asks of its interpreters is nothing that the
# servers in the tests should know.
for name in [name for name in os.environ if name.startswith("PYTHON")]:
    del os.environ[name]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start servers from config files, or from YAML text, and stop them at the end.

    ``serve(config, *options, ready=URL)``: text is written to tmp_path/config.yaml,
    so that its paths are relative to tmp_path; let it listen on 127.0.0.1:0.  A
    server that the test has not ended itself must end with exit code 0 on SIGTERM.
    """
    servers: list[Server] = []

    def start(config: Path | str, *options: str, ready: str = URL) -> Server:
        if isinstance(config, str):
            path = tmp_path / "config.yaml"
            path.write_text(config, encoding="utf-8")
            config = path
        server = Server(config, *options)
        servers.append(server)
        server.wait_until_ready(ready)
        return server

    yield start
    running = [server for server in servers if server.process.poll() is None]
    codes = {server: server.stop() for server in servers}
    for server in running:
        assert codes[server] == 0, server.stderr.text
