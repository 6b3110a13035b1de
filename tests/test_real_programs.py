"""Programs that people run as CGI, with their own clients: PHP, Git and Mercurial.

They are Debian's.  Where one is not installed, its tests are skipped.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import PATIENCE
from tests.live_site import Site, start_site

PHP = "/usr/bin/php-cgi"
# Debian's Mercurial belongs to Debian's Python.
PYTHON = "/usr/bin/python3"
BACKEND = "/usr/lib/git-core/git-http-backend"

NEEDS_PHP = pytest.mark.skipif(not Path(PHP).exists(), reason="no php-cgi")
NEEDS_GIT = pytest.mark.skipif(
    not Path(BACKEND).exists() or shutil.which("git") is None, reason="no Git"
)


def has_mercurial() -> bool:
    found = shutil.which("hg") is not None and Path(PYTHON).exists()
    command = [PYTHON, "-c", "import mercurial.hgweb"]
    return found and not subprocess.run(command, capture_output=True).returncode


NEEDS_MERCURIAL = pytest.mark.skipif(not has_mercurial(), reason="no Mercurial")

CONFIG = f"""\
listen: ["127.0.0.1:0"]
limits: {{body_in_memory: 64KiB}}
sites:
  - docroot: htdocs
    scripts:
      - url: /cgi-bin/
        path: cgi-bin
        match: ["*"]
        interpreters: {{.php: {PHP}, .inc.php: /bin/cat, .gone: /no/such/program,
            .text: htdocs, .cat: /bin/cat}}
      - {{url: /named/, path: cgi-bin, interpreters: {{.cat: /bin/cat}}}}
      - url: /thread/
        path: cgi-bin
        runner: thread
        interpreters: {{.cat: /bin/cat}}
      - {{url: /one, file: cgi-bin/one.cat, interpreters: {{.cat: /bin/cat}}}}
      - {{url: /hg, file: cgi-bin/hgweb.cgi, interpreters: {{.cgi: {PYTHON}}}}}
      - {{url: /hg-by-shebang, file: cgi-bin/hgweb}}
      - url: /git
        file: {BACKEND if Path(BACKEND).exists() else "cgi-bin/one.cat"}
        environment: {{GIT_PROJECT_ROOT: FOLDER/git, GIT_HTTP_EXPORT_ALL: ""}}
"""

HGWEB = """\
#!/usr/bin/python3
import os
config = b"FOLDER" + os.environb[b"SCRIPT_NAME"]
from mercurial import demandimport; demandimport.enable()
from mercurial.hgweb import hgweb, wsgicgi
application = hgweb(config)
wsgicgi.launch(application)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("programs")
    (folder / "cgi-bin").mkdir()
    save(folder / "cgi-bin/one.cat", "A: b\n\none")
    script = HGWEB.replace("FOLDER", str(folder))
    save(folder / "cgi-bin/hgweb.cgi", script)
    save(folder / "cgi-bin/hgweb", script, 0o755)
    with start_site(folder, CONFIG.replace("FOLDER", str(folder))) as site:
        yield site


def save(path: Path, source: str, mode: int = 0o644) -> None:
    path.write_text(source)
    path.chmod(mode)


# A program for a suffix.


@pytest.mark.parametrize("url", ["/cgi-bin/one.cat", "/named/one.cat", "/one"])
def test_a_suffix_has_a_program_and_needs_no_run_bit(site: Site, url: str) -> None:
    reply = site.ask(url)
    assert (reply.status, reply.body, reply.get("A")) == (200, b"one", "b")


def test_a_program_is_none_that_a_thread_could_run(site: Site) -> None:
    assert site.ask("/thread/one.cat").body == b"one"


