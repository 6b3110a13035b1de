"""Sites: which one answers for a host, made ready for requests once."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from httpout_cgi import SOFTWARE
from httpout_cgi import config as settings
from httpout_cgi.access import (
    Access,
    list_password_files,
    make_access,
    make_account_access,
)
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.cache_rules import CacheRules
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.messages import Fields, Request
from httpout_cgi.passwords import PasswordChecker
from httpout_cgi.protocol.metavariables import Server, server_name
from httpout_cgi.user_sites import UserSites

# Hosts are what clients say: the cache must not grow with their fantasy.
_CACHED_HOSTS = 1024


@dataclass(frozen=True, slots=True)
class Site:
    """One site: hosts, docroot and script mounts.

    ``choose_resolver`` returns who resolves a path; it raises HTTPError 404.
    ``headers`` are added to every response; ``error_pages`` lead from a status to a
    request target of the site; ``cache_rules`` are for its static files.  ``access`` is
    None if everybody may see everything.
    """

    label: str
    choose_resolver: Callable[[str], Resolver]
    headers: Fields
    error_pages: Mapping[int, str]
    cache_rules: CacheRules
    access: Access | None


class SiteMap:
    """Finds the site of a request: the first whose hosts match.

    Only the loop thread touches it.
    """

    def __init__(self, config: settings.Config) -> None:
        private = _find_private(config)
        self._passwords = PasswordChecker()
        self._age = config.reload.check
        self._users = UserSites(config, private) if config.users else None
        self._sites = [
            (site, None if site.is_of_accounts else self._make_site(site, private))
            for site in config.sites
        ]
        self._found: dict[tuple[str | None, str], tuple[Site, Server]] = {}

    def close(self) -> None:
        """Let no check of a password begin any more."""
        self._passwords.close()

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
        for site, own in self._sites:
            if own is not None and _is_host_of(name, site.hosts):
                return own, Server(name, SOFTWARE)
            account = _find_account(name, site.hosts)
            if account and self._users:
                choose = self._users.at(site, account, name)
                access = make_account_access(
                    site, self._users.settings, self._passwords
                )
                return _describe(site, name, choose, access), Server(name, SOFTWARE)
        if scheme == "https":
            # The client reached us with a certificate for another site.
            raise HTTPError(HTTPStatus.MISDIRECTED_REQUEST, f"no site for {name}")
        raise HTTPError(HTTPStatus.NOT_FOUND, f"no site for {name}")

    def _make_site(self, site: settings.Site, private: Sequence[Path]) -> Site:
        label = site.hosts[0]
        resolver = Resolver(site, label=label, private=private, age=self._age)
        users = self._users
        access = make_access(site, users.settings if users else None, self._passwords)
        if users:
            choose = users.below(site, resolver, label)
            return _describe(site, label, choose, access)
        return _describe(site, label, lambda _: resolver, access)


def _describe(
    site: settings.Site,
    label: str,
    choose: Callable[[str], Resolver],
    access: Access | None,
) -> Site:
    pages = {
        status: quote(os.fsencode(path)) for status, path in site.error_pages.items()
    }
    rules = CacheRules(site.cache_control)
    return Site(label, choose, tuple(site.headers.items()), pages, rules, access)


def _find_private(config: settings.Config) -> list[Path]:
    """Return the files that no client may see, should a docroot hold them."""
    logs = config.log.access.path, config.log.error.path
    files = [*config.sources, *list_password_files(config)]
    files += [config.tls.key] if config.tls else []
    return [*files, *(path for path in logs if path is not None)]


def _is_host_of(name: str, patterns: Sequence[str]) -> bool:
    """Tell whether a host matches ``*``, ``*.example.org`` or itself."""
    for pattern in patterns:
        if pattern in ("*", name):
            return True
        # The dot of the pattern stays: "*.example.org" is not "badexample.org".
        if pattern.startswith("*.") and name.endswith(pattern[1:]):
            return True
    return False


def _find_account(name: str, patterns: Sequence[str]) -> str:
    """Return the account in a host such as ``$user.example.org``, or ""."""
    for pattern in patterns:
        if pattern.startswith("$user.") and name.endswith(pattern[5:]):
            account = name[: -len(pattern[5:])]
            if account and "." not in account:
                return account
    return ""
