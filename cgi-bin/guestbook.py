#!/usr/bin/env python3
"""A guestbook in SQLite: post, redirect, get.

The database is in the folder that GUESTBOOK_FOLDER names (set it with "environment:"
in config.yaml, with SetEnv in Apache), else in a private folder below the system's
temporary folder: the script's own folder may be read-only.
"""

import cgi
import os
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime, timezone
from html import escape
from pathlib import Path

from lib import page

NAME_LENGTH = 40
MESSAGE_LENGTH = 500


def find_folder():
    """Return a folder to write in that nobody else has prepared for us."""
    if chosen := os.environ.get("GUESTBOOK_FOLDER"):
        return Path(chosen)
    folder = Path(tempfile.gettempdir()) / f"httpout-cgi-guestbook-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    return folder


def open_database():
    """Open the database, with its table; the caller closes it."""
    database = sqlite3.connect(find_folder() / "guestbook.sqlite3", timeout=10)
    database.execute(
        "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY,"
        " time TEXT NOT NULL, name TEXT NOT NULL, message TEXT NOT NULL)"
    )
    return database


def add_entry(database):
    """Store the entry of the form; an empty message is dropped."""
    form = cgi.FieldStorage()
    name = form.getfirst("name", "").strip()[:NAME_LENGTH] or "Anonymous"
    message = form.getfirst("message", "").strip()[:MESSAGE_LENGTH]
    now = datetime.now(timezone.utc).isoformat(" ", "minutes")[:16]
    if message:
        with database:
            database.execute(
                "INSERT INTO entry (time, name, message) VALUES (?, ?, ?)",
                (now, name, message),
            )


def show_entries(database):
    """Print the newest entries; what a visitor wrote is escaped."""
    print('<ul class="entries">')
    for time, name, message in database.execute(
        "SELECT time, name, message FROM entry ORDER BY id DESC LIMIT 50"
    ):
        print(f'<li class="card"><header><h3>{escape(name)}</h3>')
        print(f'<span class="soft">{time} UTC</span></header>')
        print(f"<p>{escape(message)}</p></li>")
    print("</ul>")


def show_form(action):
    print(f'<form method="post" action="{action}">')
    print('<div><label for="name">Name</label>')
    print(f'<input type="text" id="name" name="name" maxlength="{NAME_LENGTH}"></div>')
    print('<div><label for="message">Message</label>')
    print('<textarea id="message" name="message" required')
    print(f' maxlength="{MESSAGE_LENGTH}"></textarea></div>')
    print("<button>Sign</button>")
    print("</form>")


def main():
    url = os.environ["SCRIPT_NAME"]
    with closing(open_database()) as database:
        if os.environ["REQUEST_METHOD"] == "POST":
            add_entry(database)
            # 303: the browser fetches the page anew, so that a reload posts nothing.
            print("Status: 303 See Other")
            print(f"Location: {url}")
            print()
            return
        page.begin(
            "Guestbook",
            "The entries are in a SQLite database, by default in the system's"
            " temporary folder: <code>GUESTBOOK_FOLDER</code> names a better place.",
        )
        show_form(escape(url))
        show_entries(database)
    page.end()


if __name__ == "__main__":
    main()
