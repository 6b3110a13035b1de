"""What all samples have around them: a name with _ in front is no page of its own."""

from contextlib import contextmanager
from html import escape


@contextmanager
def frame(title):
    print(
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n"
        '<link rel="stylesheet" href="/style.css">\n</head>\n<body>\n<main>\n'
        f"<h1>{escape(title)}</h1>"
    )
    yield
    print('<p><a href="/#samples">All samples</a></p>\n</main>\n</body>\n</html>')
