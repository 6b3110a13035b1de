"""The settings as a whole: load, default, override, hand on."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.config import Config, Listener, ScriptMount, Site
from httpout_cgi.errors import ConfigError

REFERENCE = Path(__file__).parent / "cases" / "config" / "reference.yaml"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with what the defaults name."""
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "one").write_text("#!/usr/bin/python3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(text: str) -> Config:
    Path("config.yaml").write_text(text, encoding="utf-8")
    return config.load(Path("config.yaml"))


def complain(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text)
    return list(caught.value.problems)


def forget_sources(settings: Config) -> Config:
    return settings.model_copy(update={"sources": ()})


def test_the_reference_file_holds_the_defaults(folder: Path) -> None:
    settings = load(REFERENCE.read_text("utf-8"))
    assert forget_sources(settings) == config.default(folder)
    site = settings.sites[0]
    assert site == Site(docroot=folder / "htdocs", scripts=site.scripts)
    assert site.scripts == (ScriptMount(path=folder / "cgi-bin"),)
    assert settings == Config(sites=(site,), sources=settings.sources)


def test_the_reference_file_names_every_key() -> None:
    text = REFERENCE.read_text("utf-8")
    models = config.schema()["$defs"]
    assert isinstance(models, dict)
    for name, shape in models.items():
        for key in shape["properties"]:
            assert f"{key}:" in text, f"{name}.{key}"


def test_an_empty_file_means_the_defaults(folder: Path) -> None:
    assert forget_sources(load("# nothing\n")) == config.default(folder)


def test_values_are_converted(folder: Path) -> None:
    settings = load(
        "listen: ['[::]:80', 'unix:x.sock']\n"
        "workers: auto\n"
        "limits: {request_body: 1GiB, keep_alive: 500ms}\n"
        "sites:\n"
        "- hosts: [Example.ORG]\n"
        "  error_pages: {404: /errors/404.html}\n"
        "  scripts:\n"
        "  - {url: /one, file: one, environment: {A: 1.50, B: 022, C: 7}}\n"
        "log: {access: {path: access.log, format: '%h'}, error: {path: '-'}}\n"
        "trusted_proxies: [10.0.0.0/8, unix]\n"
    )
    assert settings.listen == (Listener("::", 80), Listener(path=folder / "x.sock"))
    assert settings.worker_count >= 1
    assert settings.limits.request_body == 2**30
    assert settings.limits.keep_alive == 0.5
    assert settings.sites[0].hosts == ("example.org",)
    assert settings.sites[0].error_pages == {404: "/errors/404.html"}
    mount = settings.sites[0].scripts[0]
    assert mount.file == folder / "one"
    assert mount.environment == {"A": "1.50", "B": "022", "C": "7"}
    assert settings.log.access.path == folder / "access.log"
    assert settings.log.error.path is None
    assert settings.trusted_proxies == ("10.0.0.0/8", "unix")
    assert settings.sources == (folder / "config.yaml",)


def test_workers_are_counted() -> None:
    assert Config(workers=3).worker_count == 3


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().debug = True


def test_a_site_without_scripts_has_cgi_bin_if_it_exists(folder: Path) -> None:
    text = "sites: [{hosts: [a]}]"
    assert load(text).sites[0].scripts == (ScriptMount(path=folder / "cgi-bin"),)
    (folder / "cgi-bin").rmdir()
    assert load(text).sites[0].scripts == ()


def test_an_empty_list_of_scripts_stays_empty(folder: Path) -> None:
    assert load("sites: [{scripts: []}]").sites[0].scripts == ()


@pytest.mark.parametrize("missing", ["htdocs", "cgi-bin"])
def test_the_default_needs_its_folders(folder: Path, missing: str) -> None:
    (folder / missing).rmdir()
    with pytest.raises(ConfigError) as caught:
        config.default(folder)
    (line,) = caught.value.problems
    assert line == (
        f'without a config.yaml: "{folder / missing}" does not exist; '
        "make it, or correct the path"
    )
    with pytest.raises(ConfigError):
        load("workers: 1")


def test_what_is_not_readable_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not by chmod: root, who runs the tests in containers, may read everything.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    words = "is not readable; change its permissions"
    assert complain("sites: [{scripts: [{url: /one, file: one}]}]") == [
        f'config.yaml:1: sites[0].docroot: "{folder / "htdocs"}" {words}',
        f'config.yaml:1: sites[0].scripts[0].file: "{folder / "one"}" {words}',
    ]


def test_only_script_folders_must_be_listable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "cgi-bin").mkdir(exist_ok=True)
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.R_OK)
    (line,) = complain("sites: [{docroot: htdocs, scripts: [{path: cgi-bin}]}]")
    assert line.startswith("config.yaml:1: sites[0].scripts[0].path: ")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(
            lambda path: None, "cannot be read: No such file or directory", id="missing"
        ),
        pytest.param(
            lambda path: path.mkdir(), "cannot be read: Is a directory", id="folder"
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    folder: Path, make: Callable[[Path], None], reason: str
) -> None:
    make(Path("config.yaml"))
    with pytest.raises(ConfigError) as caught:
        config.load(Path("config.yaml"))
    assert caught.value.problems == (f"config.yaml: {reason}",)


