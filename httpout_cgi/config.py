"""The settings: load them, change them from the command line, hand them on.

The one face of ``settings/``: other packages import from here alone.  All problems
of a file are reported at once, one line each, as ConfigError.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from httpout_cgi.errors import ConfigError
from httpout_cgi.settings.access import Access, Basic
from httpout_cgi.settings.addresses import Listener
from httpout_cgi.settings.models import (
    TLS,
    AccessLog,
    Config,
    ErrorLog,
    Limits,
    Log,
    PoolLimits,
    Pools,
    Reload,
)
from httpout_cgi.settings.problems import describe, explain
from httpout_cgi.settings.sites import ScriptMount, Site, Users, UserScript
from httpout_cgi.settings.sources import Sources
from httpout_cgi.strict_yaml import KeyPath, Node, Place, Problem, to_plain

__all__ = [
    "TLS",
    "Access",
    "AccessLog",
    "Basic",
    "Config",
    "ErrorLog",
    "Limits",
    "Listener",
    "Log",
    "PoolLimits",
    "Pools",
    "Reload",
    "ScriptMount",
    "Site",
    "UserScript",
    "Users",
    "default",
    "dump",
    "from_values",
    "load",
    "override",
    "parse_dump",
    "schema",
    "warnings",
]


# Of requests that are too large or too slow, or that are none.
_DECIDED_BEFORE = {408, 413, 414, 417, 421, 431, 501, 505, 507}


def load(path: Path) -> Config:
    """Read the settings' file and all that it includes.

    Without ``sites`` the default site is used: ``htdocs`` and ``cgi-bin`` beside the
    file.  A site without ``docroot`` has ``htdocs``; one without ``scripts`` has
    ``/cgi-bin/`` if there is a folder ``cgi-bin`` beside the file.  Raises ConfigError.
    """
    sources = Sources(path)
    problems = sources.problems
    config = None
    if sources.is_complete:
        config, more = _validate(sources.root, sources.files)
        problems = problems + more
    if config is None or problems:
        raise ConfigError(_sort(problems), [*sources.files, *sources.missing])
    return config


def default(folder: Path) -> Config:
    """Return what an empty settings' file in the folder would mean.

    Raises ConfigError if htdocs or cgi-bin is missing.
    """
    place = Place(folder / "config.yaml", 0)
    config, problems = _validate(Node({}, place), ())
    if config is None or problems:
        raise ConfigError([f"without a config.yaml: {p.text}" for p in problems])
    return config


def from_values(values: Mapping[str, object], folder: Path) -> Config:
    """Return what a settings' file in the folder with these values would mean.

    Raises ConfigError, which names the keys.
    """
    place = Place(folder / "config.yaml", 0)
    config, problems = _validate(_make_node(values, place), ())
    if config is None or problems:
        raise ConfigError([f"{_join(p.path)}: {p.text}" for p in problems])
    return config


def _make_node(value: object, place: Place) -> Node:
    if isinstance(value, Mapping):
        return Node({key: _make_node(one, place) for key, one in value.items()}, place)
    if isinstance(value, list):
        return Node([_make_node(one, place) for one in value], place)
    assert value is None or isinstance(value, str | int)
    return Node(value, place)


def _join(path: KeyPath) -> str:
    return ".".join(map(str, path))


def override(
    config: Config,
    *,
    listen: Sequence[str] | None = None,
    workers: int | str | None = None,
    debug: bool | None = None,
) -> Config:
    """Apply the options of the command line; None, empty and False change nothing.

    Listeners without TLS need no certificate.
    Raises ConfigError that names the options.
    """
    changes: dict[str, object] = {}
    if listen:
        changes["listen"] = list(listen)
        if not any(one.startswith("https://") for one in listen):
            changes["tls"] = None
    if workers is not None:
        text = str(workers)
        changes["workers"] = int(text) if text.isdecimal() else text
    if debug:
        changes["debug"] = True
    try:
        return Config.model_validate({**dict(config), **changes})
    except ValidationError as exc:
        lines = [f"--{error['loc'][0]}: {explain(error)}" for error in exc.errors()]
        raise ConfigError(lines, config.sources) from exc


def dump(config: Config) -> str:
    """Return the settings as text for another process."""
    return config.model_dump_json()


def parse_dump(text: str) -> Config:
    """Return the settings that were dumped; touches no file."""
    return Config.model_validate(json.loads(text))


def schema() -> dict[str, object]:
    """Return the JSON schema of the settings' file, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Config.model_json_schema(),
        "title": "Settings of httpout-cgi",
        "description": "config.yaml; sizes like 64MiB, times like 30s.",
    }


