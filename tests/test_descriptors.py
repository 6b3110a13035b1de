"""How many files a worker may have open, by what the system allows."""

import resource
from pathlib import Path

import pytest

from httpout_cgi.config import Limits, default
from httpout_cgi.processes.descriptors import allow_descriptors

NO_LIMIT = resource.RLIM_INFINITY
# 2 for each of 1,000 connections, 512 for scripts, 6 for each of 100 waiting runs.
WANTED = 3112


@pytest.mark.parametrize(
    ("limits", "raised", "connections"),
    [
        pytest.param((1024, 1 << 20), (WANTED, 1 << 20), 1000, id="Debian"),
        pytest.param((256, NO_LIMIT), (WANTED, NO_LIMIT), 1000, id="macOS"),
        pytest.param((20_000, 20_000), None, 1000, id="enough"),
        pytest.param((NO_LIMIT, NO_LIMIT), None, 1000, id="no limit"),
        pytest.param((1024, 2600), (2600, 2600), 1000, id="few for runs"),
        pytest.param((512, 1024), (1024, 1024), 512, id="few for connections"),
        pytest.param((64, 64), None, 32, id="very few"),
    ],
)
def test_open_files_are_for_connections_and_for_what_they_send(
    limits: tuple[int, int],
    raised: tuple[int, int] | None,
    connections: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "cgi-bin").mkdir()
    told = {"limits": Limits(connections=1000), "queue": 100}
    config = default(tmp_path).model_copy(update=told)
    done: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, pair: done.append(pair))
    assert allow_descriptors(config).limits.connections == connections
    assert done == ([raised] if raised else [])
    assert len(caplog.messages) == (connections < 1000)
