"""Answers that the gateway makes itself, and changes to those of others.

Pure: values in, values out.
"""

from dataclasses import replace
from http import HTTPStatus

from httpout_cgi.error_page import render_redirect_page
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.resolve import DirectoryRedirect
from httpout_cgi.messages import Fields, Request, Response
from httpout_cgi.protocol.cgi_output import ClientRedirect, Document
from httpout_cgi.protocol.conditional import evaluate

HTML = ("Content-Type", "text/html; charset=utf-8")
_ALLOW = ("Allow", "GET, HEAD, POST, OPTIONS")
_CONDITIONS = frozenset(
    ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
)
_CONTENT_FIELDS = frozenset(("content-length", "content-type", "transfer-encoding"))
_PARTIAL_FIELDS = _CONDITIONS | {"range", "if-range"}


def check_method(request: Request) -> None:
    """Refuse with 405 the methods that nobody here answers.

    TRACE would show a page's scripts the cookies that are hidden from them (cross-site
    tracing, CVE-2003-1567).
    """
    if request.method in ("TRACE", "CONNECT"):
        status = HTTPStatus.METHOD_NOT_ALLOWED
        raise HTTPError(status, request.method, fields=[_ALLOW])


def answer_asterisk(request: Request) -> Response:
    """Answer ``OPTIONS *``, which asks about the server (RFC 9110 section 9.3.7)."""
    if request.method != "OPTIONS":
        raise HTTPError(HTTPStatus.BAD_REQUEST, "* is for OPTIONS alone")
    return Response(HTTPStatus.NO_CONTENT, (_ALLOW,))


def redirect_to_directory(found: DirectoryRedirect, query: str) -> Response:
    """Send the client to a folder's URL with its slash; the query is kept."""
    location = f"{found.location}?{query}" if query else found.location
    page = render_redirect_page(location)
    return Response(HTTPStatus.MOVED_PERMANENTLY, (("Location", location), HTML), page)


def redirect_client(redirect: ClientRedirect) -> Response:
    """Send the client where a script says (RFC 3875 section 6.2.3)."""
    page = render_redirect_page(redirect.location)
    fields = (*redirect.fields, HTML)
    return Response(HTTPStatus.FOUND, fields, page, close=redirect.close)


def make_redirected_request(
    request: Request, target: str, *, whole: bool = False
) -> Request:
    """Return the request for another page of ours: GET, and without content.

    ``whole``: also without conditions and ranges, for a page that nobody asked for.
    """
    dropped = _CONTENT_FIELDS | _PARTIAL_FIELDS if whole else _CONTENT_FIELDS
    fields = {name: request.fields[name] for name in request.fields.keys() - dropped}
    return Request("GET", target, request.version, fields, request.endpoints)


def add_fields(response: Response, fields: Fields) -> Response:
    """Add fields to a response; those that it has itself stay, cookies add up."""
    if response.raw or not fields:
        return response
    present = {name.lower() for name, _ in response.fields} - {"set-cookie"}
    added = [field for field in fields if field[0].lower() not in present]
    return replace(response, fields=(*response.fields, *added))


def judge_conditions(request: Request, document: Document) -> int | None:
    """Return 304 or 412 if a script's own validators say so (RFC 9110 section 13).

    A script that set a status has judged for itself.
    """
    if document.has_status or _CONDITIONS.isdisjoint(request.fields):
        return None
    values = {name.lower(): value for name, value in document.fields}
    etag, modified = values.get("etag"), values.get("last-modified")
    if etag is None and modified is None:
        return None
    return evaluate(request.method, request.fields, etag, modified)
