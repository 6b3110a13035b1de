"""Media types of files."""

import importlib
import mimetypes
from pathlib import Path

import pytest

from httpout_cgi.files import media_types
from httpout_cgi.files.media_types import UNKNOWN, guess_media_type, is_for_browsers


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("a.htm", "text/html; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.md", "text/markdown; charset=utf-8"),
        ("a.csv", "text/csv; charset=utf-8"),
        ("a.xml", "application/xml; charset=utf-8"),
        ("a.svg", "image/svg+xml; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.png", "image/png"),
        ("a.JPG", "image/jpeg"),
        ("a.webp", "image/webp"),
        ("a.avif", "image/avif"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.pdf", "application/pdf"),
        ("a.mp4", "video/mp4"),
        ("a.tar.gz", "application/gzip"),
        ("a.b.html", "text/html; charset=utf-8"),
        ("README", UNKNOWN),
        ("html", UNKNOWN),
        ("a.", UNKNOWN),
        ("a.nosuchtype", UNKNOWN),
        ("a.html\udcff", UNKNOWN),
    ],
)
def test_media_type_follows_the_suffix(name: str, expected: str) -> None:
    assert guess_media_type(name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", True),
        ("a.tar.GZ", True),
        ("a.sqlite3", False),
        ("README", False),
        ("config.YAML", False),
        ("app.log", False),
        ("key.p12", False),
    ],
)
def test_what_lies_among_pages_is_for_browsers_or_not(
    name: str, expected: bool
) -> None:
    assert is_for_browsers(name) is expected


def test_table_does_not_depend_on_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = tmp_path / "mime.types"
    machine.write_text("text/x-strange html strange\n")
    monkeypatch.setattr(mimetypes, "knownfiles", [str(machine)])
    mimetypes.init()
    try:
        assert mimetypes.guess_type("a.html")[0] == "text/x-strange"

        fresh = importlib.reload(media_types)

        assert fresh.guess_media_type("a.html") == "text/html; charset=utf-8"
        assert fresh.guess_media_type("a.strange") == UNKNOWN
    finally:
        monkeypatch.undo()
        mimetypes.init()
