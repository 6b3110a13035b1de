"""Sites: which one answers for a host, made ready for requests once."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from httpout_cgi import SOFTWARE
from httpout_cgi import config as settings
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.messages import Fields, Request
from httpout_cgi.protocol.metavariables import Server, server_name

# Hosts are what clients say: the cache must not grow with their fantasy.
_CACHED_HOSTS = 1024


@dataclass(frozen=True, slots=True)
class Site:
    """One site: hosts, docroot and script mounts.

    ``headers`` are added to every response; ``error_pages`` lead from a status to a
    request target of the site.
    """

    label: str
    resolver: Resolver
    headers: Fields
    error_pages: Mapping[int, str]


class SiteMap:
    """Finds the site of a request: the first whose hosts match.

    Only the loop thread touches it.
    """

    def __init__(self, config: settings.Config) -> None:
        self._sites = [(site.hosts, _make_site(site, config)) for site in config.sites]
        self._found: dict[tuple[str | None, str], tuple[Site, Server]] = {}

    def find(self, request: Request) -> tuple[Site, Server]:
        """Return the site, and the server as its scripts see it.

        Raises HTTPError: 400 for a malformed host, 404 for one that is not served
        here, 421 over TLS.
        """
        hosts = request.fields.get("host")
        host = hosts[0] if hosts else None
        fallback = request.endpoints.local_address or "localhost"
        found = self._found.get((host, fallback))
        if found is None:
            found = self._look(host, fallback, request.endpoints.scheme)
            if len(self._found) >= _CACHED_HOSTS:
                self._found.clear()
            self._found[host, fallback] = found
        return found

    def _look(
        self, host: str | None, fallback: str, scheme: str
    ) -> tuple[Site, Server]:
        name = server_name(host, f"[{fallback}]" if ":" in fallback else fallback)
        for patterns, site in self._sites:
            if _is_host_of(name, patterns):
                return site, Server(name, SOFTWARE)
        if scheme == "https":
            # The client reached us with a certificate for another site.
            raise HTTPError(HTTPStatus.MISDIRECTED_REQUEST, f"no site for {name}")
        raise HTTPError(HTTPStatus.NOT_FOUND, f"no site for {name}")


def _make_site(site: settings.Site, config: settings.Config) -> Site:
    label = site.hosts[0]
    resolver = Resolver(site, label=label, private=_find_private(config))
    pages = {
        status: quote(os.fsencode(path)) for status, path in site.error_pages.items()
    }
    return Site(label, resolver, tuple(site.headers.items()), pages)


def _find_private(config: settings.Config) -> list[Path]:
    """Return the files that no client may see, should a docroot hold them."""
    logs = config.log.access.path, config.log.error.path
    return [*config.sources, *(path for path in logs if path is not None)]


def _is_host_of(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether a host matches ``*``, ``*.example.org`` or itself."""
    for pattern in patterns:
        if pattern in ("*", name):
            return True
        # The dot of the pattern stays: "*.example.org" is not "badexample.org".
        if pattern.startswith("*.") and name.endswith(pattern[1:]):
            return True
    return False
