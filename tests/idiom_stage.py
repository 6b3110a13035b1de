"""The two ways to run a row: by the live server, and as a plain CGI child process.

The server tells the child's environment, and answers with the child's output as well,
so that both answers went through all of it.
"""

import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from httpout_cgi.error_log import escape
from tests.idioms import Row
from tests.live import PATIENCE, ROOT
from tests.live_site import CGI_BIN, Reply, Seen, Site, start_site

SCRIPTS = ROOT / "tests/cases/idioms"

# A site for the scripts, and one in which every script tells its environment.
HOST, SEEING_HOST = "legacy.example", "seeing.example"
FOLDER, SEEING_FOLDER = "legacy", "seeing"


def _write_mounts(folder: str, runner: str) -> str:
    lines = f"""
      - {{url: /cgi-bin/, path: {folder}, environment: {{GREETING: hello}}}}
      - {{url: /authorized/, path: {folder}, pass_authorization: true}}
      - {{url: /certificate/, path: {folder}, environment: {{SSL_CLIENT_S_DN: CN=Bob}}}}
      - {{url: /any/, path: {folder}, match: ["*.py", "*.cgi", "*_without_suffix"]}}
      - {{url: /auto/, path: {folder}, output: auto}}
      - {{url: /short/, path: {folder}, timeout: 300ms}}
"""
    return lines.replace("}\n", f", runner: {runner}}}\n")


def _write_config(runner: str) -> str:
    return f"""\
listen: ["127.0.0.1:0", "unix:http.sock"]
trusted_proxies: [unix]
log: {{access: {{format: "%{{X-Row}}i %L %U"}}}}
sites:
  - hosts: [{HOST}]
    docroot: {FOLDER}/htdocs
    scripts: {_write_mounts(FOLDER, runner)}
  - hosts: [{SEEING_HOST}]
    docroot: {FOLDER}/htdocs
    scripts: {_write_mounts(SEEING_FOLDER, "thread")}
"""


# Identities, names of temporary files, times, and ids of requests.
_ANY = rb"0x[0-9a-f]{6,}|tmp\w{8}|... ... .. ..:..:.. \d{4}|Request [0-9a-f]{14}"

# cgi and cgitb are imported once for all runs, and so they warn only once.
_CGI_WARNING = r".*: DeprecationWarning: 'cgi(tb)?' is deprecated .*\n.*\n"

# What depends on when the server looked, not on what the script did.
_VARYING = {"date", "content-length", "transfer-encoding", "connection"}

