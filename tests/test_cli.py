"""The command line: what it prints, and how it ends."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from httpout_cgi import __version__
from tests.conftest import Serve
from tests.live import PATIENCE, ROOT


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "httpout_cgi", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with htdocs and cgi-bin."""
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "cgi-bin").mkdir()
    return tmp_path


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"httpout-cgi {__version__}\n")


def test_help_is_short() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) < 25
    assert "Serve static files" in done.stdout


def test_check_shows_the_sites_and_mounts(site: Path) -> None:
    (site / "config.yaml").write_text(
        "listen: ['127.0.0.1:8080', 'unix:http.sock']\n"
        "sites:\n"
        "  - hosts: [example.org, '*.example.org']\n"
        "    aliases: {/icons/: htdocs}\n"
        "    scripts:\n"
        "      - {url: /cgi-bin/, path: cgi-bin, match: ['*.py', '*.cgi']}\n"
        "      - {url: /git, file: config.yaml}\n"
    )
    done = run("check", "--config", "config.yaml", cwd=site)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "  listen       127.0.0.1:8080",
        f"  listen       unix:{site}/http.sock",
        "  site         example.org, *.example.org",
        f"    /          {site}/htdocs",
        f"    /icons/    {site}/htdocs",
        f"    /cgi-bin/  {site}/cgi-bin  (*.py, *.cgi)  runs: auto",
        f"    /git       {site}/config.yaml  runs: auto",
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--config", "other.yaml", "check"], id="before check"),
        pytest.param(["check", "--config", "other.yaml"], id="after check"),
    ],
)
def test_config_may_stand_on_both_sides(site: Path, arguments: list[str]) -> None:
    (site / "other.yaml").write_text("listen: ['127.0.0.1:8081']")
    done = run(*arguments, cwd=site)
    assert "127.0.0.1:8081" in done.stdout, done.stderr


def test_options_override_the_settings(site: Path) -> None:
    (site / "config.yaml").write_text("listen: ['127.0.0.1:8081']")
    done = run(
        "--listen", "127.0.0.1:8082", "--listen", "[::1]:8083", "check", cwd=site
    )
    assert re.findall(r"listen +(\S+)", done.stdout) == ["127.0.0.1:8082", "[::1]:8083"]


def test_without_config_the_current_folder_is_served(site: Path) -> None:
    done = run("check", cwd=site)
    assert f"{site}/htdocs" in done.stdout


@pytest.mark.parametrize("command", [[], ["check"]], ids=["serve", "check"])
def test_every_problem_of_the_settings_is_a_line(
    site: Path, command: list[str]
) -> None:
    config = site / "config.yaml"
    config.write_text("threds: 3\nworkers: many\n")
    done = run("--config", str(config), *command)
    assert done.returncode == 78
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{config}:1: threds: unknown key")
    assert lines[1].startswith(f"{config}:2: workers: ")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--config", "none.yaml"], "none.yaml"),
        (["--workers", "many"], "--workers: "),
        (["--listen", "8000"], "--listen: "),
    ],
)
def test_wrong_options_are_one_line(
    site: Path, arguments: list[str], problem: str
) -> None:
    done = run(*arguments, cwd=site)
    assert done.returncode == 78
    assert len(done.stderr.splitlines()) == 1
    assert problem in done.stderr


def test_an_unknown_log_format_is_one_line(site: Path) -> None:
    (site / "config.yaml").write_text("log: {access: {format: '%Z'}}")
    for command in ([], ["check"]):
        done = run(*command, cwd=site)
        assert done.returncode == 78
        assert "log.access.format: unknown code '%Z'" in done.stderr.splitlines()


def test_a_port_in_use_is_one_line(site: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("--listen", address, cwd=site)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"httpout-cgi: cannot listen on {address}: address already in use"
    )
    assert "Traceback" not in done.stderr


def test_a_log_that_cannot_be_opened_is_one_line(site: Path) -> None:
    (site / "config.yaml").write_text(
        "listen: ['127.0.0.1:0']\nlog: {error: {path: error.log}}"
    )
    (site / "error.log").symlink_to("/dev/full/x")
    done = run(cwd=site)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("httpout-cgi: cannot write the log")


def test_start_prints_a_url_for_each_listener_and_what_is_where(
    site: Path, serve: Serve
) -> None:
    server = serve("listen: ['127.0.0.1:0', 'unix:http.sock']")
    server.stdout.wait_for(r"/cgi-bin/ .*\n")
    lines = server.stdout.text.splitlines()
    assert lines[0] == f"httpout-cgi {__version__} is ready"
    assert re.fullmatch(r"  listen       http://127\.0\.0\.1:[1-9]\d*/", lines[1])
    assert lines[2:] == [
        f"  listen       unix:{site}/http.sock",
        "  site         *",
        f"    /          {site}/htdocs",
        f"    /cgi-bin/  {site}/cgi-bin  (*.py)  runs: auto",
    ]


def test_a_reader_of_the_first_line_does_not_stop_the_server(site: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "httpout_cgi", "--listen", "127.0.0.1:0"],
        cwd=site,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    with process.stdout, process.stderr:
        process.stdout.readline()
        process.stdout.close()
        process.terminate()
        assert process.wait(PATIENCE) == 0, process.stderr.read()
