"""Privileges: docroots, script folders and scripts that the workers cannot use."""

import os
from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.config import Config
from httpout_cgi.errors import StartError
from httpout_cgi.processes import privileges
from tests.accounts import NOBODY, public_folder, without_privileges


def make_config(folder: Path) -> Config:
    """Load settings with a docroot, a script folder and a script of its own."""
    for name in ("htdocs", "cgi-bin"):
        (folder / name).mkdir(mode=0o755)
    (folder / "one").touch(mode=0o644)
    (folder / "config.yaml").write_text(
        "sites: [{docroot: htdocs, scripts: [{path: cgi-bin}, {url: /one, file: one}]}]"
    )
    return config.load(folder / "config.yaml")


@pytest.mark.parametrize(
    ("name", "mode", "named"),
    [
        pytest.param("htdocs", 0o600, "docroot", id="docroot without search"),
        pytest.param("cgi-bin", 0o600, "script folder", id="folder without search"),
        pytest.param("cgi-bin", 0o311, "script folder", id="folder without listing"),
        pytest.param("one", 0o311, "script", id="script"),
    ],
)
def test_what_the_workers_cannot_use_is_named(name: str, mode: int, named: str) -> None:
    with public_folder() as folder:
        loaded = make_config(folder)
        (folder / name).chmod(mode)
        text = rf"^{named} {folder / name} cannot be read$"
        with without_privileges(), pytest.raises(StartError, match=text):
            privileges.check_folders(loaded, None)


def test_a_docroot_need_not_be_listed() -> None:
    with public_folder() as folder:
        loaded = make_config(folder)
        (folder / "htdocs").chmod(0o311)
        with without_privileges():
            privileges.check_folders(loaded, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become others")
def test_the_account_is_named() -> None:
    account = privileges.Account("somebody", NOBODY, NOBODY, (NOBODY,))
    with public_folder() as folder:
        loaded = make_config(folder)
        (folder / "cgi-bin").chmod(0o750)
        text = r"^script folder .*/cgi-bin cannot be read by somebody$"
        with pytest.raises(StartError, match=text):
            privileges.check_folders(loaded, account)
