"""The frame around the sample pages: a local module that the scripts import."""

import sys
from html import escape

HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} - httpout-cgi</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
</head>
<body>
<header class="bar">
<p><a class="brand" href="/">httpout<span>-cgi</span></a>
<a href="/#samples">All samples</a></p>
</header>
<main>
<h1>{title}</h1>
<p class="lead">{intro}</p>
"""

FOOT = """\
<details>
<summary>Source of this script</summary>
<pre><code>{source}</code></pre>
</details>
</main>
</body>
</html>
"""


def begin(title, intro, *fields):
    """Print the header section and the top; ``intro`` is HTML."""
    print("Content-Type: text/html; charset=utf-8")
    for field in fields:
        print(field)
    print()
    print(HEAD.format(title=escape(title), intro=intro), end="")


def end():
    """Print the bottom, with the source of the script that runs."""
    with open(sys.argv[0], encoding="utf-8") as file:
        print(FOOT.format(source=escape(file.read())), end="")


if __name__ == "__main__":
    # Somebody asked for the module's own URL: it is no script.
    print("Status: 404 Not Found")
    print("Content-Type: text/plain; charset=utf-8")
    print()
    print("This is a module, not a script.")