def test_bytes_that_are_not_utf8_are_told_with_their_line(folder: Path) -> None:
    Path("config.yaml").write_bytes(b"workers: 1\nuser: \xff\n")
    with pytest.raises(ConfigError) as caught:
        config.load(Path("config.yaml"))
    assert caught.value.problems == ("config.yaml:2: is not UTF-8; save it as UTF-8",)


def test_a_byte_order_mark_is_harmless(folder: Path) -> None:
    assert load("\ufeffworkers: 2").workers == 2


def test_the_command_line_wins(folder: Path) -> None:
    settings = load("listen: ['127.0.0.1:1']\nworkers: 2")
    changed = config.override(settings, listen=["[::]:2"], workers="3", debug=True)
    assert changed.listen == (Listener("::", 2),)
    assert (changed.workers, changed.debug) == (3, True)
    assert changed.sources == settings.sources
    assert config.override(settings, workers="auto").workers == "auto"


def test_options_that_are_not_given_change_nothing(folder: Path) -> None:
    settings = load("debug: true\nlisten: ['127.0.0.1:1']\nlog: {error: {path: x}}")
    assert config.override(settings, listen=(), debug=False) == settings
    assert not config.override(Config(), debug=False).debug


def test_wrong_options_are_named(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.override(load(""), listen=["127.0.0.1:1", "x"], workers="many")
    assert caught.value.files == (folder / "config.yaml",)
    first, second = caught.value.problems
    assert first.startswith('--listen: "x" is not an address; write ')
    assert second == '--workers: must be a number from 1 to 1024, or "auto"'


def test_settings_travel_to_another_process(folder: Path) -> None:
    settings = load(
        "listen: ['[::1]:0', 'unix:x.sock']\n"
        "sites:\n"
        "- hosts: [bücher.de]\n"
        "  error_pages: {404: /e}\n"
        "  aliases: {/a/: htdocs}\n"
        "  scripts: [{url: /one, file: one, timeout: 1.5s}]\n"
        "log: {access: {path: access.log}}\n"
        "trusted_proxies: ['::1']\n"
    )
    text = config.dump(settings)
    (folder / "one").unlink()  # the other process may not see the files
    assert config.parse_dump(text) == settings


def test_port_zero_twice_could_not_be_told_apart_at_a_reload() -> None:
    with pytest.raises(ConfigError, match=r'--listen: "127.0.0.1:0" is given twice'):
        config.override(Config(), listen=["127.0.0.1:0", "127.0.0.1:0"])


@pytest.mark.parametrize(
    ("settings", "lines"),
    [
        pytest.param(Config(debug=True), [], id="debug on loopback"),
        pytest.param(
            Config(debug=True, listen=(Listener("0.0.0.0", 80),)),
            ["debug is on and 0.0.0.0:80 is not loopback: strangers see tracebacks"],
            id="debug in public",
        ),
        pytest.param(Config(listen=(Listener("0.0.0.0", 80),)), [], id="no debug"),
        pytest.param(
            Config(sites=(Site(hosts=("a", "b")), Site(hosts=("b", "*")))),
            ['sites[1] never answers for "b": sites[0] comes first'],
            id="host twice",
        ),
        pytest.param(
            Config(sites=(Site(), Site(hosts=("a",)))),
            ['sites[1] never answers for "a": sites[0] comes first'],
            id="behind every host",
        ),
        pytest.param(
            Config(sites=(Site(error_pages={404: "/a", 414: "/b", 413: "/c"}),)),
            [
                f"sites[0].error_pages: {status} is never used: such requests "
                "are refused before the site is known"
                for status in (413, 414)
            ],
            id="errors before the site is known",
        ),
    ],
)
def test_what_is_probably_not_meant_is_a_warning(
    settings: Config, lines: list[str]
) -> None:
    assert config.warnings(settings) == lines
