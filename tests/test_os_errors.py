"""What a client is told if the system fails."""

import errno
import os
from http import HTTPStatus

import pytest

from httpout_cgi.files.os_errors import make_http_error


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (errno.ENOENT, HTTPStatus.NOT_FOUND),
        (errno.EACCES, HTTPStatus.FORBIDDEN),
        (errno.EMFILE, HTTPStatus.SERVICE_UNAVAILABLE),
        (errno.EIO, HTTPStatus.INTERNAL_SERVER_ERROR),
    ],
)
def test_answer_to_a_failing_system(code: int, status: HTTPStatus) -> None:
    error = make_http_error(OSError(code, os.strerror(code), "/x"))

    assert (error.status, error.reason) == (status, f"{os.strerror(code)}: /x")
    assert ("Retry-After" in dict(error.fields)) == (status == 503)
