"""The event loop of a worker: uvloop's if it is there, unless it is not wanted."""

import sys

import pytest

from httpout_cgi.errors import StartError
from httpout_cgi.processes.event_loop import make_loop


def test_a_wanted_loop_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(StartError, match="loop: uvloop is not installed"):
        make_loop("uvloop")
    loop = make_loop("auto")
    assert type(loop).__module__.startswith("asyncio")
    loop.close()


def test_asyncio_is_had_if_that_is_wanted() -> None:
    loop = make_loop("asyncio")
    assert type(loop).__module__.startswith("asyncio")
    loop.close()
