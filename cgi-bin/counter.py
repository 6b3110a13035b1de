#!/usr/bin/env python3
"""Count visits in a cookie."""

import os
from http.cookies import CookieError, SimpleCookie

from lib import page


def read_visits():
    """Return the number in the cookie; a cookie is the client's word."""
    try:
        return int(SimpleCookie(os.environ.get("HTTP_COOKIE", ""))["visits"].value)
    except (CookieError, KeyError, ValueError):
        return 0


start_over = os.environ["REQUEST_METHOD"] == "POST"
visits = 1 if start_over else read_visits() + 1

cookie = SimpleCookie()
cookie["visits"] = str(visits)
cookie["visits"].update(
    {
        "path": os.environ["SCRIPT_NAME"],
        "max-age": 30 * 24 * 3600,
        "httponly": True,
        "samesite": "Lax",
    }
)

page.begin(
    "Counter",
    "The number is in a cookie of your browser; the server keeps nothing.",
    cookie.output(),
)
print(f'<p><span class="big">{visits}</span><br>')
print("visit so far</p>" if visits == 1 else "visits so far</p>")
print(f'<p><a href="{os.environ["SCRIPT_NAME"]}">Visit again</a></p>')
print('<form method="post"><button>Start over</button></form>')
page.end()
