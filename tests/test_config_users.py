"""The settings of accounts' sites: ``users`` and hosts with ``$user``."""

from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "htdocs").mkdir()
    return tmp_path


def save(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def complain(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        config.load(save(folder, text))
    return [one.removeprefix(f"{folder}/") for one in caught.value.problems]


def test_users_have_defaults(folder: Path) -> None:
    path = save(folder, "user: www\nusers: {scripts: [{runner: process}]}\nsites: [{}]")
    users = config.load(path).users
    assert users
    assert (users.url, users.docroot) == ("/~$user/", "$home/public_html")
    mount = users.scripts[0]
    assert (mount.url, mount.path) == ("cgi-bin/", "$home/public_html/cgi-bin")
    assert (users.deny, users.minimum_uid, users.group) == (("root",), 1000, None)


def test_a_site_of_accounts_has_nothing_of_its_own(folder: Path) -> None:
    (folder / "cgi-bin").mkdir()
    text = "user: www\nusers: {}\nsites: [{hosts: [$user.a.org, $user.b.org]}]"
    loaded = config.load(save(folder, text))
    assert loaded.sites[0].is_of_accounts
    assert loaded.sites[0].scripts == ()
    assert config.parse_dump(config.dump(loaded)).sites == loaded.sites


def test_a_site_may_have_both_kinds_of_hosts(folder: Path) -> None:
    text = "user: www\nusers: {}\nsites: [{hosts: [a.org, $user.a.org]}]"
    site = config.load(save(folder, text)).sites[0]
    assert not site.is_of_accounts
    assert site.docroot == folder / "htdocs"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "sites: [{}]\nusers: {}",
            "users: users without a user for the workers; give user as well",
            id="workers would be root",
        ),
        pytest.param(
            "sites: [{hosts: [$user.a.org]}]",
            '"$user.a.org" in sites[0].hosts needs users; add it',
            id="host without users",
        ),
        pytest.param(
            "users: null\nsites: [{}, {hosts: [x, $user.a.org]}]",
            'users: "$user.a.org" in sites[1].hosts needs users; add it',
            id="host with null",
        ),
        pytest.param(
            "user: www\nusers: {}\nsites: [{hosts: [$user.a.org], docroot: x}]",
            "sites[0].docroot: accounts have what users says; remove it",
            id="docroot of accounts",
        ),
        pytest.param(
            "user: www\nusers: {}\nsites: [{hosts: [$user.a.org], scripts: [{}]}]",
            "sites[0].scripts: accounts have what users says; remove it",
            id="scripts of accounts",
        ),
    ],
)
def test_what_does_not_fit_is_told(folder: Path, text: str, problem: str) -> None:
    found = complain(folder, text)
    assert [line.split(": ", 1)[1] for line in found] == [problem]


URL = 'must have "$user/" at its end and something before it, such as "/~$user/"'


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("url: /~$user", f'url: "/~$user" {URL}', id="no slash"),
        pytest.param("url: /$user/", f'url: "/$user/" {URL}', id="everything"),
        pytest.param("url: /~x/", f'url: "/~x/" {URL}', id="no user"),
        pytest.param("url: /~$user/x/", f'url: "/~$user/x/" {URL}', id="more behind"),
        pytest.param(
            "docroot: /srv/www",
            'docroot: "/srv/www" is the same for all; write "$home" or "$user"',
            id="one for all",
        ),
        pytest.param(
            "docroot: $home/../x",
            'docroot: "$home/../x" must be a plain path, without "." and ".."',
            id="out of the home",
        ),
        pytest.param(
            "docroot: public_html",
            'docroot: "public_html" must begin with "$home" or "/"',
            id="relative",
        ),
        pytest.param(
            "scripts: [{url: /cgi-bin/}]",
            'scripts[0].url: "/cgi-bin/" is below the URL of the account; remove "/"',
            id="absolute URL",
        ),
        pytest.param(
            "scripts: [{url: cgi-bin}]",
            'scripts[0].url: "/cgi-bin" is a folder; write "/cgi-bin/"',
            id="URL without slash",
        ),
        pytest.param(
            "scripts: [{}, {}]",
            'scripts[1].url: "cgi-bin/" is the URL of scripts[0]; choose another',
            id="twice",
        ),
        pytest.param(
            "scripts: [{runner: thread}]",
            'scripts[0].runner: "thread" is not for accounts; write auto or process',
            id="thread",
        ),
    ],
)
def test_wrong_values_are_told(folder: Path, text: str, problem: str) -> None:
    lines = complain(folder, f"user: www\nsites: [{{}}]\nusers: {{{text}}}")
    assert lines == [f"config.yaml:3: users.{problem}"]
