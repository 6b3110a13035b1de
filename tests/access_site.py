"""Sites that not everybody may see, and a server for them; see tests/cases/access."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.live import ROOT, Server, serving

CASES = ROOT / "tests/cases/access"

SCRIPTS = {
    "who.py": """\
import os
print("Content-Type: text/plain\\n")
for name in sorted(os.environ):
    print(f"{name}={os.environ[name]}")
""",
    "go.py": """\
import os
print("Location:", os.environ["QUERY_STRING"], end="\\n\\n")
""",
    "lead.py": 'print("Location: /closed/page.html\\n")\n',
    "send.py": """\
import os
print("X-Sendfile:", os.environ["DOCUMENT_ROOT"] + "/users.htpasswd", end="\\n\\n")
""",
    # What must not reach a client, by the last word of its name.
    "bad.py": """\
import os, sys
how = os.environ["QUERY_STRING"]
out = sys.stdout.buffer
if how == "raise":
    raise ValueError("secret")
out.write({
    "split-value": b"X-A: a\\rInjected: 1\\nContent-Type: text/plain\\n\\n",
    "split-location": b"Location: http://x.example/\\rInjected: 1\\nStatus: 200\\n\\n",
    "split-status": b"Status: 404 a\\rInjected: 1\\n\\n",
    "flood-fields": b"Injected: 1\\n" * 6000,
    "flood-line": b"X-A: " + b"a" * 70000 + b"\\n\\n",
    "flood-103": b"Status: 103\\nLink: <a>\\n\\n" * 4000,
    "flood-endless": b"Injected: 1\\n" * 6000,
}[how])
if how == "flood-fields":
    out.write(b"\\n")
""",
}
SOCKET = """\
from httpout import run, websocket

async def close():
    await websocket.close()

run(close())
"""
CONFIG = """\
listen: ["127.0.0.1:0", "unix:http.sock"]
trusted_proxies: ["127.0.0.1", "10.0.0.0/8"]
sites:
  - hosts: [basic.example]
    docroot: htdocs
    scripts:
      - {url: /cgi-bin/, path: cgi-bin, runner: thread}
      - {url: /open-pool/, path: cgi-bin, runner: process}
      - {url: /pool/, path: cgi-bin, runner: process, access: &staff
          {basic: {realm: 'The "Staff"', file: htdocs/users.htpasswd}}}
      - {url: /staff/, path: cgi-bin, runner: thread, access: *staff}
      - {url: /staff/lan/, path: cgi-bin, access: {allow: [192.0.2.0/24]}}
      - {url: /staff/club/, path: cgi-bin, access:
          {basic: {realm: Club, file: club.htpasswd}}}
      - {url: /passing/, path: cgi-bin, pass_authorization: true, access: *staff}
      - {url: /one, file: cgi-bin/who.py, access: *staff}
  - hosts: [closed.example]
    docroot: htdocs
    access: &closed {basic: {realm: Closed, file: htdocs/users.htpasswd}}
    error_pages: {401: /why.html, 404: /cgi-bin/who.py}
    headers: {X-Site: closed}
    scripts: &scripts [{url: /cgi-bin/, path: cgi-bin}]
  - {hosts: [erring.example], docroot: htdocs, access: *closed, scripts: *scripts,
     error_pages: {401: /cgi-bin/who.py}}
  - hosts: [leading.example]
    docroot: htdocs
    error_pages: {404: /cgi-bin/lead.py}
    scripts:
      - {url: /cgi-bin/, path: cgi-bin}
      - {url: /closed/, path: htdocs/closed, output: page, access: *closed}
  - {hosts: [lan.example], docroot: htdocs, scripts: *scripts, access:
      {allow: [192.0.2.0/24, "2001:db8::/32"], deny: [192.0.2.13]}}
  - {hosts: [deny.example], docroot: htdocs, access: {deny: [192.0.2.0/24]}}
  - {hosts: [proxy.example], docroot: htdocs, access: {allow: [127.0.0.1, unix]}}
  - {hosts: [loopback.example], docroot: htdocs, access: {allow: [127.0.0.0/8]}}
  - {hosts: [unix.example], docroot: htdocs, access: {allow: [unix]}}
"""


@contextlib.contextmanager
def serve_access(folder: Path) -> Iterator[Server]:
    """Start a server for the sites; it must end with exit code 0 on SIGTERM."""
    texts = {f"cgi-bin/{name}": text for name, text in SCRIPTS.items()}
    texts |= {
        "htdocs/page.txt": "a page\n",
        "htdocs/why.html": "why you may not\n",
        "htdocs/closed/page.html": "a page\n",
        "htdocs/closed/page.html.gz": "compressed\n",
        "htdocs/closed/socket.py": SOCKET,
    }
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    users = CASES / "users.htpasswd"
    shutil.copy(users, folder / "htdocs/users.htpasswd")
    shutil.copy(users, folder / "htdocs/users.htpasswd.bak")
    lines = users.read_text("utf-8").splitlines(keepends=True)
    club = [line for line in lines if line.startswith("bob:")]
    (folder / "club.htpasswd").write_text("".join(club))
    config = folder / "config.yaml"
    config.write_text(CONFIG)
    with serving(config) as server:
        yield server
