"""What mod_proxy_scgi is told in the place of what a script has written."""

import subprocess
import sys

import pytest

from httpout_cgi.processes.pool_relay import complete
from tests.live import PATIENCE, ROOT


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        pytest.param(
            b"Location: http://x/\n\n",
            b"Status: 302 Found\r\nLocation: http://x/\n\n",
            id="redirect",
        ),
        pytest.param(
            b"A: b\r\nlocation:HTTPS://x/\r\n\r\nc",
            b"Status: 302 Found\r\nA: b\r\nlocation:HTTPS://x/\r\n\r\nc",
            id="case",
        ),
        pytest.param(
            b"HTTP/1.1 299 Mine\r\nA: b\r\n\r\nc",
            b"Status: 299 Mine\r\nA: b\r\n\r\nc",
            id="status line",
        ),
    ],
)
def test_a_status_is_added(output: bytes, wanted: bytes) -> None:
    assert complete(output) == wanted


@pytest.mark.parametrize(
    "output",
    [
        pytest.param(b"A: b\n\nLocation: http://x/\n\n", id="content"),
        pytest.param(b"Location: /local\n\n", id="local"),
        pytest.param(b"Status: 301\nLocation: http://x/\n\n", id="status"),
        pytest.param(b"X-Location: http://x/\n\n", id="another field"),
        pytest.param(b"HTTP/1.1 is old\n\n", id="no status line"),
        pytest.param(b"A: b", id="no end"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_all_else_stays_as_it_is(output: bytes) -> None:
    assert complete(output) == output


RELAYED = f"""
import os, sys
sys.path.append({str(ROOT)!r})
from httpout_cgi.processes.pool_relay import interpose
interpose()
try:
    os.waitpid(-1, 0)
except ChildProcessError:
    os.write(1, b"X-Child: none\\n")
"""


def relay(source: str) -> bytes:
    done = subprocess.run(
        [sys.executable, "-c", RELAYED + source],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        pytest.param(
            """
for part in ("Loca", "tion: http://x/\\n", "\\nrest"):
    os.write(1, part.encode())
""",
            b"Status: 302 Found\r\nX-Child: none\nLocation: http://x/\n\nrest",
            id="in parts",
        ),
        pytest.param(
            """
sys.stdout.write("\\n" + "a" * 3_000_000)
""",
            b"X-Child: none\n\n" + b"a" * 3_000_000,
            id="large",
        ),
        pytest.param("", b"X-Child: none\n", id="no end of the header section"),
    ],
)
def test_a_script_is_relayed_by_nobodys_child(source: str, wanted: bytes) -> None:
    assert relay(source) == wanted
