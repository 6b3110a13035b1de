"""Sites: hosts, docroots and script mounts; those of user accounts too.

Field names are exactly the keys of the YAML file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import field_validator, model_validator

from httpout_cgi.scripts import LocalModules, OutputMode, RunnerName
from httpout_cgi.settings import fields
from httpout_cgi.settings.access import Access
from httpout_cgi.settings.fields import (
    Deadline,
    Flag,
    MisplacedError,
    Model,
    Name,
    Number,
    key,
    time,
)

_Strings: TypeAlias = Mapping[fields.Variable, fields.VariableValue]


class _AnyMount(Model):
    """What the script mounts of sites and of user accounts have in common."""

    match: tuple[fields.Pattern, ...] = key(
        ("*.py",), 'File names that run; "*" is every executable file.'
    )
    interpreters: Mapping[fields.Suffix, fields.AnyPath] = key(
        {}, "Programs by suffix, before the shebang."
    )
    output: OutputMode = key(
        "cgi", "cgi: header section required; page: none; auto: by line 1."
    )
    runner: RunnerName = key("auto", "Where scripts run.")
    environment: _Strings = key({}, "Extra meta-variables.")
    pass_authorization: Flag = key(
        False, "Whether scripts see the Authorization field."
    )
    indexed_query: Flag = key(True, "Whether ?foo+bar becomes argv.")
    local_modules: LocalModules = key(
        "fresh", "Fresh for each run, or kept by each thread until they change."
    )
    timeout: Deadline = time("60s", "How long a run may take.")
    access: Access | None = key(None, "Who may run them.")
    websocket: Flag = key(True, "Whether pages may be WebSockets.")


class ScriptMount(_AnyMount):
    """A URL, and the folder of scripts or the one script behind it."""

    url: fields.Url = key(
        "/cgi-bin/", "URL prefix; ends with / if it stands for a folder."
    )
    path: fields.ScriptFolder | None = key(None, "The folder of scripts.")
    file: fields.File | None = key(None, "The one script, of any name.")

    @model_validator(mode="after")
    def _check(self) -> "ScriptMount":
        if (self.path is None) == (self.file is None):
            has = "neither" if self.path is None else "both"
            raise ValueError(f"has {has} of path and file; give exactly one")
        if self.path is not None and not self.url.endswith("/"):
            raise MisplacedError(f'must end with "/"; write "{self.url}/"', "url")
        if self.file is not None and self.url.endswith("/"):
            raise MisplacedError('must not end with "/", as it is one file', "url")
        return self


class UserScript(_AnyMount):
    """A script mount of every user account."""

    url: fields.RelativeUrl = key("cgi-bin/", "URL below that of the account.")
    path: fields.Template = key("$home/public_html/cgi-bin", "The folder of scripts.")

    @field_validator("runner")
    @classmethod
    def _check_runner(cls, runner: RunnerName) -> RunnerName:
        # A thread has the rights of the workers.
        if runner == "thread":
            raise ValueError('"thread" is not for accounts; write auto or process')
        return runner


class Site(Model):
    """Hosts, a docroot and script mounts."""

    hosts: tuple[fields.Host, ...] = key(
        ("*",), "Host names; *.example.org; * is every host."
    )
    docroot: fields.Folder = key(Path("htdocs"), "The folder of static files.")
    index: tuple[fields.Pattern, ...] = key(
        ("index.html", "index.py"), "Files that answer for their folder."
    )
    listing: Flag = key(False, "Whether folders without index are listed.")
    follow_symlinks: Literal["owner", "always", "never"] = key(
        "owner", "owner: only to files of the same owner."
    )
    aliases: Mapping[fields.FolderUrl, fields.Folder] = key({}, "More folders, by URL.")
    hidden_files: Literal["deny", "allow"] = key(
        "deny", "Names that begin with a dot, except .well-known."
    )
    error_pages: Mapping[fields.ErrorStatus, fields.Url] = key(
        {}, "URLs of error pages, by status."
    )
    cache_control: Mapping[fields.CachePattern, fields.FieldValue] = key(
        {}, "Cache-Control of static files, by file name or URL path; the first counts."
    )
    headers: Mapping[fields.FieldName, fields.FieldValue] = key(
        {}, "Extra response fields."
    )
    access: Access | None = key(None, "Who may see the site.")
    scripts: tuple[ScriptMount, ...] = key(
        (), "Script mounts; without the key, /cgi-bin/ if cgi-bin exists."
    )

    @property
    def is_of_accounts(self) -> bool:
        """Tell whether all its hosts are accounts': it has no docroot of its own."""
        return all(host.startswith("$user.") for host in self.hosts)

    @field_validator("hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        if not hosts:
            raise ValueError('is empty; write ["*"] for every host')
        return hosts

    @field_validator("scripts")
    @classmethod
    def _check_scripts(
        cls, scripts: tuple[ScriptMount, ...]
    ) -> tuple[ScriptMount, ...]:
        _check_urls([mount.url for mount in scripts])
        return scripts


def _check_urls(urls: Sequence[str]) -> None:
    for index, url in enumerate(urls):
        if url in urls[:index]:
            text = f'"{url}" is the URL of scripts[{urls.index(url)}]; choose another'
            raise MisplacedError(text, index, "url")


class Users(Model):
    """Docroots of user accounts; needs root."""

    url: fields.UserUrl = key("/~$user/", "URL of an account.")
    docroot: fields.Template = key(
        "$home/public_html", "The folder of an account's static files."
    )
    scripts: tuple[UserScript, ...] = key((), "Script mounts.")
    access: Access | None = key(None, "Who may see the sites of accounts.")
    group: Name | None = key(
        None, "Only its members; null: every account from minimum_uid."
    )
    deny: tuple[Name, ...] = key(("root",), "Accounts without a site.")
    allow_settings: Flag = key(
        False, "Whether ~/.config/httpout-cgi.yaml may say python and environment."
    )
    minimum_uid: Number = key(1000, "The lowest user and group id served.", ge=1)

    @field_validator("scripts")
    @classmethod
    def _check_scripts(cls, scripts: tuple[UserScript, ...]) -> tuple[UserScript, ...]:
        _check_urls([mount.url for mount in scripts])
        return scripts
