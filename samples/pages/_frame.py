"""What all samples have around them: a name with _ in front is no page of its own."""

from contextlib import contextmanager
from html import escape
from pathlib import Path

import __main__

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
<a href="/#pages">All pages</a></p>
</header>
<main>
<h1>{title}</h1>"""

FOOT = """\
<details>
<summary>Source of this page</summary>
<pre><code>{source}</code></pre>
</details>
</main>
</body>
</html>"""


@contextmanager
def frame(title):
    print(HEAD.format(title=escape(title)))
    yield
    source = Path(__main__.__file__).read_text("utf-8")
    print(FOOT.format(source=escape(source)))
