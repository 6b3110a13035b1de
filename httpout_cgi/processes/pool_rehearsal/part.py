"""A local module."""

import os.path
import sys
from html import escape


def begin(title: str) -> None:
    """Print the top."""
    print(f"<h1>{escape(title)}</h1>")


def end() -> None:
    """Print the bottom, with the source."""
    if os.path.exists(sys.argv[0]):  # pragma: no branch - what scripts often do
        with open(sys.argv[0], encoding="utf-8") as file:
            print(f"<pre>{escape(file.read())}</pre>", end="")
