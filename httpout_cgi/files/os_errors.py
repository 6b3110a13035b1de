"""Errors of the system about a file, as answers to the request for it."""

import errno
from http import HTTPStatus

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol.ownership import Refusal

_STATUSES = {
    errno.ENOENT: HTTPStatus.NOT_FOUND,
    errno.ENOTDIR: HTTPStatus.NOT_FOUND,
    errno.ENAMETOOLONG: HTTPStatus.NOT_FOUND,
    errno.EACCES: HTTPStatus.FORBIDDEN,
    errno.EPERM: HTTPStatus.FORBIDDEN,
    errno.ELOOP: HTTPStatus.FORBIDDEN,
    errno.EISDIR: HTTPStatus.FORBIDDEN,
    errno.ENXIO: HTTPStatus.FORBIDDEN,
    errno.EMFILE: HTTPStatus.SERVICE_UNAVAILABLE,
    errno.ENFILE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def make_http_error(error: OSError, owner: int | None = None) -> HTTPError:
    """Return the answer to a request whose file made the system fail like that.

    With an ``owner`` it is an account's, which may wonder what others may not read.
    """
    status = _STATUSES.get(error.errno or 0, HTTPStatus.INTERNAL_SERVER_ERROR)
    if owner is not None and error.errno == errno.EACCES:
        return HTTPError(status, f"{Refusal.NOT_READABLE.value}: {error.filename}")
    # Others give their descriptors back.
    fields = [("Retry-After", "1")] if status.value == 503 else []
    return HTTPError(status, f"{error.strerror}: {error.filename}", fields=fields)
