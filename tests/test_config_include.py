"""Includes: maps merge, lists append, the same scalar twice is an error."""

from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.config import Config
from httpout_cgi.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with folders for two sites."""
    for name in ("htdocs", "cgi-bin", "sites.d/htdocs", "sites.d/cgi-bin"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(**files: str) -> Config:
    """Load config.yaml after writing files; ``a__b`` stands for a/b.yaml."""
    for name, text in files.items():
        Path(name.replace("__", "/") + ".yaml").write_text(text, encoding="utf-8")
    return config.load(Path("config.yaml"))


def complain(**files: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(**files)
    return list(caught.value.problems)


INCLUDE_ALL = "include: [sites.d/*.yaml]\n"


def test_lists_append_in_the_order_of_names(folder: Path) -> None:
    settings = load(
        config=INCLUDE_ALL + "sites: [{hosts: [main]}]",
        **{
            "sites.d__b": "sites: [{hosts: [b]}]",
            "sites.d__a": "sites: [{hosts: [a]}]",
        },
    )
    assert [site.hosts for site in settings.sites] == [("main",), ("a",), ("b",)]


def test_maps_merge() -> None:
    settings = load(
        config="include: [more.yaml]\nlimits: {keep_alive: 1s}",
        more="limits: {connections: 5}\nthreads: 3",
    )
    assert settings.limits.keep_alive == 1.0
    assert settings.limits.connections == 5
    assert settings.threads == 3


def test_paths_are_relative_to_the_file_they_were_written_in(folder: Path) -> None:
    settings = load(
        config=INCLUDE_ALL,
        **{"sites.d__a": "sites: [{hosts: [a]}, {docroot: ../htdocs}]"},
    )
    first, second = settings.sites
    assert first.docroot == folder / "sites.d" / "htdocs"
    assert first.scripts[0].path == folder / "sites.d" / "cgi-bin"
    assert second.docroot == folder / "htdocs"


def test_all_files_that_were_read_are_known(folder: Path) -> None:
    settings = load(
        config="include: [one.yaml]", one="include: [two.yaml]", two="threads: 2"
    )
    names = ("config.yaml", "one.yaml", "two.yaml")
    assert settings.sources == tuple(folder / name for name in names)
    assert settings.threads == 2


def test_a_file_that_two_patterns_match_is_read_once() -> None:
    settings = load(
        config="include: [sites.d/*.yaml, sites.d/a.yaml]",
        **{"sites.d__a": "sites: [{hosts: [a]}]"},
    )
    assert len(settings.sites) == 1


def test_a_pattern_that_matches_nothing_is_fine() -> None:
    assert load(config="include: [nothing.d/*.yaml]").threads == 16


def test_a_pattern_skips_folders() -> None:
    Path("sites.d/x.yaml").mkdir()
    assert load(config=INCLUDE_ALL).threads == 16


def test_patterns_are_relative_to_the_file() -> None:
    Path("sites.d/config.yaml").write_text("include: ['x*.yaml', y.yaml]")
    Path("sites.d/x1.yaml").write_text("threads: 5")
    Path("sites.d/y.yaml").write_text("queue: 5")
    settings = config.load(Path("sites.d/config.yaml"))
    assert (settings.threads, settings.queue) == (5, 5)


def test_a_folder_whose_name_looks_like_a_pattern_is_no_pattern(
    folder: Path,
) -> None:
    strange = folder / "a[b]*"
    strange.mkdir()
    (strange / "config.yaml").write_text("include: ['*.inc']\nsites: [{docroot: ..}]")
    (strange / "x.inc").write_text("threads: 4")
    assert config.load(strange / "config.yaml").threads == 4


@pytest.mark.parametrize(
    ("files", "lines"),
    [
        pytest.param(
            {"config": "include: [a.yaml]\nthreads: 1", "a": "\nthreads: 1"},
            ["a.yaml:2: threads: is given in config.yaml:2 already; remove one"],
            id="scalar twice",
        ),
        pytest.param(
            {"config": "include: [a.yaml]\nlimits: {}", "a": "limits: []"},
            ["a.yaml:1: limits: is given in config.yaml:2 already; remove one"],
            id="map and list",
        ),
        pytest.param(
            {"config": "include: [config.yaml]"},
            ['config.yaml:1: include: "config.yaml" includes itself; remove it'],
            id="itself",
        ),
        pytest.param(
            {"config": "include: [a.yaml]", "a": "\ninclude: [./config.yaml]"},
            ['a.yaml:2: include: "config.yaml" includes itself; remove it'],
            id="cycle",
        ),
        pytest.param(
            {"config": "include:\n- a.yaml\n- nope.yaml", "a": "threads: 1"},
            ['config.yaml:3: include: "nope.yaml" does not exist; correct the name'],
            id="missing",
        ),
        pytest.param(
            {"config": "include: a.yaml"},
            ["config.yaml:1: include: must be a list; write [file.yaml]"],
            id="no list",
        ),
        pytest.param(
            {"config": "include:\nthreads: 2"},
            ["config.yaml:1: include: must be a list; write [file.yaml]"],
            id="nothing",
        ),
        pytest.param(
            {"config": "include: [5]"},
            ["config.yaml:1: include: must be text; write a file's name"],
            id="number",
        ),
        pytest.param(
            {"config": "include: [a.yaml, b.yaml]", "a": "a: [", "b": "\tb"},
            [
                "a.yaml:1: expected the node content, but found '<stream end>'",
                "b.yaml:1: a tab; indent with spaces",
            ],
            id="syntax of several",
        ),
        pytest.param(
            {"config": "include: [a.yaml]\nthreads: 0", "a": "qeue: 1"},
            [
                'a.yaml:1: qeue: unknown key; did you mean "queue"?',
                "config.yaml:2: threads: 0 is out of range; it must be at least 1",
            ],
            id="the place in the included file",
        ),
    ],
)
def test_what_is_wrong_names_the_places(
    files: dict[str, str], lines: list[str]
) -> None:
    assert complain(**files) == lines


def test_an_included_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("config.yaml").write_text("include: [a.yaml]")
    Path("a.yaml").write_text("")
    read = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "a.yaml":
            raise PermissionError(13, "Permission denied")
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ConfigError) as caught:
        config.load(Path("config.yaml"))
    assert caught.value.problems == (
        'config.yaml:1: "a.yaml" cannot be read: Permission denied',
    )