def test_the_longest_suffix_counts(site: Site) -> None:
    save(site.folder / "cgi-bin/a.inc.php", "A: b\n\n<?php echo 1;")
    assert site.ask("/cgi-bin/a.inc.php").body == b"<?php echo 1;"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        pytest.param(
            "a.gone",
            'its interpreter /no/such/program is missing: install it, or correct "inter'
            'preters"',
            id="missing",
        ),
        pytest.param(
            "a.text",
            r"its interpreter \S+/htdocs cannot be run: Permission denied",
            id="no program",
        ),
    ],
)
def test_a_program_that_cannot_run_is_told_with_the_way_out(
    site: Site, name: str, line: str
) -> None:
    path = site.folder / "cgi-bin" / name
    save(path, "A: b\n\n")
    assert site.ask(f"/cgi-bin/{name}").status == 500
    site.wait_for_log(rf"\[error\].* {re.escape(str(path))}: {line}")


# PHP.


def ask_php(site: Site, target: str, source: str, body: bytes | None = None) -> str:
    save(site.folder / "cgi-bin/page.php", f"<?php {source}")
    method, fields = "GET", []
    if body is not None:
        method, fields = "POST", ["Content-Type: application/x-www-form-urlencoded"]
    reply = site.ask(f"/cgi-bin/page.php{target}", *fields, method=method, body=body)
    assert reply.status == 200, site.server.stderr.text
    assert (reply.get("Content-Type") or "").startswith("text/html")
    return reply.body.decode()


@NEEDS_PHP
def test_php_runs_and_sees_the_request(site: Site) -> None:
    script = site.folder / "cgi-bin/page.php"
    source = (
        'echo PHP_SAPI, " ", __FILE__, " ", getcwd(), "\\n", $_GET["a"], '
        '$_SERVER["PATH_INFO"], " ", $_SERVER["SCRIPT_NAME"];'
    )
    text = ask_php(site, "/extra/path?a=1%202", source)
    assert text.splitlines() == [
        f"cgi-fcgi {script} {script.parent}",
        "1 2/extra/path /cgi-bin/page.php",
    ]


@NEEDS_PHP
def test_php_reads_content(site: Site) -> None:
    source = 'echo $_POST["a"], strlen($_POST["b"]), strlen(file_get_contents("php://input"));'
    body = b"a=x&b=" + b"y" * 100_000
    assert ask_php(site, "", source, body) == "x100000100006"


@NEEDS_PHP
def test_php_sets_status_and_fields(site: Site) -> None:
    source = '<?php http_response_code(404); header("X-A: b"); echo "none";'
    save(site.folder / "cgi-bin/none.php", source)
    reply = site.ask("/cgi-bin/none.php")
    assert (reply.status, reply.get("X-A"), reply.body) == (404, "b", b"none")


@NEEDS_PHP
def test_php_takes_no_options_from_the_query(site: Site) -> None:
    # CVE-2012-1823: "?-s" showed the source.
    assert ask_php(site, "?-s", 'echo "run";') == "run"
    words = "-d+auto_prepend_file%3d/etc/passwd"
    assert ask_php(site, f"?{words}", 'echo "run";') == "run"


@NEEDS_PHP
def test_php_runs_the_script_after_a_redirect_not_what_the_extra_path_leads_to(
    site: Site,
) -> None:
    save(site.folder / "htdocs/upload.jpg", "<?php echo 'uploaded';")
    save(site.folder / "cgi-bin/page.php", "<?php echo 'page';")
    location = "/cgi-bin/page.php/upload.jpg"
    source = f"#!/bin/sh\nprintf 'Location: {location}\\n\\n'\n"
    save(site.folder / "cgi-bin/redirect.sh", source, 0o755)
    assert site.ask("/cgi-bin/redirect.sh").body == b"page"
    assert site.ask(location).body == b"page"


# Git.

