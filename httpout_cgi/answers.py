"""Answers that the gateway makes itself, and changes to those of others.

Must not know sites, runners or runs.
"""

from http import HTTPStatus

from httpout_cgi.error_page import render_redirect_page
from httpout_cgi.errors import HTTPError
from httpout_cgi.files.listing import list_folder
from httpout_cgi.files.resolution import DirectoryRedirect, Folder, StaticFile
from httpout_cgi.files.resolve import Resolver
from httpout_cgi.files.static import FILE_METHODS, StaticFiles, check_reading
from httpout_cgi.listing_page import render_listing
from httpout_cgi.messages import Fields, Request, Response
from httpout_cgi.protocol.cgi_response import ClientRedirect, Document
from httpout_cgi.protocol.conditional import evaluate

HTML = ("Content-Type", "text/html; charset=utf-8")
# A listing shows what others have named; should one get through, it can do nothing.
_NO_SCRIPTS = (
    "Content-Security-Policy",
    "default-src 'none'; style-src 'unsafe-inline'",
)
_ALLOW = ("Allow", "GET, HEAD, POST, OPTIONS")
_CONDITIONS = frozenset(
    ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
)
_PARTIAL_FIELDS = _CONDITIONS | {"range", "if-range"}
# What one part of us says is no less true for what another part says.
_ADDING_UP = frozenset(("set-cookie", "vary"))
# What is known of a file better than by the script that wants it sent.
_FILE_FIELDS = frozenset(("accept-ranges", "content-range", "etag", "last-modified"))


def check_method(request: Request) -> None:
    """Refuse with 405 the methods that nobody here answers.

    TRACE would show programs in a browser the cookies that are hidden from them
    (cross-site tracing, CVE-2003-1567).
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


def answer_with_listing(
    folder: Folder, resolver: Resolver, request: Request
) -> Response:
    """Return the page that lists a folder.  Raises HTTPError 403, 404 or 405."""
    if request.method == "OPTIONS":
        return Response(HTTPStatus.NO_CONTENT, FILE_METHODS)
    check_reading(request)
    page = render_listing(folder.url_path, list_folder(folder, resolver))
    return Response(HTTPStatus.OK, (HTML, _NO_SCRIPTS), page)


def redirect_client(redirect: ClientRedirect) -> Response:
    """Send the client where a script says (RFC 3875 section 6.2.3)."""
    page = render_redirect_page(redirect.location)
    fields = (*redirect.fields, HTML)
    return Response(HTTPStatus.FOUND, fields, page, close=redirect.close)


def send_file(
    files: StaticFiles,
    file: StaticFile,
    request: Request,
    document: Document,
    *,
    now: float,
) -> Response:
    """Send a file in the place of what a script printed (X-Sendfile).

    What the script says of the file counts: its type, a name to save it by; but the
    validators are the file's own, because the conditions are judged by them.  A status
    other than 200 is kept.  Raises HTTPError 404, 412 or 416.
    """
    is_error = document.status != HTTPStatus.OK
    if is_error or request.method not in ("GET", "HEAD"):
        # The conditions were about what the script did.
        request = make_redirected_request(request, request.target, whole=True)
    given = {name.lower(): value for name, value in document.fields}
    media_type = given.get("content-type")
    response = files.send(file, request, media_type, now=now)
    return add_said(response, document)


def add_said(response: Response, document: Document) -> Response:
    """Add to a response of ours what a script, or middleware, says of it.

    What we know better stays ours.
    """
    known = {name.lower() for name, _ in response.fields} | _FILE_FIELDS
    # Who guards a file knows better than the settings who may keep it.
    known -= _ADDING_UP | {"cache-control"}
    fields = [own for own in document.fields if own[0].lower() not in known]
    if response.status == HTTPStatus.NOT_MODIFIED:
        fields = remove_content_fields(fields)
    status = response.status
    if status == HTTPStatus.OK:
        status = document.status
    reason = document.reason if status == document.status else ""
    own = response._replace(status=status, fields=fields, reason=reason)
    return add_fields(own, response.fields)._replace(close=document.close)


def make_redirected_request(
    request: Request, target: str, *, whole: bool = False
) -> Request:
    """Return the request for another resource of ours: GET, and without content.

    ``whole``: also without conditions and ranges, for one that nobody asked for.
    """
    fields = {
        name: values
        for name, values in request.fields.items()
        if not (_describes_content(name) or (whole and name in _PARTIAL_FIELDS))
    }
    return Request("GET", target, request.version, fields, request.endpoints)


def remove_content_fields(fields: Fields) -> list[tuple[str, str]]:
    """Drop what describes the content that a 304 does not have.

    The client has it with the content that it kept (RFC 9110 section 15.4.5).
    """
    return [field for field in fields if not _describes_content(field[0].lower())]


def _describes_content(name: str) -> bool:
    return name == "transfer-encoding" or (
        name.startswith("content-") and name != "content-location"
    )


def add_fields(response: Response, fields: Fields) -> Response:
    """Add fields to a response; those that it has itself stay, lists add up."""
    if response.raw or not fields:
        return response
    present = {name.lower() for name, _ in response.fields} - _ADDING_UP
    added = [field for field in fields if field[0].lower() not in present]
    return response._replace(fields=(*response.fields, *added))


def judge_conditions(request: Request, document: Document) -> int | None:
    """Return 304 or 412 if a script's own validators say so (RFC 9110 section 13).

    A script that set a status has judged for itself; and what one did for, say, a POST
    cannot be undone by a 412.
    """
    if document.has_status or _CONDITIONS.isdisjoint(request.fields):
        return None
    if request.method not in ("GET", "HEAD"):
        return None
    values = {name.lower(): value for name, value in document.fields}
    etag, modified = values.get("etag"), values.get("last-modified")
    if etag is None and modified is None:
        return None
    return evaluate(request.method, request.fields, etag, modified)
