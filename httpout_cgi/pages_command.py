"""``httpout-cgi [OPTIONS] DOCUMENT_ROOT``: a folder of pages, without settings.

The options are those of httpout, so that its users need to change one word.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from httpout_cgi import config
from httpout_cgi.config import Config
from httpout_cgi.errors import ConfigError

_LEVELS = {"NOTSET": "debug", "WARN": "warning", "FATAL": "critical"}

_OPTIONS = (
    click.option("--host", help="Where to listen; default: 127.0.0.1."),
    click.option("--port", type=int, help="Default: 8000."),
    click.option("--bind", help="127.0.0.1:8000,:8001,/tmp/file.sock instead."),
    click.option("--worker-num", type=int, help="HTTP processes; default: 1."),
    click.option("--thread-pool-size", type=int, help="Threads; default: 16."),
    click.option(
        "--limit-memory",
        type=int,
        help="KiB, until a worker is replaced; default: 0, no limit.",
    ),
    click.option("--ssl-cert", help="Certificate chain (PEM)."),
    click.option("--ssl-key", help="Private key (PEM)."),
    click.option("--directory-index", help="Default: index.py,index.html."),
    click.option("--debug", is_flag=True, help="Show tracebacks in the browser."),
    click.option("--log-level", help="DEBUG, INFO, WARNING, ERROR or CRITICAL."),
    click.option("--log-fmt", help="As in Python's logging: %(message)s."),
    click.option("--loop", help="asyncio or uvloop; default: uvloop if there is one."),
    click.option(
        "--shutdown-timeout",
        type=int,
        help="Seconds for what runs at a stop; default: 30.",
    ),
    click.option("--no-ws", is_flag=True, help="No WebSocket."),
    click.option("--client-max-body-size", type=int, help="Bytes; default: 2 MiB."),
)

# What settings are called on the command line.
_OPTION_OF = {
    "listen": "--bind (or --host and --port)",
    "workers": "--worker-num",
    "threads": "--thread-pool-size",
    "sites.0.docroot": "DOCUMENT_ROOT",
    "sites.0.index": "--directory-index",
    "log.error.level": "--log-level",
    "log.error.format": "--log-fmt",
    "worker_memory": "--limit-memory (in KiB)",
    "shutdown_timeout": "--shutdown-timeout (in seconds)",
    "limits.request_body": "--client-max-body-size (in bytes)",
    "tls.certificate": "--ssl-cert",
    "tls.key": "--ssl-key",
}

# httpout's.
_BODY_SIZE = 2 * 1024 * 1024
_SHUTDOWN_SECONDS = 30
# httpout has no limit: pages that wait in run() come by thousands.  A connection may
# need two descriptors, and often no more than 20,000 may be open.
_AT_ONCE = 8192


# Any: a command of click's, with whatever parameters.
def add_options(command: Any) -> Any:
    """Give a command httpout's options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


# Any: as click hands them over.
def load(root: Path, options: Mapping[str, Any]) -> Config:
    """Return the settings that the options mean.  Raises ConfigError."""
    folder = str(root.absolute())
    mount = {
        "url": "/",
        "path": folder,
        "match": ["*.py"],
        "output": "page",
        "pass_authorization": True,
        "websocket": not options["no_ws"],
    }
    index = options["directory_index"] or "index.py,index.html"
    site = {"docroot": folder, "index": _split(index), "scripts": [mount]}
    size, seconds = options["client_max_body_size"], options["shutdown_timeout"]
    values: dict[str, object] = {
        "listen": _listen(options),
        "sites": [site],
        "workers": options["worker_num"] or 1,
        "loop": _choose_loop(options["loop"]),
        "debug": options["debug"],
        "queue": _AT_ONCE,
        "shutdown_timeout": f"{_SHUTDOWN_SECONDS if seconds is None else seconds}s",
        "log": {"error": _describe_error_log(options)},
        "limits": {
            "request_body": f"{_BODY_SIZE if size is None else size}B",
            "connections": _AT_ONCE,
        },
    }
    if options["thread_pool_size"]:
        values["threads"] = options["thread_pool_size"]
    if options["limit_memory"]:
        values["worker_memory"] = f"{options['limit_memory']}KiB"
    if options["ssl_cert"] or options["ssl_key"]:
        files = {"certificate": options["ssl_cert"], "key": options["ssl_key"]}
        values["tls"] = {key: file for key, file in files.items() if file}
    try:
        return config.from_values(values, root.absolute())
    except ConfigError as exc:
        raise ConfigError(_name_options(exc.problems)) from exc


def _name_options(problems: Sequence[str]) -> list[str]:
    """Return the problems in words of who has no settings."""
    named = []
    for problem in problems:
        setting, colon, text = problem.partition(": ")
        while setting not in _OPTION_OF and "." in setting:
            setting = setting.rpartition(".")[0]
        if setting in _OPTION_OF:
            named.append(f"{_OPTION_OF[setting]}{colon}{text}")
    # The rest says once more what is wrong with the folder.
    return named or list(problems)


# Any: as above.
def _describe_error_log(options: Mapping[str, Any]) -> dict[str, str]:
    settings = {}
    if options["log_level"]:
        level = options["log_level"].upper()
        settings["level"] = _LEVELS.get(level, level.lower())
    if options["log_fmt"] is not None:
        # As logging.Formatter has it.
        settings["format"] = options["log_fmt"] or "%(message)s"
    return settings


def _listen(options: Mapping[str, Any]) -> list[str]:
    scheme = "https://" if options["ssl_cert"] or options["ssl_key"] else ""
    if options["bind"]:
        addresses = [_bind(one) for one in _split(options["bind"])]
    else:
        host = options["host"] or "127.0.0.1"
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        port = 8000 if options["port"] is None else options["port"]
        addresses = [f"{host}:{port}"]
    return [one if one.startswith("unix:") else scheme + one for one in addresses]


def _bind(address: str) -> str:
    if "/" in address:
        return f"unix:{Path(address).absolute()}"
    return f"0.0.0.0{address}" if address.startswith(":") else address


def _choose_loop(name: str | None) -> str:
    """Return ours for the name of a module, or of a class in one."""
    if name is None:
        return "auto"
    module = name.partition(".")[0]
    if module not in ("asyncio", "uvloop"):
        raise ConfigError([f"--loop: {name}: not asyncio, and not uvloop"])
    return module


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def is_for_pages(arguments: Sequence[str], group: click.Group) -> bool:
    """Tell whether a command line has no command, but a folder of pages."""
    own = {name for option in group.params for name in option.opts}
    with_value = {
        name
        for option in group.params
        if isinstance(option, click.Option) and not option.is_flag
        for name in option.opts
    }
    known = own | {"-h", "--help", "--version"}
    words = iter(arguments)
    for word in words:
        name = word.partition("=")[0]
        if not word.startswith("-"):
            return word not in group.commands
        if name not in known:
            return True
        if name in with_value and "=" not in word:
            next(words, None)
    return False