# Seconds for lines of the log that are sure to come.
_LEISURE = 5.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer without what differs from request to request, and the error lines."""

    status: int
    reason: str
    fields: tuple[tuple[str, str], ...]
    body: bytes
    errors: str


class Stage:
    """A live server with the scripts; ``folder`` is theirs."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.folder = site.folder / FOLDER
        self._tokens = count()

    def add(self, name: str, source: str) -> None:
        """Add a script."""
        (self.folder / name).write_text(source)
        _write_teller(self.site.folder, name)

    def perform_live(self, row: Row, errors: str = "") -> tuple[Outcome, str]:
        """Let the server run the script; return all lines of the log as well.

        Wait a while for ``errors``: what comes through a pipe is logged at leisure.
        """
        token, path = self._make_token(), row.mount + row.script
        reply = self._ask(row, path + row.target, f"X-Row: {token}")
        self._wait_for_log()
        run_id = self._find_run_id(token, path)
        deadline = time.monotonic() + _LEISURE
        while True:
            lines = self._find_log(run_id)
            outcome = _take(reply, _find_errors(reply, lines))
            if len(outcome.errors) >= len(errors) or time.monotonic() > deadline:
                return outcome, "\n".join(text for _, text in lines)
            time.sleep(0.01)

    def perform_child(self, row: Row) -> Outcome:
        """Run the script in a process of its own, and let the server answer with it."""
        with self.start_child(row) as child:
            try:
                output, errors = child.communicate(row.body or b"", PATIENCE)
            finally:
                child.kill()
        said = self.site.folder / "said"
        said.write_bytes(output)
        prefix = "nph-" if row.script.startswith("nph-") else ""
        path = f"{row.mount}{prefix}replay.py"
        reply = self._ask(row, path + row.target, f"X-Replay: {said}")
        return _take(reply, _split_lines(errors))

    def start_child(self, row: Row) -> subprocess.Popen[bytes]:
        """Start the script as a CGI server does, by the command in its first line."""
        script = self.folder / row.script
        seen = self.see(row)
        return subprocess.Popen(
            [sys.executable, *_find_flags(script), str(script), *seen["argv"][1:]],
            env=seen["environ"],
            cwd=script.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def see(self, row: Row) -> Seen:
        """Return what the server gives to the script for the row's request."""
        fields = (*row.fields, f"Host: {SEEING_HOST}")
        # The answer to a HEAD request would not tell.
        method = row.method if row.method != "HEAD" else "GET"
        seeing = replace(row, fields=fields, method=method)
        seen = self._ask(seeing, row.mount + row.script + row.target)
        assert seen.status == 200, seen
        values: Seen = json.loads(seen.body)
        values["environ"] = {
            name: value.replace(SEEING_HOST, HOST).replace(SEEING_FOLDER, FOLDER)
            for name, value in values["environ"].items()
        }
        values["environ"]["REQUEST_METHOD"] = row.method
        return values

    def _ask(self, row: Row, target: str, *more: str) -> Reply:
        fields = [*row.fields, *more]
        if not any(line.startswith("Host:") for line in fields):
            fields.append(f"Host: {HOST}")
        return self.site.ask(
            target, *fields, method=row.method, body=row.body, unix=row.unix
        )

    def _make_token(self) -> str:
        return f"row{next(self._tokens)}"

    def _find_run_id(self, token: str, path: str) -> str:
        pattern = rf"{token} (\w+) {re.escape(path)}"
        return self.site.server.stdout.wait_for(pattern)[1]

    def _wait_for_log(self) -> None:
        """Wait until we have all lines that are in the error log by now."""
        token = self._make_token()
        self.site.ask(f"/cgi-bin/log.py?{token}", f"Host: {HOST}")
        self.site.wait_for_log(rf"\] {token}\n")

    def _find_log(self, run_id: str) -> list[tuple[str, str]]:
        tag = f" {run_id}] "
        text = self.site.server.stderr.text
        lines = (line.partition(tag) for line in text.split("\n"))
        # Date, time, zone, level, and who it was.
        return [(head.split()[3].strip("[]"), rest) for head, end, rest in lines if end]


def _find_errors(reply: Reply, lines: list[tuple[str, str]]) -> Iterator[str]:
    own = f"{reply.status}: "
    errors = (text for level, text in lines if level == "error")
    return (text for text in errors if not text.startswith(own))


def _take(reply: Reply, errors: Iterator[str]) -> Outcome:
    kept = tuple(field for field in reply.fields if field[0].lower() not in _VARYING)
    body = re.sub(_ANY, b"*", reply.body)
    text = re.sub(_CGI_WARNING, "", "".join(f"{line}\n" for line in errors))
    text = re.sub(_ANY.decode(), "*", text)
    return Outcome(reply.status, reply.reason, kept, body, text)


def _split_lines(text: bytes) -> Iterator[str]:
    lines = text.decode("utf-8", "backslashreplace").split("\n")
    return (escape(line) for line in (lines if lines[-1] else lines[:-1]))


def _find_flags(script: Path) -> list[str]:
    """Return what stands behind python in the script's first line."""
    first = script.read_bytes().partition(b"\n")[0].decode("latin-1").rstrip()
    match = re.match(r"#!\s*(?:/usr/bin/env (-S )?)?\S*python\S*\s*(.*)", first)
    if match is None or not match[2]:
        return []
    # The kernel gives one argument; env -S splits it.
    return shlex.split(match[2]) if match[1] else [match[2]]


def _write_teller(folder: Path, name: str) -> None:
    """Write the script that tells what the one of that name would see."""
    text = (CGI_BIN / "environ.py").read_text()
    path = folder / SEEING_FOLDER / name
    if path.name.startswith("nph-"):
        text = text.replace("print", 'print("HTTP/1.1 200 OK")\nprint', 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@contextmanager
def set_stage(
    folder: Path, settings: str = "", *, runner: str = "thread"
) -> Iterator[Stage]:
    """Start a server for copies of the scripts; ``settings`` are lines of YAML."""
    copy = folder / FOLDER
    shutil.copytree(SCRIPTS, copy)
    (copy / "log.py").write_text(
        "import os, sys\nprint('X-A: b\\n')\n"
        "print(os.environ['QUERY_STRING'], file=sys.stderr)\n"
    )
    for name in ("replay.py", "nph-replay.py"):
        (copy / name).write_text(
            "import os, sys\n"
            "with open(os.environ['HTTP_X_REPLAY'], 'rb') as said:\n"
            "    sys.stdout.buffer.write(said.read())\n"
        )
    scripts = (file for file in copy.rglob("*") if file.suffix in (".py", ".cgi", ""))
    for script in scripts:
        if not script.is_dir():
            _write_teller(folder, str(script.relative_to(copy)))
    with start_site(folder, settings + _write_config(runner)) as site:
        yield Stage(site)