QUIET = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_TRACE_CURL": "1",
    "GIT_TRACE_CURL_NO_DATA": "1",
    **{
        f"GIT_{role}_{what}": "test@example.org"
        for role in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
    "HGRCPATH": "",
    "HGUSER": "test@example.org",
}


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a client; its standard error has what it sends."""
    done = subprocess.run(
        [*command],
        cwd=folder,
        env=QUIET,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=3 * PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def git(folder: Path, *arguments: str | Path) -> str:
    return run("git", *arguments, folder=folder).stderr


@pytest.fixture
def project(site: Site, tmp_path: Path) -> str:
    """Make a repository that the server publishes; return its URL."""
    path = site.folder / "git" / tmp_path.name / "a.git"
    path.mkdir(parents=True)
    git(path, "init", "-q", "--bare", "-b", "main")
    git(path, "config", "http.receivepack", "true")
    return f"{site.server.url}/git/{tmp_path.name}/a.git"


def commit(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    git(folder, "add", name)
    git(folder, "commit", "-q", "-m", name)


@NEEDS_GIT
def test_git_clones_and_pushes(project: str, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    git(tmp_path, "clone", "-q", project, one)
    git(one, "checkout", "-q", "-b", "main")
    commit(one, "small", b"small")
    git(one, "push", "-q", "origin", "main")
    git(tmp_path, "clone", "-q", project, two)
    assert (two / "small").read_bytes() == b"small"

    # Larger than the client's buffer: chunked, of a length that it does not know.
    content = os.urandom(3 << 20)
    commit(two, "large", content)
    sent = git(two, "-c", "http.postBuffer=65536", "push", "-q", "origin", "main")
    assert "Transfer-Encoding: chunked" in sent
    git(one, "pull", "-q", "origin", "main")
    assert (one / "large").read_bytes() == content
    git(one, "fsck", "--full", "--strict")


@NEEDS_GIT
def test_git_asks_with_content_that_is_compressed(project: str, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    git(tmp_path, "clone", "-q", project, one)
    names = [f"tag{number}" for number in range(40)]
    stream = "".join(
        f"commit refs/tags/{name}\ncommitter a <a@b> 1 +0000\n"
        f"data {len(name)}\n{name}\n"
        for name in names
    )
    subprocess.run(
        ["git", "fast-import", "--quiet"],
        cwd=one,
        env=QUIET,
        input=stream.encode(),
        check=True,
        capture_output=True,
    )
    git(one, "push", "-q", "--tags", "origin")
    # Its wants are longer than what it sends as it is.
    sent = git(tmp_path, "clone", "-q", "--mirror", project, two)
    assert "Content-Encoding: gzip" in sent
    told = run("git", "tag", "-l", folder=two).stdout
    assert told.split() == sorted(names)


@NEEDS_GIT
def test_git_is_told_what_may_not_be_pushed(
    site: Site, project: str, tmp_path: Path
) -> None:
    path = site.folder / "git" / tmp_path.name / "a.git"
    git(path, "config", "http.receivepack", "false")
    reply = site.ask(f"/git/{tmp_path.name}/a.git/info/refs?service=git-receive-pack")
    assert reply.status == 403
    assert site.ask("/git/none.git/info/refs?service=git-upload-pack").status == 404


# Mercurial.


@NEEDS_MERCURIAL
@pytest.mark.parametrize("url", ["hg", "hg-by-shebang"])
def test_mercurial_clones_and_pushes(site: Site, tmp_path: Path, url: str) -> None:
    path = site.folder / url
    path.mkdir()
    run("hg", "init", folder=path)
    save(path / ".hg/hgrc", "[web]\npush_ssl = false\nallow_push = *\n")
    run("hg", "clone", "-q", f"{site.server.url}/{url}", "one", folder=tmp_path)
    one = tmp_path / "one"
    content = os.urandom(2 << 20)
    (one / "large").write_bytes(content)
    run("hg", "commit", "-q", "-A", "-m", "large", folder=one)
    run("hg", "push", "-q", folder=one)
    run("hg", "clone", "-q", f"{site.server.url}/{url}", "two", folder=tmp_path)
    assert (tmp_path / "two/large").read_bytes() == content
    page = site.ask(f"/{url}/log")
    assert page.status == 200
    assert b"large" in page.body
