"""The sites of accounts: what a site's settings and ``users`` mean for one of them."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

from httpout_cgi.accounts import BELIEVED_SECONDS, Accounts, Home
from httpout_cgi.config import Config, ScriptMount, Site, Users, UserScript
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.protocol.ownership import OwnershipError, Refusal

# Of so many accounts at a time; they are quickly made.
_MOST_KNOWN: Final = 1024

Choose = Callable[[str], Resolver]
"""Returns who resolves a path; raises HTTPError 404."""


class UserSites:
    """Finds the resolver of an account.  Only the loop thread touches it.

    ``settings`` are those of all accounts.
    """

    def __init__(
        self,
        config: Config,
        private: Sequence[Path],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        assert config.users is not None
        self.settings = config.users
        self._private = private
        self._sends_others = config.pools.check_ownership == "off"
        self._clock = clock
        self._accounts = Accounts(config.users, config.user, clock)
        # Links may be others in a moment, and so may accounts.
        self._known: dict[tuple[int, str, str], tuple[float, Resolver]] = {}

    def below(self, site: Site, resolver: Resolver, label: str) -> Choose:
        """Return who resolves what, where accounts are below a URL of a site."""
        prefix = self.settings.url.partition("$user")[0]

        def choose(path: str) -> Resolver:
            if not path.startswith(prefix):
                return resolver
            name = path[len(prefix) :].partition("/")[0]
            if not name:
                return resolver
            return self._find(site, name, label, f"{prefix}{name}/")

        return choose

    def at(self, site: Site, name: str, label: str) -> Choose:
        """Return who resolves what, where the host is an account's."""
        return lambda _: self._find(site, name, label, "/")

    def _find(self, site: Site, name: str, label: str, url: str) -> Resolver:
        try:
            home = self._accounts.find(name)
            key = id(site), label, url
            now = self._clock()
            until, resolver = self._known.get(key, (now, None))
            if resolver is None or now >= until:
                resolver = self._make(site, home, label, url)
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[key] = now + BELIEVED_SECONDS, resolver
        except OwnershipError as exc:
            # As of a missing file: nobody learns who has an account.
            raise HTTPError(HTTPStatus.NOT_FOUND, str(exc)) from exc
        return resolver

    def _make(self, site: Site, home: Home, label: str, url: str) -> Resolver:
        docroot = home.expand(self.settings.docroot)
        if not os.access(docroot, os.X_OK):
            raise OwnershipError(Refusal.NO_DOCROOT, str(docroot))
        changes: dict[str, object] = {
            "scripts": tuple(_mount(one, home, url) for one in self.settings.scripts),
            # Whoever writes there is not who wrote the settings.
            "follow_symlinks": "never" if site.follow_symlinks == "never" else "owner",
        }
        if url == "/":
            changes["docroot"] = docroot
        else:
            aliases: Mapping[str, Path] = {**site.aliases, url: docroot}
            changes["aliases"] = aliases
        return Resolver(
            site.model_copy(update=changes),
            label=label,
            private=self._private,
            owner=home.owner,
            sends_others=self._sends_others,
        )


def list_folders(users: Users, home: Home) -> tuple[list[str], list[str]]:
    """Return the folders that scripts of an account lie in after all links, and those
    that they are asked for below.
    """
    mounts = [str(home.expand(script.path)) for script in users.scripts]
    return [str(home.expand(users.docroot)), *mounts], mounts


def _mount(script: UserScript, home: Home, url: str) -> ScriptMount:
    values = dict(script)
    values.update(url=url + script.url, path=home.expand(script.path), file=None)
    return ScriptMount.model_construct(**values)
