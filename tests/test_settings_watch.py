"""The files of the settings are watched."""

import time
from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.config import TLS, Config
from httpout_cgi.processes.settings_watch import SettingsWatch, list_files


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    """Settings with a file, and with those of a certificate."""
    for name in ("htdocs", "cgi-bin"):
        (tmp_path / name).mkdir()
    for name in ("config.yaml", "chain.pem", "key.pem"):
        (tmp_path / name).touch()
    tls = TLS(certificate=tmp_path / "chain.pem", key=tmp_path / "key.pem")
    loaded = config.load(tmp_path / "config.yaml")
    return loaded.model_copy(update={"tls": tls})


@pytest.mark.parametrize("name", ["config.yaml", "chain.pem", "key.pem"])
def test_an_edit_is_told_until_it_was_seen(
    settings: Config, tmp_path: Path, name: str
) -> None:
    watch = SettingsWatch(settings)
    assert not watch.has_changed(settings, 1.0)
    (tmp_path / name).write_text("edited")
    assert watch.has_changed(settings, 2.0)
    assert watch.has_changed(settings, 3.0)
    watch.see(list_files(settings))
    assert not watch.has_changed(settings, 4.0)


def test_a_file_that_goes_has_changed(settings: Config, tmp_path: Path) -> None:
    watch = SettingsWatch(settings)
    (tmp_path / "key.pem").unlink()
    assert watch.has_changed(settings, 1.0)
    watch.see(list_files(settings))
    assert not watch.has_changed(settings, 2.0)


def test_what_was_seen_before_stays(settings: Config, tmp_path: Path) -> None:
    watch = SettingsWatch(settings)
    more = tmp_path / "more.yaml"
    more.touch()
    # Edited while it is read.
    (tmp_path / "config.yaml").write_text("edited")
    files = [*list_files(settings), more]
    watch.see_more(files, since=time.time_ns() + 10**9)
    assert watch.has_changed(settings, 1.0)
    watch.see(files)
    assert not watch.has_changed(settings, 2.0)
    more.write_text("edited")
    assert watch.has_changed(settings, 3.0)
    watch.keep(list_files(settings))
    assert not watch.has_changed(settings, 4.0)
    (tmp_path / "config.yaml").write_text("edited again")
    assert watch.has_changed(settings, 5.0)


def test_a_file_that_was_edited_since_it_was_read_has_changed(
    settings: Config, tmp_path: Path
) -> None:
    watch = SettingsWatch(settings)
    more = tmp_path / "more.yaml"
    more.touch()
    edited = more.stat().st_ctime_ns
    missing = tmp_path / "missing.yaml"
    watch.see_more([more, missing], since=edited + 20_000_000)
    assert not watch.has_changed(settings, 1.0)
    watch.keep(list_files(settings))
    watch.see_more([more], since=edited)
    assert watch.has_changed(settings, 2.0)


def test_it_looks_once_a_second(settings: Config, tmp_path: Path) -> None:
    watch = SettingsWatch(settings)
    assert not watch.has_changed(settings, 10.0)
    (tmp_path / "config.yaml").write_text("edited")
    assert not watch.has_changed(settings, 10.9)
    assert watch.next_check == 11.0
    assert watch.has_changed(settings, 11.0)


def test_nothing_has_changed_if_nobody_wants_to_know(
    settings: Config, tmp_path: Path
) -> None:
    off = settings.reload.model_copy(update={"watch": "off"})
    settings = settings.model_copy(update={"reload": off})
    watch = SettingsWatch(settings)
    (tmp_path / "config.yaml").write_text("edited")
    assert not watch.has_changed(settings, 1.0)
