"""The command line: ``httpout-cgi`` serves, ``check`` and ``scripts`` only look.

The only file that prints.  Problems of the settings end with exit code 78 (sysexits.h
EX_CONFIG), all others that keep the server from starting with 2; never a traceback.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import click

from httpout_cgi import __version__, access_log, config, error_log, pages_command
from httpout_cgi.config import Config, Site, Users
from httpout_cgi.errors import ConfigError, StartError
from httpout_cgi.files.script_list import list_scripts
from httpout_cgi.processes import certificate, privileges, pythons
from httpout_cgi.processes.supervisor import Supervisor
from httpout_cgi.runners import choose
from httpout_cgi.runners.choose import ScriptJudge

_EX_CONFIG: Final = 78
_EX_START: Final = 2


@dataclass(frozen=True, slots=True)
class _Options:
    """What the command line says."""

    file: Path | None
    listen: tuple[str, ...]
    workers: str | None
    debug: bool

    def load(self) -> Config:
        """Read the settings and apply the options; raises ConfigError."""
        loaded = self._load_file()
        return config.override(
            loaded, listen=self.listen, workers=self.workers, debug=self.debug
        )

    def with_file(self, file: Path | None) -> "_Options":
        """Return these with the file that a command names itself, if it does."""
        return self if file is None else replace(self, file=file)

    def _load_file(self) -> Config:
        if self.file is not None:
            return config.load(self.file)
        usual = Path("config.yaml").absolute()
        return config.load(usual) if usual.exists() else config.default(Path.cwd())


def _config_option(help_: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help=help_,
    )


@click.group(
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@_config_option("Settings; default: ./config.yaml, or none.")
@click.option(
    "--listen",
    multiple=True,
    metavar="ADDRESS",
    help='"127.0.0.1:8000", "[::]:80", "unix:/path.sock"; may be repeated.',
)
@click.option("--workers", metavar="NUMBER", help='HTTP processes, or "auto".')
@click.option("--debug", is_flag=True, help="Show tracebacks in the browser.")
@click.version_option(
    __version__, prog_name="httpout-cgi", message="%(prog)s %(version)s"
)
@click.pass_context
def _cli(
    context: click.Context,
    file: Path | None,
    listen: tuple[str, ...],
    workers: str | None,
    debug: bool,
) -> None:
    """Serve static files, and Python CGI scripts in process.

    Without settings: ./htdocs at /, ./cgi-bin at /cgi-bin/, on 127.0.0.1:8000.
    With a folder in place of a command: its pages (httpout-cgi pages --help).
    Signals: TERM stops, HUP reloads the settings, USR1 reopens the logs.
    """
    context.obj = _Options(file, listen, workers, debug)
    if context.invoked_subcommand is None:
        Supervisor(context.obj.load, _announce).run()


# Any: as click hands options over.
@_cli.command("pages")
@click.argument("document_root", type=click.Path(path_type=Path))
@pages_command.add_options
def _pages(document_root: Path, **options: Any) -> None:
    """Serve a folder of pages: each .py file in it, and static files."""
    load = partial(pages_command.load, document_root, options)
    Supervisor(load, _announce).run()


@_cli.command("check")
@_config_option("Settings; default: ./config.yaml, or none.")
@click.pass_obj
def _check(options: _Options, file: Path | None) -> None:
    """Validate the settings and show the sites and script mounts."""
    loaded = options.with_file(file).load()
    access_log.validate(loaded.log.access.format)
    account = privileges.choose_account(loaded)
    privileges.check_folders(loaded, account)
    pythons.check(loaded.pools.python, account)
    warnings = [*config.warnings(loaded), *privileges.check_root(loaded, account)]
    if loaded.tls is not None:
        warnings += certificate.read(loaded.tls).warnings
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    _echo(_describe(loaded, [one.address for one in loaded.listen]))


@_cli.command("scripts")
@_config_option("Settings; default: ./config.yaml, or none.")
@click.pass_obj
def _scripts(options: _Options, file: Path | None) -> None:
    """List all scripts: URL, file, runner, and why it is that.

    One line for each, with tabs between; no script is run.
    """
    judge = ScriptJudge()
    for site in options.with_file(file).load().sites:
        host = "" if "*" in site.hosts else f"//{site.hosts[0]}"
        for script in list_scripts(site):
            runner, reasons = choose.explain(script, judge)
            fields = [host + script.name, script.path, runner, "; ".join(reasons)]
            # Tabs are ours alone: who reads this splits lines at them.
            plain = [error_log.escape(one).replace("\t", "\\x09") for one in fields]
            click.echo("\t".join(plain).rstrip())


def main() -> None:
    """Run the command line and exit."""
    arguments = sys.argv[1:]
    if pages_command.is_for_pages(arguments, _cli):
        arguments.insert(0, "pages")
    try:
        _cli(arguments, prog_name="httpout-cgi")
    except ConfigError as exc:
        for problem in exc.problems:
            click.echo(problem, err=True)
        sys.exit(_EX_CONFIG)
    except (StartError, OSError) as exc:
        click.echo(f"httpout-cgi: {exc}", err=True)
        sys.exit(_EX_START)


def _announce(loaded: Config, urls: Sequence[str]) -> None:
    """Say that the server is ready; scripts wait for these lines."""
    try:
        _echo([f"httpout-cgi {__version__} is ready", *_describe(loaded, urls)])
    except BrokenPipeError:
        # A reader that has seen enough, as in "| head -1", does not stop the server.
        # What is left in the buffer must not fail once more at the end.
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _echo(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)
    sys.stdout.flush()


def _describe(loaded: Config, addresses: Sequence[str]) -> list[str]:
    """Return a table: what is listened on, and what is where."""
    rows = [("listen", address) for address in addresses]
    for site in loaded.sites:
        if not site.is_of_accounts:
            rows += _describe_site(site)
    if loaded.users is not None:
        rows += _describe_users(loaded.sites, loaded.users)
    width = max(len(label) for label, _ in rows)
    return [f"  {label:<{width}}  {value}" for label, value in rows]


def _describe_site(site: Site) -> list[tuple[str, str]]:
    rows = [("site", ", ".join(site.hosts)), ("  /", str(site.docroot))]
    rows += [(f"  {url}", str(folder)) for url, folder in site.aliases.items()]
    for mount in site.scripts:
        names = f"  ({', '.join(mount.match)})" if mount.path else ""
        details = f"{mount.path or mount.file}{names}"
        rows.append((f"  {mount.url}", f"{details}  runs: {mount.runner}"))
    return rows


def _describe_users(sites: Sequence[Site], users: Users) -> list[tuple[str, str]]:
    hosts = [one for site in sites for one in site.hosts if one.startswith("$user.")]
    rows = [("users", ", ".join(hosts)), (f"  {users.url}", users.docroot)]
    for mount in users.scripts:
        details = f"{mount.path}  ({', '.join(mount.match)})  runs: process"
        rows.append((f"  {users.url}{mount.url}", details))
    return rows
