"""Problems: all at once, each with file, line, key, what is wrong and what is right."""

from pathlib import Path

import pytest

from httpout_cgi import config
from httpout_cgi.errors import ConfigError


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with what the defaults name."""
    (tmp_path / "htdocs").mkdir()
    (tmp_path / "cgi-bin").mkdir()
    (tmp_path / "one").write_text("#!/usr/bin/python3\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def complain(text: str) -> list[str]:
    Path("config.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(Path("config.yaml"))
    return list(caught.value.problems)


PROBLEMS = [
    pytest.param(
        "workers: 1\nsites:\n- docrot: htdocs",
        ['config.yaml:3: sites[0].docrot: unknown key; did you mean "docroot"?'],
        id="near key",
    ),
    pytest.param(
        "docroot: htdocs",
        ['config.yaml:1: docroot: unknown key; did you mean "sites[0].docroot"?'],
        id="key of another map",
    ),
    pytest.param(
        "log: {path: x}",
        ['config.yaml:1: log.path: unknown key; did you mean "log.access.path"?'],
        id="key of a map below",
    ),
    pytest.param(
        "reload: {frobnicate: 1}",
        [
            "config.yaml:1: reload.frobnicate: unknown key; "
            "known keys are check, watch",
        ],
        id="strange key",
    ),
    pytest.param(
        "sources: []",
        ["config.yaml:1: sources: unknown key; remove it"],
        id="sources is no key",
    ),
    pytest.param(
        "limits:\n  request_body: 5MB",
        [
            'config.yaml:2: limits.request_body: unit "MB" is not known; '
            'write KiB, MiB or GiB: "64MiB"'
        ],
        id="unit",
    ),
    pytest.param(
        "limits: {head_timeout: 0}",
        [
            "config.yaml:1: limits.head_timeout: 0 is out of range; "
            "it must be more than 0"
        ],
        id="zero",
    ),
    pytest.param(
        "threads: 0\nqueue: -1\npools: {nice: 20}",
        [
            "config.yaml:1: threads: 0 is out of range; it must be at least 1",
            "config.yaml:2: queue: -1 is out of range; it must be at least 0",
            "config.yaml:3: pools.nice: 20 is out of range; it must be at most 19",
        ],
        id="ranges",
    ),
    pytest.param(
        "debug: yes\nthreads: 022\nallow_root:",
        [
            'config.yaml:1: debug: "yes" must be a boolean; write true or false',
            'config.yaml:2: threads: "022" must be a whole number',
            "config.yaml:3: allow_root: is empty; "
            "it must be a boolean; write true or false",
        ],
        id="words and octal numbers",
    ),
    pytest.param(
        "threads: [1]",
        ["config.yaml:1: threads: must be a whole number"],
        id="list for a number",
    ),
    pytest.param(
        "listen: 127.0.0.1:80\nreload: x\nuser: 5\nlog: []",
        [
            'config.yaml:1: listen: "127.0.0.1:80" must be a list; '
            "write [...] or lines that begin with -",
            'config.yaml:2: reload: "x" must be a map of keys',
            'config.yaml:3: user: "5" must be text; quote it',
            "config.yaml:4: log: must be a map of keys",
        ],
        id="shapes",
    ),
    pytest.param(
        "loop: ato\nreload: {watch: false}",
        [
            'config.yaml:1: loop: "ato" is not known; did you mean "auto"? '
            "it must be auto, uvloop or asyncio",
            'config.yaml:2: reload.watch: "false" is not known; '
            "it must be auto, poll or off",
        ],
        id="choices",
    ),
    pytest.param(
        "reload: {watch: true}",
        [
            'config.yaml:1: reload.watch: "true" is not known; '
            "it must be auto, poll or off"
        ],
        id="true is no choice",
    ),
    pytest.param(
        "user: ''",
        ["config.yaml:1: user: is empty; write a value, or remove it"],
        id="empty text",
    ),
    pytest.param(
        "listen: []\nsites: []",
        [
            'config.yaml:1: listen: is empty; write ["127.0.0.1:8000"]',
            "config.yaml:2: sites: is empty; remove it for the default site",
        ],
        id="empty lists",
    ),
    pytest.param(
        "sites: x",
        [
            'config.yaml:1: sites: "x" must be a list; '
            "write [...] or lines that begin with -"
        ],
        id="sites is no list",
    ),
    pytest.param(
        "sites: [x, {hosts: []}]",
        [
            'config.yaml:1: sites[0]: "x" must be a map of keys',
            'config.yaml:1: sites[1].hosts: is empty; write ["*"] for every host',
        ],
        id="site is no map",
    ),
    pytest.param(
        "listen:\n- 127.0.0.1:80\n- 127.0.0.1:80",
        ['config.yaml:3: listen[1]: "127.0.0.1:80" is given twice'],
        id="listener twice",
    ),
    pytest.param(
        "group: web",
        ["config.yaml:1: group: a group without a user; give user as well"],
        id="group without user",
    ),
    pytest.param(
        "sites:\n- aliases:\n    /icons/: nope\n  error_pages: {200: /x, x: /y}",
        [
            'config.yaml:3: sites[0].aliases["/icons/"]: "FOLDER/nope" does not exist; '
            "make it, or correct the path",
            "config.yaml:4: sites[0].error_pages.200: 200 is out of range; "
            "it must be at least 400",
            'config.yaml:4: sites[0].error_pages.x: "x" must be a whole number',
        ],
        id="maps",
    ),
    pytest.param(
        "sites:\n- error_pages:\n    ? " + "9" * 5000 + "\n    : /x",
        [
            'config.yaml:3: sites[0].error_pages.LONG: "' + "9" * 77 + '...": '
            "unable to parse input string as an integer, exceeded maximum size"
        ],
        id="number without end",
    ),
    pytest.param(
        "sites:\n- docroot: one\n  scripts:\n  - path: one\n  - file: htdocs",
        [
            'config.yaml:2: sites[0].docroot: "FOLDER/one" is a file; name a folder',
            'config.yaml:4: sites[0].scripts[0].path: "FOLDER/one" is a file; '
            "name a folder",
            'config.yaml:5: sites[0].scripts[1].file: "FOLDER/htdocs" is a folder; '
            "name a file",
        ],
        id="files and folders",
    ),
    pytest.param(
        "sites:\n"
        "- scripts:\n"
        "  - url: /a/\n"
        "  - {url: /b/, path: cgi-bin, file: one}\n"
        "  - {url: /c, path: cgi-bin}\n"
        "  - {url: /d/, file: one}\n",
        [
            "config.yaml:3: sites[0].scripts[0]: has neither of path and file; "
            "give exactly one",
            "config.yaml:4: sites[0].scripts[1]: has both of path and file; "
            "give exactly one",
            'config.yaml:5: sites[0].scripts[2].url: must end with "/"; write "/c/"',
            "config.yaml:6: sites[0].scripts[3].url: "
            'must not end with "/", as it is one file',
        ],
        id="script mounts",
    ),
    pytest.param(
        "sites:\n- scripts:\n  - {path: cgi-bin}\n  - {url: /cgi-bin/, path: htdocs}",
        [
            'config.yaml:4: sites[0].scripts[1].url: "/cgi-bin/" is the URL of '
            "scripts[0]; choose another"
        ],
        id="mounts of one URL",
    ),
    pytest.param(
        "log:\n  access: {path: nope/x, format: combind}\n  error: {path: htdocs}",
        [
            'config.yaml:2: log.access.path: "FOLDER/nope" does not exist; '
            "make it, or correct the path",
            'config.yaml:2: log.access.format: "combind" is not a format; '
            "write combined, common, json, or a string of %-codes such as "
            '"%h %r %>s"',
            'config.yaml:3: log.error.path: "FOLDER/htdocs" is a folder; '
            'name a file, or "-"',
        ],
        id="logs",
    ),
    pytest.param(
        "log: {access: {path: null}}",
        ['config.yaml:1: log.access.path: is empty; write "-" or the path of a file'],
        id="log of null",
    ),
    pytest.param(
        'sites: [{scripts: [{path: cgi-bin, interpreters: {"p\\nl": one}}]}]',
        [
            'config.yaml:1: sites[0].scripts[0].interpreters["p\\nl"]: '
            '"p\\nl" is no suffix; write ".p\\x0al"',
        ],
        id="line break",
    ),
    pytest.param("a: [", ["config.yaml:1: EXPECTED"], id="not YAML"),
    pytest.param(
        "- a",
        ['config.yaml:1: must be a map of keys, such as "workers: 1"'],
        id="a list",
    ),
    pytest.param(
        "threads: 0\nthreads: 1",
        [
            "config.yaml:1: threads: 0 is out of range; it must be at least 1",
            "config.yaml:2: threads: key given twice; the first is in line 1",
        ],
        id="all kinds at once",
    ),
    pytest.param(
        "sites:\n- &a {listing: 5}\n- <<: *a\n- <<: *a",
        [
            'config.yaml:2: sites[0].listing: "5" must be a boolean; '
            "write true or false",
            'config.yaml:2: sites[1].listing: "5" must be a boolean; '
            "write true or false",
            'config.yaml:2: sites[2].listing: "5" must be a boolean; '
            "write true or false",
        ],
        id="merged maps",
    ),
]


@pytest.mark.parametrize(("text", "lines"), PROBLEMS)
def test_all_problems_are_told_with_line_and_key(
    folder: Path, text: str, lines: list[str]
) -> None:
    found = [
        line.replace(str(folder), "FOLDER").replace("9" * 5000, "LONG")
        for line in complain(text)
    ]
    if "EXPECTED" in lines[0]:
        assert found[0].startswith("config.yaml:1: ")
    else:
        assert found == lines


def test_a_time_with_a_wrong_unit_is_told(folder: Path) -> None:
    (line,) = complain("reload: {check: 5sec}")
    assert line.startswith("config.yaml:1: reload.check: ")
    assert "ms, s, m or h" in line


@pytest.mark.parametrize(
    ("value", "bound"), [("0", "at least 1"), ("1000001", "at most 1000000")]
)
def test_a_number_out_of_its_range_is_told(
    folder: Path, value: str, bound: str
) -> None:
    (line,) = complain(f"pools: {{runs_per_process: {value}}}")
    assert f"runs_per_process: {value} is out of range; it must be {bound}" in line


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            "pools: {scgi_listen: '0.0.0.0:4000'}",
            '"0.0.0.0:4000" is open to other machines; write a Unix socket or loopback',
            id="public",
        ),
        pytest.param(
            "listen: ['127.0.0.1:1']\npools: {scgi_listen: '127.0.0.1:1'}",
            '"127.0.0.1:1" is in listen as well; choose another',
            id="twice",
        ),
    ],
)
def test_an_address_that_cannot_be_the_pools_is_told(
    folder: Path, text: str, problem: str
) -> None:
    assert any(line.endswith(f"scgi_listen: {problem}") for line in complain(text))


def test_a_missing_key_is_told(folder: Path) -> None:
    assert complain("tls:\n  key: one") == [
        "config.yaml:1: tls.certificate: is missing; add it",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("./none", '"FOLDER/none" does not exist; make it, or correct the path'),
        (".", '"FOLDER" is a folder; write "FOLDER/bin/python"'),
        ("$home/bin/x", '"$home/bin/x" is for pools of accounts; add users'),
        ("venv/$user", '"venv/$user" must begin with "$home" or "/"'),
    ],
)
def test_a_python_that_is_none_is_told(folder: Path, text: str, problem: str) -> None:
    problem = problem.replace("FOLDER", str(folder))
    (line,) = complain(f"pools: {{python: {text}}}")
    assert line == f"config.yaml:1: pools.python: {problem}"


def test_the_python_of_accounts_need_not_be_there(folder: Path) -> None:
    (folder / "config.yaml").write_text(
        "user: www\nusers: {}\npools: {python: $home/v/bin/python}"
    )
    assert config.load(folder / "config.yaml").pools.python == "$home/v/bin/python"
