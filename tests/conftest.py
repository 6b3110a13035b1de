"""Fixtures for tests that need a live server."""

import os
import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TypeAlias

import hypothesis
import pytest

from tests.live import URL, Server
from tests.root_server import open_folder, python  # noqa: F401  fixtures

Serve: TypeAlias = Callable[..., Server]

# The slowest files, the slowest first.  Where several processes share the tests, each
# takes one file after the other (scripts/test): what takes long must not come last.
SLOW_FILES = (
    "test_process_live",
    "test_isolation",
    "test_idioms",
    "test_supervisor",
    "test_run_ends",
    "test_pools_live",
    "test_recycling",
    "test_pool",
)

# The same examples each time: who looks for new ones gives HYPOTHESIS_SEARCH=1.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
if not os.environ.get("HYPOTHESIS_SEARCH"):
    hypothesis.settings.load_profile("same")

# A shell lets what it starts with "&" ignore these, and that is inherited.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

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


def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    """Let the slow files come first where the tests are shared."""
    if hasattr(config, "workerinput"):
        ranks = {name: rank for rank, name in enumerate(SLOW_FILES)}
        items.sort(key=lambda item: ranks.get(item.path.stem, len(ranks)))


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, object, object]:
    """Keep surrogates from a report that goes to another process.

    Tests of what is not UTF-8 log them, and pytest-xdist cannot send them.
    """
    return replace_surrogates((yield))


def replace_surrogates(value: object) -> object:
    """Escape them in all the strings of lists and dicts."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case list() | tuple():
            return type(value)(map(replace_surrogates, value))
        case dict():
            return {key: replace_surrogates(one) for key, one in value.items()}
    return value
