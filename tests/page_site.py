"""A live site of pages, for tests that write their own."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.live_site import Site, start_site

CONFIG = """\
listen: ["127.0.0.1:0"]
threads: 4
sites:
  - docroot: htdocs
    index: [index.py, index.html]
    scripts: [{url: /, path: htdocs, match: ["*.py"], output: page}]
"""


def write_page(site: Site, name: str, source: str) -> Path:
    """Write a file below the docroot, its indentation removed."""
    path = site.folder / "htdocs" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return path


def set_runner(config: str, runner: str) -> str:
    """Return settings whose pages have a thread, or a process."""
    return config.replace("output: page", f"output: page, runner: {runner}")


@contextmanager
def start_pages(folder: Path, config: str = CONFIG) -> Iterator[Site]:
    """Start a server for a folder of pages, and stop it at the end."""
    with start_site(folder, config) as site:
        yield site
