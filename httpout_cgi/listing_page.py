"""Listing pages: the HTML of what is in a folder.

It is plain enough for a text browser and fits the screen of a phone.
"""

import os
from collections.abc import Sequence
from datetime import datetime, timezone
from html import escape
from urllib.parse import quote

from httpout_cgi.files.listing import Entry

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
padding: 0 1rem }}
h1 {{ font-size: 1.3rem; overflow-wrap: anywhere }}
ul {{ list-style: none; padding: 0 }}
li {{ display: flex; flex-wrap: wrap; column-gap: 1rem; padding: .4rem 0;
border-top: 1px solid #8884 }}
a {{ flex: 1 1 14rem; overflow-wrap: anywhere }}
small {{ opacity: .7; text-align: right; font-variant-numeric: tabular-nums }}
.size {{ min-width: 5rem }}
</style>
</head>
<body>
<h1>{title}</h1>
<ul>
{rows}</ul>
</body>
</html>
"""
_UP = '<li><a href="../">../</a></li>\n'
_ROW = (
    '<li><a href="{link}">{name}</a><small class="size">{size}</small>'
    '<small><time datetime="{time}Z">{date}</time></small></li>\n'
)
_UNITS = ("KiB", "MiB", "GiB", "TiB")


def render_listing(url_path: str, entries: Sequence[Entry]) -> bytes:
    """Return the HTML of a listing, in UTF-8; everything in it is escaped.

    Whoever may write a file here chooses its name (CWE-79): none can be markup, nor a
    link to anywhere but this folder.
    """
    rows = "".join(_render_row(entry) for entry in entries)
    up = "" if url_path == "/" else _UP
    page = _PAGE.format(title=escape(_show(url_path)), rows=up + rows)
    return page.encode("utf-8")


def _render_row(entry: Entry) -> str:
    slash = "/" if entry.is_folder else ""
    # Encoded, a colon cannot end a scheme ("javascript:").
    link = quote(os.fsencode(entry.name), safe="~") + slash
    moment = datetime.fromtimestamp(int(entry.modified), timezone.utc)
    time = moment.replace(tzinfo=None).isoformat(" ")
    return _ROW.format(
        link=link,
        name=escape(_show(entry.name) + slash),
        size="" if entry.size is None else format_size(entry.size),
        time=time,
        date=time[:-3],
    )


def _show(name: str) -> str:
    """Return a name as text, with U+FFFD for bytes that are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def format_size(size: int) -> str:
    """Return a size for people: three digits and a unit."""
    if size < 1000:
        return f"{size} B"
    number, unit = size / 1024, 0
    while number >= 999.5 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    digits = 1 if number < 9.95 else 0
    return f"{number:.{digits}f} {_UNITS[unit]}"
