"""What a process is told of the page that it is to run."""

from typing import NamedTuple


class PageSettings(NamedTuple):
    """``root`` is the folder of pages.

    ``head`` is the descriptor of a file to which each header section is appended: the
    last one counts.
    """

    root: str
    head: int
    is_debugged: bool = False
