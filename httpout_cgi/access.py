"""Access: who may see what of a site (RFC 9110 section 11, RFC 7617).

Decided by the URL alone, before anybody looks for a file or an account: who may not
come in does not learn what is there.  All rules that cover a URL must be met: those of
the site, of accounts' sites, and of every script mount around it.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import IPv6Address, IPv6Network
from pathlib import Path

from httpout_cgi import config as settings
from httpout_cgi.errors import HTTPError
from httpout_cgi.messages import Endpoints, Request
from httpout_cgi.passwords import PasswordChecker
from httpout_cgi.protocol.addresses import AddressSet, parse_address
from httpout_cgi.protocol.basic_auth import make_challenge, read_credentials


@dataclass(frozen=True, slots=True)
class _Rule:
    """What has to be met below a URL; ``covers`` matches a path with a slash behind it.

    ``allow`` is None for everybody, ``file`` is None if nobody has to say who he is.
    """

    covers: re.Pattern[str]
    allow: AddressSet | None
    deny: AddressSet
    file: Path | None
    challenge: str


class Access:
    """The rules of one site.  Only the loop thread touches it."""

    def __init__(self, rules: Sequence[_Rule], passwords: PasswordChecker) -> None:
        self._rules = rules
        self._passwords = passwords

    async def check(self, request: Request, path: str) -> str:
        """Return the user who asks for a decoded path, "" if nobody had to say.

        Raises HTTPError: 403 by address, 401 without a user and password, and what
        the check of passwords raises.
        """
        path += "/"
        rules = [rule for rule in self._rules if rule.covers.match(path)]
        for rule in rules:
            # All addresses first: they cost nothing to check.
            _check_address(rule, request.endpoints)
        user = ""
        for rule in rules:
            if rule.file is not None:
                user = await self._check_user(rule, rule.file, request)
        return user

    async def _check_user(self, rule: _Rule, file: Path, request: Request) -> str:
        credentials = read_credentials(request.fields)
        client = request.endpoints.peer_address
        if credentials is not None and await self._passwords.has(
            file, credentials, _group(client)
        ):
            return os.fsdecode(credentials.user)
        # The name may be a password that was typed into the wrong box: not for the log.
        reason = "no user" if credentials is None else "wrong user or password"
        fields = [("WWW-Authenticate", rule.challenge)]
        raise HTTPError(
            HTTPStatus.UNAUTHORIZED, f"{reason} from {client}", fields=fields
        )


def make_access(
    site: settings.Site, users: settings.Users | None, passwords: PasswordChecker
) -> Access | None:
    """Return the rules of a site, and of accounts below it; None if there are none."""
    rules = _make_rules(site.access, "/")
    for mount in site.scripts:
        rules += _make_rules(mount.access, re.escape(mount.url))
    if users is not None:
        prefix = re.escape(users.url.partition("$user")[0])
        rules += _list_account_rules(users, f"{prefix}[^/]+/")
    return Access(rules, passwords) if rules else None


def make_account_access(
    site: settings.Site, users: settings.Users, passwords: PasswordChecker
) -> Access | None:
    """Return the rules of hosts that are accounts'; None if there are none."""
    rules = _make_rules(site.access, "/") + _list_account_rules(users, "/")
    return Access(rules, passwords) if rules else None


def list_password_files(config: settings.Config) -> list[Path]:
    """Return the files of users that the settings name."""
    given = [site.access for site in config.sites]
    given += [mount.access for site in config.sites for mount in site.scripts]
    if config.users is not None:
        given += [config.users.access]
        given += [mount.access for mount in config.users.scripts]
    return sorted({one.basic.file for one in given if one and one.basic})


def _list_account_rules(users: settings.Users, prefix: str) -> list[_Rule]:
    """Return what holds below a regular expression for the URLs of accounts."""
    rules = _make_rules(users.access, prefix)
    for mount in users.scripts:
        rules += _make_rules(mount.access, prefix + re.escape(mount.url))
    return rules


def _make_rules(access: settings.Access | None, url: str) -> list[_Rule]:
    """Return no rule, or one; ``url`` is a regular expression."""
    if access is None:
        return []
    basic = access.basic
    rule = _Rule(
        # "/git" is also "/git/x" but not "/github"; "/cgi-bin/" is also "/cgi-bin".
        re.compile(url.rstrip("/") + "/"),
        None if access.allow is None else AddressSet(access.allow),
        AddressSet(access.deny or ()),
        basic.file if basic else None,
        make_challenge(basic.realm) if basic else "",
    )
    return [rule]


def _check_address(rule: _Rule, endpoints: Endpoints) -> None:
    if rule.allow is None and not rule.deny:
        return
    peer, address = endpoints.peer, endpoints.peer_address
    if peer == "hidden":
        # Else, a client that garbles what its proxy says would have the proxy's rights.
        raise HTTPError(
            HTTPStatus.FORBIDDEN, f"access denied: {address} hides who asks"
        )
    if peer == "unix":
        # Not this machine's address: else, everybody behind a proxy that is not trusted
        # would come in by that, and nobody be denied.
        address = ""
        is_allowed = rule.allow is not None and rule.allow.has_peer("")
    else:
        is_allowed = rule.allow is None or rule.allow.has_peer(address)
    if not is_allowed or rule.deny.has_peer(address):
        reason = f"access denied to {address or 'a Unix socket'}"
        raise HTTPError(HTTPStatus.FORBIDDEN, reason)


def _group(client: str) -> str:
    """Return what all addresses of a client have in common.

    Of IPv6, everybody has a /64 at least: each guess could come from another address.
    """
    address = parse_address(client)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return client
