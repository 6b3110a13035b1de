#!/usr/bin/env python3
"""Show the meta-variables of the request."""

import os
from html import escape

from lib import page

page.begin(
    "Environment",
    "What the server tells a script about the request: the meta-variables of RFC 3875.",
)
print('<table class="stack">')
print('<thead><tr><th scope="col">Name</th><th scope="col">Value</th></tr></thead>')
print("<tbody>")
for name, value in sorted(os.environ.items()):
    shown = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    print(
        f'<tr><th scope="row" class="mono">{escape(name)}</th>'
        f'<td class="mono">{escape(shown)}</td></tr>'
    )
print("</tbody>")
print("</table>")
page.end()
