"""A small site for tests of the HTTP side: its scripts, and a server for it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.live import Server, serving

# Each script finds the port of its test's gate, and other words, in the query.
GATE = """\
import os, socket, sys
words = os.environ["QUERY_STRING"].split("+")
gate = socket.create_connection(("127.0.0.1", int(words[0])))
"""

SCRIPTS = {
    "hello.py": 'print("Content-Type: text/plain\\n\\nhello")\n',
    "word.py": """\
import os
print("Content-Type: text/plain\\n")
print(os.environ["QUERY_STRING"])
""",
    "address.py": """\
import os
print("Content-Type: text/plain\\n")
print(os.environ["REMOTE_ADDR"])
""",
    # What came as content: its length as the server tells it, read twice.
    "content.py": """\
import os, sys
first = sys.stdin.buffer.read()
sys.stdin.buffer.seek(0)
second = sys.stdin.buffer.read()
print("Content-Type: text/plain\\n")
print(os.environ.get("CONTENT_LENGTH"), len(first), first == second, flush=True)
sys.stdout.buffer.write(first[:100])
""",
    "count.py": """\
import os, sys
size = 0
while piece := sys.stdin.buffer.read(65536):
    size += len(piece)
print("Content-Type: text/plain\\n")
print(os.environ["CONTENT_LENGTH"], size)
""",
    # Waits before it prints anything.
    "gate.py": GATE
    + """\
gate.recv(1)
print("Content-Type: text/plain\\n\\nthrough")
""",
    # A line for each byte from the gate, which is told whether it could be written.
    "lines.py": GATE
    + """\
print("Content-Type: text/plain\\n", flush=True)
while gate.recv(1):
    try:
        print("line", flush=True)
        gate.send(b"w")
    except BrokenPipeError:
        gate.send(b"!")
        break
""",
    # Megabytes as fast as they are taken; the gate hears of each, and how it ended.
    "flood.py": GATE
    + """\
print("Content-Type: application/octet-stream\\n", flush=True)
try:
    for _ in range(int(words[1])):
        for _ in range(16):
            sys.stdout.buffer.write(bytes(65536))
        gate.send(b"w")
    gate.send(b".")
except BrokenPipeError:
    gate.send(b"!")
""",
    "nph-raw.py": """\
import os, sys
sys.stdout.write("HTTP/1.1 299 Odd\\r\\nX-Raw: 1\\r\\n\\r\\n")
sys.stdout.write(os.environ["REQUEST_METHOD"])
""",
    "interim.py": """\
print("Status: 103\\nLink: </style.css>; rel=preload\\n")
print("Content-Type: text/plain\\n\\nfinal")
""",
}

CONFIG = """\
listen: [{listen}]
workers: 1
sites:
  - docroot: {folder}/htdocs
    scripts: [{{url: /, path: {folder}/htdocs, runner: thread}}]
limits: {{{limits}}}
"""


@contextlib.contextmanager
def serve_site(
    folder: Path, limits: str = "", listen: str = '"127.0.0.1:0"'
) -> Iterator[Server]:
    """Start a server for the site; it must end with exit code 0 on SIGTERM."""
    pages = folder / "htdocs"
    pages.mkdir()
    for name, text in {**SCRIPTS, "page.txt": "a page\n"}.items():
        (pages / name).write_text(text)
    with (pages / "large.bin").open("wb") as file:
        file.truncate(64 << 20)
    config = folder / "config.yaml"
    config.write_text(CONFIG.format(listen=listen, folder=folder, limits=limits))
    with serving(config) as server:
        yield server
