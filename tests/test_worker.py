"""A worker has room for the connections that it may accept."""

import re
from pathlib import Path

import pytest

from tests.conftest import Serve
from tests.raw import find_worker


def read_file_limits(pid: int) -> tuple[int, int]:
    text = Path(f"/proc/{pid}/limits").read_text()
    match = re.search(r"Max open files +([0-9]+) +([0-9]+)", text)
    assert match
    return int(match[1]), int(match[2])


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="reads /proc")
def test_open_files_are_allowed_as_connections_are(
    tmp_path: Path, serve: Serve
) -> None:
    (tmp_path / "htdocs").mkdir()
    config = (
        "listen: ['127.0.0.1:0']\n"
        "sites: [{docroot: htdocs}]\n"
        "limits: {connections: %d}\n"
    )
    server = serve(config % 900)
    soft, hard = read_file_limits(find_worker(server))
    assert soft >= 900 * 2 + 512
    # More than the system allows is a warning, not an end.
    (tmp_path / "config.yaml").write_text(config % hard)
    server.stderr.wait_for(f"only {hard} files may be open here")
    assert read_file_limits(find_worker(server)) == (hard, hard)
