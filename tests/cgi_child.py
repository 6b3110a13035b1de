"""A CGI script as a child process, as mod_cgi runs it: what ours is compared with."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlencode, urlsplit

from tests.live import PATIENCE, ROOT, Answer

CGI_BIN = ROOT / "cgi-bin"
HTDOCS = ROOT / "htdocs"
BOUNDARY = "7MA4YWxkTrZu0gW"


@dataclass(frozen=True, slots=True)
class Case:
    """One request to a script."""

    target: str
    method: str = "GET"
    body: bytes | None = None
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def script(self) -> str:
        """SCRIPT_NAME: the URL up to the script's suffix."""
        return urlsplit(self.target).path.partition(".py")[0] + ".py"


def post(target: str, **form: str | list[str]) -> Case:
    """Send a form as a browser does."""
    body = urlencode(form, doseq=True).encode()
    content_type = "application/x-www-form-urlencoded"
    return Case(target, "POST", body, {"Content-Type": content_type})


def upload(target: str, **files: bytes) -> Case:
    """Send files as a browser does; each keyword is a file's name."""
    body = b""
    for name, content in files.items():
        head = f'form-data; name="file"; filename="{name}"'
        body += f"--{BOUNDARY}\r\nContent-Disposition: {head}\r\n\r\n".encode()
        body += content + b"\r\n"
    body += f"--{BOUNDARY}--\r\n".encode()
    content_type = f"multipart/form-data; boundary={BOUNDARY}"
    return Case(target, "POST", body, {"Content-Type": content_type})


def metavariables(case: Case, port: int) -> dict[str, str]:
    """Build the environment that Apache would give (RFC 3875 section 4.1)."""
    url = urlsplit(case.target)
    values = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": case.method,
        "REQUEST_URI": case.target,
        "QUERY_STRING": url.query,
        "SCRIPT_NAME": case.script,
        "SCRIPT_FILENAME": str(CGI_BIN / case.script.removeprefix("/cgi-bin/")),
        "DOCUMENT_ROOT": str(HTDOCS),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": f"127.0.0.1:{port}",
        "HTTP_ACCEPT_ENCODING": "identity",  # http.client's
    }
    if extra_path := unquote(url.path.removeprefix(case.script), "latin-1"):
        values["PATH_INFO"] = os.fsdecode(extra_path.encode("latin-1"))
        values["PATH_TRANSLATED"] = values["DOCUMENT_ROOT"] + values["PATH_INFO"]
    if case.body is not None:
        values["CONTENT_LENGTH"] = str(len(case.body))
    for name, value in case.fields.items():
        variable = name.upper().replace("-", "_")
        values[variable if name == "Content-Type" else f"HTTP_{variable}"] = value
    return values


def run(
    case: Case, port: int, extras: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Run the script in its folder, with pipes, and search words as arguments."""
    environment = {**metavariables(case, port), **extras}
    script = environment["SCRIPT_FILENAME"]
    query = environment["QUERY_STRING"]
    command = [script, *(query.split("+") if query and "=" not in query else ())]
    if not os.access(script, os.X_OK):
        command.insert(0, sys.executable)  # a module, which Apache would not run
    return subprocess.run(
        command,
        env=environment,
        cwd=Path(script).parent,
        input=case.body or b"",
        capture_output=True,
        timeout=PATIENCE,
    )


def parse(output: bytes) -> Answer:
    """Split a document response into its parts (RFC 3875 section 6.2.1)."""
    head, body = re.split(rb"\r?\n\r?\n", output, maxsplit=1)
    pairs = (line.split(": ", 1) for line in head.decode().splitlines())
    fields = {name.lower(): value for name, value in pairs}
    number, _, reason = fields.pop("status", "200 OK").partition(" ")
    return Answer(int(number), reason, fields, body)
