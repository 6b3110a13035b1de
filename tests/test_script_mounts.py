"""The script mounts of all sites together."""

from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.config import Config
from httpout_cgi.processes import script_mounts

SITES = """\
sites:
- hosts: [a.example]
  scripts:
  - {url: /cgi-bin/, path: cgi-bin, timeout: 5s}
  - {url: /pages/, path: pages, output: page, timeout: 7s}
  - {url: /one, file: alone/one.py, output: page}
- scripts:
  - {url: /cgi-bin/, path: cgi-bin}
  - {url: /apart/, path: apart, output: page, runner: process}
"""


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    for name in ("htdocs", "cgi-bin", "pages", "alone", "apart"):
        (tmp_path / name).mkdir()
    (tmp_path / "alone" / "one.py").touch()
    (tmp_path / "config.yaml").write_text(SITES)
    return config.load(tmp_path / "config.yaml")


def test_each_folder_of_scripts_is_listed_once(
    settings: Config, tmp_path: Path
) -> None:
    names = ("alone", "apart", "cgi-bin", "pages")
    expected = [str(tmp_path / name) for name in names]
    assert script_mounts.list_script_folders(settings) == expected


def test_pages_of_processes_are_in_no_folder_of_a_worker(
    settings: Config, tmp_path: Path
) -> None:
    assert script_mounts.list_page_folders(settings) == [str(tmp_path / "pages")]


def test_the_longest_run_may_be_of_any_site(settings: Config, tmp_path: Path) -> None:
    assert script_mounts.find_longest_run(settings) == 60
    quick = settings.model_copy(update={"sites": settings.sites[:1]})
    assert script_mounts.find_longest_run(quick) == 60  # of the one file
    (tmp_path / "config.yaml").write_text("sites: [{scripts: []}]")
    none = config.load(tmp_path / "config.yaml")
    assert script_mounts.find_longest_run(none) == 0


def test_the_longest_run_may_be_of_an_account(tmp_path: Path) -> None:
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "config.yaml").write_text(
        "user: nobody\nsites: [{scripts: []}]\n"
        "users: {scripts: [{timeout: 9s}, {url: b/}]}\n"
    )
    settings = config.load(tmp_path / "config.yaml")
    assert script_mounts.find_longest_run(settings) == 60
