"""The listeners that are bound: all or none, and those that stay are not touched."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from httpout_cgi.config import Config, Listener, default
from httpout_cgi.errors import StartError
from httpout_cgi.processes import listeners
from httpout_cgi.processes.bound_listeners import BoundListeners

TCP, TLS_0 = Listener("127.0.0.1", 0), Listener("127.0.0.1", 0, secure=True)


@pytest.fixture
def bound() -> Iterator[BoundListeners]:
    one = BoundListeners(None)
    yield one
    one.close_all()


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    for name in ("htdocs", "cgi-bin"):
        (tmp_path / name).mkdir()
    return default(tmp_path)


def listen(config: Config, *wanted: Listener, pool: Listener | None = None) -> Config:
    """Return settings with these listeners, and perhaps one of the pool."""
    pools = config.pools.model_copy(update={"scgi_listen": pool})
    return config.model_copy(update={"listen": wanted, "pools": pools})


def test_what_stays_is_the_same_socket(
    bound: BoundListeners, settings: Config, tmp_path: Path
) -> None:
    path = Listener(path=tmp_path / "s")
    old, new = listen(settings, TCP, path), listen(settings, TCP)
    assert bound.take(bound.bind(old, old)) == {}
    kept, left = bound[TCP], bound[path]
    assert bound.take(bound.bind(new, old)) == {path: left}
    assert bound[TCP] is kept
    assert left.fileno() >= 0  # until the workers know
    listeners.close(path, left)


def test_what_was_bound_for_nothing_is_closed(
    bound: BoundListeners, settings: Config, tmp_path: Path
) -> None:
    old = listen(settings, TCP)
    bound.take(bound.bind(old, old))
    path, foreign = Listener(path=tmp_path / "s"), Listener("192.0.2.1", 1)
    with pytest.raises(StartError):
        bound.bind(listen(settings, TCP, path, foreign), old)
    assert not (tmp_path / "s").exists()
    assert bound[TCP].fileno() >= 0


def test_a_port_may_come_to_have_tls(bound: BoundListeners, settings: Config) -> None:
    with listeners.bind(TCP) as free:
        port = free.getsockname()[1]
    plain = Listener("127.0.0.1", port)
    secure = Listener("127.0.0.1", port, secure=True)
    old, new = listen(settings, plain), listen(settings, secure)
    bound.take(bound.bind(old, old))
    removed = bound.take(bound.bind(new, old))
    assert removed[plain].getsockname() == bound[secure].getsockname()
    removed[plain].close()


def test_any_port_is_another_one_with_tls(
    bound: BoundListeners, settings: Config
) -> None:
    old, new = listen(settings, TCP), listen(settings, TLS_0)
    bound.take(bound.bind(old, old))
    with bound.take(bound.bind(new, old))[TCP] as removed:
        assert removed.getsockname() != bound[TLS_0].getsockname()


def test_the_pool_is_for_its_group_and_its_socket_for_no_worker(
    bound: BoundListeners, settings: Config, tmp_path: Path
) -> None:
    path = Listener(path=tmp_path / "s")
    old = listen(settings, TCP, pool=path)
    bound.take(bound.bind(old, old))
    seen = os.stat(tmp_path / "s")
    assert (stat.S_IMODE(seen.st_mode), seen.st_gid) == (0o660, os.getegid())
    with pytest.raises(StartError, match="address already in use"):
        bound.bind(listen(settings, TCP, path), old)
    assert (tmp_path / "s").exists()


def test_close_all_removes_the_files(
    bound: BoundListeners, settings: Config, tmp_path: Path
) -> None:
    config = listen(settings, TCP, Listener(path=tmp_path / "s"))
    bound.take(bound.bind(config, config))
    sock = bound[TCP]
    bound.close([TCP])
    assert sock.fileno() == -1
    bound.close_all()
    assert not (tmp_path / "s").exists()
