#!/usr/bin/env python3
"""Take files, tell what they are, keep nothing."""

import cgi
import hashlib
import os
from html import escape

from lib import page


def describe(item):
    """Return name, size and digest of an uploaded file, read piece by piece."""
    digest = hashlib.sha256()
    size = 0
    while piece := item.file.read(65536):
        digest.update(piece)
        size += len(piece)
    return item.filename, size, digest.hexdigest()


form = cgi.FieldStorage()
# The name is the client's word: good enough to show, never to store under.
files = [describe(item) for item in form.list or () if item.filename]

page.begin(
    "Upload",
    "The script reads the file, tells its size and its SHA-256, and forgets it.",
)
if files:
    print('<table class="stack"><thead><tr><th scope="col">Name</th>')
    print('<th scope="col">Bytes</th><th scope="col">SHA-256</th></tr></thead><tbody>')
    for name, size, digest in files:
        print(f'<tr><th scope="row">{escape(name)}</th><td>{size:,}</td>')
        print(f'<td class="mono">{digest}</td></tr>')
    print("</tbody></table>")
    print("<h2>Once more</h2>")
elif os.environ["REQUEST_METHOD"] == "POST":
    print('<p class="bad" role="alert">No file was chosen.</p>')

action = escape(os.environ["SCRIPT_NAME"])
print(f'<form method="post" action="{action}" enctype="multipart/form-data">')
print('<div><label for="file">Files</label>')
print('<input type="file" id="file" name="file" multiple></div>')
print("<button>Upload</button>")
print("</form>")
page.end()
