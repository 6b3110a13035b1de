"""Whether a ``__globals__.py`` that no worker runs wants ``app``."""

import os
from pathlib import Path

import pytest

from httpout_cgi.runners.unasked_apps import UnaskedApps


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def find_reason(folder: Path) -> str:
    return UnaskedApps().find_reason(str(folder))


WANTING = [
    "from httpout import app",
    "import os\n\nfrom httpout import globals, app as application\n",
    "if True:\n    from  httpout  import(globals,  # all of them\n        app)",
    "from httpout import globals, \\\n  app",
    "import httpout\n@httpout.app.on_request\ndef f(): pass",
    "import os, httpout as h\nh. app",
    "from httpout import app  # and " + "x" * 300_000,
]
NOT_WANTING = [
    "",
    "from httpout import globals  # shared by the whole app\napp = 1",
    "from httpout import (globals,\n  wait)\napp = 1",
    "from httpout import globals as application",
    "import httpout\napplication = httpout.globals",
    "import flask\nflask.app",
    "# from httpout import app",
]


@pytest.mark.parametrize("source", WANTING)
def test_who_wants_app(tmp_path: Path, source: str) -> None:
    path = tmp_path / "__globals__.py"
    path.write_text(source)
    reason = f'{path} wants app, which there is with "runner: thread" alone'
    assert find_reason(tmp_path) == reason


@pytest.mark.parametrize("source", NOT_WANTING)
def test_who_does_not(tmp_path: Path, source: str) -> None:
    (tmp_path / "__globals__.py").write_text(source)
    assert find_reason(tmp_path) == ""


def test_what_cannot_be_read_wants_nothing(tmp_path: Path) -> None:
    path = tmp_path / "__globals__.py"
    assert find_reason(tmp_path) == ""
    # CWE-400: whoever opens a pipe waits for a writer.
    os.mkfifo(path)
    assert find_reason(tmp_path) == ""
    path.unlink()
    path.mkdir()
    assert find_reason(tmp_path) == ""


def test_a_file_that_never_ends_a_line_takes_no_time(tmp_path: Path) -> None:
    # CWE-1333: an account writes it, and the loop of all others reads it.
    source = "import " * 40_000 + "from httpout import" * 10_000 + "." + " " * 40_000
    (tmp_path / "__globals__.py").write_text(source)
    assert find_reason(tmp_path) == ""


def test_it_is_looked_at_twice_a_second(tmp_path: Path) -> None:
    clock = Clock()
    apps = UnaskedApps(clock)
    path = tmp_path / "__globals__.py"
    assert apps.find_reason(str(tmp_path)) == ""
    path.write_text("from httpout import app")
    assert apps.find_reason(str(tmp_path)) == ""
    clock.now += 0.6
    assert "wants app" in apps.find_reason(str(tmp_path))
    path.unlink()
    assert "wants app" in apps.find_reason(str(tmp_path))
    clock.now += 0.6
    assert apps.find_reason(str(tmp_path)) == ""


def test_accounts_do_not_fill_the_memory(tmp_path: Path) -> None:
    apps = UnaskedApps(Clock())
    (tmp_path / "__globals__.py").write_text("from httpout import app")
    assert apps.find_reason(str(tmp_path))
    (tmp_path / "__globals__.py").unlink()
    for number in range(1024):
        apps.find_reason(str(tmp_path / str(number)))
    assert apps.find_reason(str(tmp_path)) == ""