def warnings(config: Config) -> list[str]:
    """Return what is allowed but probably not meant, one line each."""
    lines = []
    for listener in config.listen:
        if config.debug and not listener.is_loopback:
            lines.append(
                f"debug is on and {listener.address} is not loopback: "
                "strangers see tracebacks"
            )
    if config.pools.scgi_listen and any(one.access for one in _list_guarded(config)):
        lines.append(
            "access is not checked for who asks the pool by pools.scgi_listen: "
            "let the server in front do it"
        )
    seen: dict[str, int] = {}
    for index, site in enumerate(config.sites):
        for host in site.hosts:
            first = seen.setdefault(host, seen.get("*", index))
            if first < index:
                lines.append(
                    f'sites[{index}] never answers for "{host}": '
                    f"sites[{first}] comes first"
                )
        for status in sorted(_DECIDED_BEFORE & site.error_pages.keys()):
            lines.append(
                f"sites[{index}].error_pages: {status} is never used: such requests "
                "are refused before the site is known"
            )
    return lines


def _list_guarded(config: Config) -> list[Site | ScriptMount]:
    """Return what the pool of the site runs scripts of."""
    mounts = [mount for site in config.sites for mount in site.scripts]
    return [*config.sites, *mounts]


def _validate(root: Node, files: Sequence[Path]) -> tuple[Config | None, list[Problem]]:
    """Validate a tree; the config is None if there are problems."""
    problems: list[Problem] = []
    assert isinstance(root.value, dict)
    if "sources" in root.value:  # the model's own, for those that watch the files
        place = root.value["sources"].place
        problems.append(Problem(place, ("sources",), "unknown key; remove it"))
    problems += _fill_defaults(root)
    try:
        config = Config.model_validate(to_plain(root), context={"check": True})
    except ValidationError as exc:
        return None, problems + describe(exc, root)
    return config.model_copy(update={"sources": tuple(files)}), problems


def _fill_defaults(root: Node) -> list[Problem]:
    """Write down the defaults that depend on where the file is.

    Returns what is given to sites of accounts, and would mean nothing.
    """
    assert isinstance(root.value, dict)
    is_default = "sites" not in root.value
    sites = root.value.setdefault("sites", Node([Node({}, root.place)], root.place))
    problems: list[Problem] = []
    if not isinstance(sites.value, list):
        return problems
    for index, site in enumerate(sites.value):
        if not isinstance(site.value, dict):
            continue
        if _is_of_accounts(site.value):
            problems += _fill_account_site(site.value, site.place, index)
        _fill_site(site.value, site.place, must_have_scripts=is_default)
    return problems


def _fill_account_site(
    site: dict[str, Node], place: Place, index: int
) -> list[Problem]:
    """Write down what is never looked at; return what is there already."""
    problems = []
    for name, value in (("docroot", "/"), ("scripts", [])):
        if name in site:
            text = "accounts have what users says; remove it"
            problems.append(Problem(site[name].place, ("sites", index, name), text))
        site[name] = Node(value, place)
    return problems


def _fill_site(site: dict[str, Node], place: Place, *, must_have_scripts: bool) -> None:
    site.setdefault("docroot", Node("htdocs", place))
    folder = place.file.parent / "cgi-bin"
    if "scripts" not in site and (must_have_scripts or folder.is_dir()):
        mount = Node({"path": Node("cgi-bin", place)}, place)
        site["scripts"] = Node([mount], place)


def _is_of_accounts(site: dict[str, Node]) -> bool:
    """Tell whether a site has the hosts of accounts only, as written."""
    hosts = to_plain(site["hosts"]) if "hosts" in site else None
    return (
        isinstance(hosts, list)
        and bool(hosts)
        and all(isinstance(one, str) and one.startswith("$user.") for one in hosts)
    )


def _sort(problems: Sequence[Problem]) -> list[str]:
    """Order by file and line."""
    ordered = sorted(problems, key=lambda p: (str(p.place.file), p.place.line))
    return [str(problem) for problem in ordered]
