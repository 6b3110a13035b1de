"""Error pages: what a client sees when there is nothing else to show.

A page tells the status and the request's id, by which an administrator finds the
reason in the error log.  It reveals nothing else, unless ``debug`` is set.
"""

from html import escape
from http import HTTPStatus

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{status} {phrase}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 44rem; margin: 12vh auto;
padding: 0 1.5rem }}
h1 {{ font-size: 1.6rem; margin-bottom: .5rem }}
pre {{ overflow-x: auto; padding: 1rem; border: 1px solid #8888; border-radius: .4rem }}
small {{ opacity: .7 }}
</style>
</head>
<body>
<h1>{status} {phrase}</h1>
<p>{text}</p>
{detail}<p><small>{request_id}</small></p>
</body>
</html>
"""

_TEXTS = {
    400: "The browser sent a request that this server does not understand.",
    401: "This page is for users who have a password.",
    403: "You may not see this page.",
    404: "There is no page at this address.",
    405: "This page does not take requests of that kind.",
    408: "The request did not arrive in time.",
    413: "The request is larger than this server takes.",
    429: "There have been too many tries. Please try again in a moment.",
    500: "The page could not be made. The administrator finds the reason in the "
    "error log.",
    502: "The page could not be made: its program ended in a wrong way.",
    503: "The server is busy. Please try again in a moment.",
    504: "The page could not be made: its program took too long.",
}


def render_error_page(status: int, request_id: str, detail: str | None = None) -> bytes:
    """Return the HTML of an error page, in UTF-8; everything in it is escaped.

    ``detail`` is a traceback, shown only where ``debug`` is set.
    """
    page = _PAGE.format(
        status=status,
        phrase=_find_phrase(status),
        text=_TEXTS.get(status, "The request could not be answered."),
        detail=f"<pre>{escape(detail)}</pre>\n" if detail else "",
        request_id=f"Request {escape(request_id)}" if request_id else "",
    )
    return page.encode("utf-8", "backslashreplace")


def render_redirect_page(location: str) -> bytes:
    """Return the HTML behind a redirect, for a client that does not follow it.

    ``location`` has one character for each byte, as in a field.
    """
    link = f'<a href="{escape(location)}">{escape(location)}</a>'
    page = f"<!DOCTYPE html>\n<title>Moved</title>\n<p>The page is at {link}.</p>\n"
    return page.encode("latin-1")


def _find_phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
