"""Static files and the responses with them."""

import errno
import os
import socket
import stat as modes
from collections.abc import Iterator
from email.utils import formatdate
from http import HTTPStatus
from io import FileIO
from pathlib import Path

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.files.opening import Links, open_file
from httpout_cgi.files.resolution import StaticFile
from httpout_cgi.files.static import StaticFiles
from httpout_cgi.messages import Endpoints, FilePart, FileParts, Request, Response
from tests.accounts import public_folder, without_privileges

NOW = 1_700_000_000.5
OLD = 1_600_000_000
ENDPOINTS = Endpoints("http", "127.0.0.1", 50000, "127.0.0.1", 8000)
LARGE = 128 * 1024 + 1


@pytest.fixture
def small(tmp_path: Path) -> StaticFile:
    return make_file(tmp_path / "a.txt", b"0123456789")


@pytest.fixture
def large(tmp_path: Path) -> StaticFile:
    return make_file(tmp_path / "a.bin", bytes(LARGE))


def make_file(path: Path, content: bytes, modified: float = OLD) -> StaticFile:
    path.write_bytes(content)
    os.utime(path, (modified, modified))
    return StaticFile(str(path), os.stat(path))


def make_request(method: str = "GET", **fields: str) -> Request:
    values = {name.replace("_", "-"): [value] for name, value in fields.items()}
    return Request(method, "/", "HTTP/1.1", values, ENDPOINTS)


def ask(file: StaticFile, method: str = "GET", **fields: str) -> Response:
    return StaticFiles().respond(file, make_request(method, **fields), now=NOW)


def find_refusal(file: StaticFile, method: str = "GET", **fields: str) -> HTTPError:
    with pytest.raises(HTTPError) as refusal:
        ask(file, method, **fields)
    return refusal.value


def get(response: Response, name: str) -> str:
    return dict(response.fields)[name]


def read_all(response: Response) -> bytes:
    """Return the content of a response, and close it."""
    body = response.body
    if isinstance(body, bytes):
        return body
    assert isinstance(body, (FilePart, FileParts))
    with body.file as file:
        if isinstance(body, FilePart):
            return os.pread(file.fileno(), body.length, body.offset)
        content = b"".join(
            piece if isinstance(piece, bytes) else os.pread(file.fileno(), *piece[::-1])
            for piece in body.pieces
        )
    assert len(content) == body.length
    return content


def count_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def _leave_nothing_open() -> Iterator[None]:
    before = count_descriptors()
    yield
    assert count_descriptors() == before


def test_small_file_is_read_at_once(small: StaticFile) -> None:
    response = ask(small)

    assert (response.status, response.body) == (200, b"0123456789")
    assert get(response, "Content-Type") == "text/plain; charset=utf-8"
    assert get(response, "Last-Modified") == formatdate(OLD, usegmt=True)
    assert get(response, "Accept-Ranges") == "bytes"
    assert [name for name, _ in response.fields if name == "Content-Length"] == []


def test_empty_file(tmp_path: Path) -> None:
    response = ask(make_file(tmp_path / "empty", b""))

    assert (response.status, response.body) == (200, b"")


def test_large_file_is_handed_over_open(large: StaticFile) -> None:
    response = ask(large)

    assert response.status == 200
    assert isinstance(response.body, FilePart)
    with response.body.file as file:
        assert (response.body.offset, response.body.length) == (0, LARGE)
        assert len(file.read()) == LARGE


def test_head_has_the_fields_and_body_of_get(small: StaticFile) -> None:
    assert ask(small, "HEAD") == ask(small)


def test_options_tells_the_methods(small: StaticFile) -> None:
    response = ask(small, "OPTIONS")

    assert response.status == 204
    assert get(response, "Allow") == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "get", "PROPFIND"])
def test_other_methods_are_not_allowed(small: StaticFile, method: str) -> None:
    refusal = find_refusal(small, method)

    assert refusal.status == HTTPStatus.METHOD_NOT_ALLOWED
    assert refusal.fields == (("Allow", "GET, HEAD, OPTIONS"),)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_copy_that_is_fresh_is_not_sent_again(small: StaticFile, method: str) -> None:
    first = ask(small)
    etag, modified = get(first, "ETag"), get(first, "Last-Modified")

    for response in (
        ask(small, method, if_none_match=etag),
        ask(small, method, if_modified_since=modified),
    ):
        assert (response.status, response.body) == (304, b"")
        assert dict(response.fields) == {"ETag": etag, "Last-Modified": modified}


@pytest.mark.parametrize("size", [10, LARGE])
def test_failed_precondition(tmp_path: Path, size: int) -> None:
    file = make_file(tmp_path / "a.txt", bytes(size))

    refusal = find_refusal(file, if_match='"other"')

    assert refusal.status == HTTPStatus.PRECONDITION_FAILED


def test_etag_follows_the_content(tmp_path: Path, small: StaticFile) -> None:
    before = get(ask(small), "ETag")

    same_size = make_file(tmp_path / "new", b"9876543210")
    os.replace(same_size.path, small.path)

    response = ask(small, if_none_match=before)
    assert (response.status, response.body) == (200, b"9876543210")
    assert get(response, "ETag") != before


@pytest.mark.parametrize(
    ("wanted", "content", "sent"),
    [
        ("bytes=0-3", b"0123", "bytes 0-3/10"),
        ("bytes=4-", b"456789", "bytes 4-9/10"),
        ("bytes=-2", b"89", "bytes 8-9/10"),
    ],
)
def test_range_of_a_small_file(
    small: StaticFile, wanted: str, content: bytes, sent: str
) -> None:
    response = ask(small, range=wanted)

    assert (response.status, response.body) == (206, content)
    assert get(response, "Content-Range") == sent
    assert get(response, "Content-Type") == "text/plain; charset=utf-8"
    assert get(response, "ETag") == get(ask(small), "ETag")


def test_small_range_of_a_large_file_is_read_at_once(large: StaticFile) -> None:
    assert ask(large, range="bytes=-3").body == bytes(3)


def test_large_range_is_handed_over_open(tmp_path: Path) -> None:
    file = make_file(tmp_path / "a.bin", bytes(LARGE + 10))

    response = ask(file, range="bytes=5-")

    assert response.status == 206
    assert isinstance(response.body, FilePart)
    response.body.file.close()
    assert (response.body.offset, response.body.length) == (5, LARGE + 5)


@pytest.mark.parametrize("size", [10, LARGE])
def test_several_ranges(tmp_path: Path, size: int) -> None:
    file_content = bytes(range(10)) + bytes(size - 10)
    file = make_file(tmp_path / "a.txt", file_content)

    response = ask(file, range="bytes=8-9,0-1")

    assert response.status == 206
    content = read_all(response)
    _, _, boundary = get(response, "Content-Type").partition("; boundary=")
    parts = content.split(f"\r\n--{boundary}".encode())
    assert parts[0] == b""
    head = b"\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
    assert parts[1] == head + b"8-9/%d\r\n\r\n" % size + file_content[8:10]
    assert parts[2] == head + b"0-1/%d\r\n\r\n" % size + file_content[0:2]
    assert parts[3] == b"--\r\n"
    assert "Content-Range" not in dict(response.fields)


def test_media_type_that_is_given(small: StaticFile) -> None:
    request = make_request(range="bytes=0-1,4-5")

    response = StaticFiles().send(small, request, "a/b", now=NOW)

    assert get(response, "Content-Type").startswith("multipart/byteranges; ")
    assert b"\r\nContent-Type: a/b\r\n" in read_all(response)


@pytest.mark.parametrize("size", [10, LARGE])
def test_range_behind_the_end(tmp_path: Path, size: int) -> None:
    file = make_file(tmp_path / "a.bin", bytes(size))

    refusal = find_refusal(file, range=f"bytes={size}-")

    assert refusal.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    assert refusal.fields == (("Content-Range", f"bytes */{size}"),)


def test_range_is_ignored_by_head(small: StaticFile) -> None:
    assert ask(small, "HEAD", range="bytes=0-3").status == 200


def test_range_of_a_changed_file_is_all_of_it(small: StaticFile) -> None:
    modified = get(ask(small), "Last-Modified")

    assert ask(small, range="bytes=0-3", if_range='"other"').status == 200
    assert ask(small, range="bytes=0-3", if_range=modified).status == 206


def test_date_of_this_second_is_not_strong(tmp_path: Path) -> None:
    file = make_file(tmp_path / "a.txt", b"0123456789", modified=NOW - 0.5)
    modified = get(ask(file), "Last-Modified")

    assert ask(file, range="bytes=0-3", if_range=modified).status == 200


@pytest.mark.parametrize(
    ("modified", "sent"),
    [
        pytest.param(NOW + 86400, int(NOW), id="8.8.2.1 future"),
        pytest.param(-1000.0, 0, id="before 1970"),
    ],
)
def test_dates_that_no_client_should_see(
    tmp_path: Path, modified: float, sent: int
) -> None:
    response = ask(make_file(tmp_path / "a.txt", b"", modified))

    assert get(response, "Last-Modified") == formatdate(sent, usegmt=True)


def test_file_that_is_gone(small: StaticFile) -> None:
    os.unlink(small.path)

    assert find_refusal(small).status == HTTPStatus.NOT_FOUND


def test_file_that_may_not_be_read() -> None:
    with public_folder() as folder:
        file = make_file(folder / "a.txt", b"")
        os.chmod(file.path, 0)

        with without_privileges():
            assert find_refusal(file).status == HTTPStatus.FORBIDDEN


def test_link_put_in_place_of_the_file_is_not_followed(
    tmp_path: Path, small: StaticFile
) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    os.unlink(small.path)
    os.symlink("secret", small.path)

    assert find_refusal(small).status == HTTPStatus.FORBIDDEN


def test_link_that_may_be_followed_is(tmp_path: Path, small: StaticFile) -> None:
    link = tmp_path / "link.txt"
    link.symlink_to("a.txt")

    response = ask(StaticFile(str(link), small.stat, links="owner", real=small.path))

    assert response.body == b"0123456789"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_file_of_another_owner_in_its_place_is_refused(small: StaticFile) -> None:
    os.chown(small.path, 65534, 65534)

    assert find_refusal(small).status == HTTPStatus.FORBIDDEN


def test_fifo_put_in_place_of_the_file_does_not_block(small: StaticFile) -> None:
    os.unlink(small.path)
    os.mkfifo(small.path)
    assert modes.S_ISFIFO(os.stat(small.path).st_mode)

    assert find_refusal(small).status == HTTPStatus.FORBIDDEN


def test_folder_in_place_of_the_file_is_refused(small: StaticFile) -> None:
    os.unlink(small.path)
    os.mkdir(small.path)

    assert find_refusal(small).status == HTTPStatus.FORBIDDEN


def test_socket_in_place_of_the_file_is_refused(small: StaticFile) -> None:
    os.unlink(small.path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(small.path))

    assert find_refusal(small).status == HTTPStatus.FORBIDDEN


@pytest.fixture
def page(tmp_path: Path) -> StaticFile:
    make_file(tmp_path / "page.html.gz", b"gzip", OLD + 1)
    make_file(tmp_path / "page.html.br", b"br", OLD + 2)
    return make_file(tmp_path / "page.html", b"identity")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, br", "br"),
        ("gzip", "gzip"),
        ("zstd", "identity"),
        ("br;q=0.5, gzip", "gzip"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_sibling_that_the_client_likes_is_sent(
    page: StaticFile, method: str, accepted: str, coding: str
) -> None:
    response = ask(page, method, accept_encoding=accepted)

    assert (response.status, response.body) == (200, coding.encode())
    assert get(response, "Content-Type") == "text/html; charset=utf-8"
    assert get(response, "Vary") == "Accept-Encoding"
    assert dict(response.fields).get("Content-Encoding", "identity") == coding


def test_vary_is_for_files_with_siblings(page: StaticFile, small: StaticFile) -> None:
    assert get(ask(page), "Vary") == "Accept-Encoding"
    assert "Vary" not in dict(ask(small, accept_encoding="gzip").fields)


def test_each_sibling_has_validators_of_its_own(page: StaticFile) -> None:
    plain, packed = ask(page), ask(page, accept_encoding="gzip")

    assert get(plain, "ETag") != get(packed, "ETag")
    assert get(plain, "Last-Modified") != get(packed, "Last-Modified")
    same = ask(page, accept_encoding="gzip", if_none_match=get(packed, "ETag"))
    assert same.status == 304
    assert get(same, "Vary") == "Accept-Encoding"
    assert "Content-Encoding" not in dict(same.fields)
    other = ask(page, accept_encoding="gzip", if_none_match=get(plain, "ETag"))
    assert other.status == 200


def test_ranges_are_of_what_is_sent_and_never_of_two(page: StaticFile) -> None:
    plain, packed = ask(page), ask(page, accept_encoding="gzip")

    part = ask(page, accept_encoding="gzip", range="bytes=1-")
    assert (part.status, part.body) == (206, b"zip")
    assert get(part, "Content-Encoding") == "gzip"
    # The rest of what began as another representation is no rest (RFC 9110 13.1.5).
    whole = ask(
        page, accept_encoding="gzip", range="bytes=1-", if_range=get(plain, "ETag")
    )
    assert (whole.status, whole.body) == (200, b"gzip")
    rest = ask(
        page, accept_encoding="gzip", range="bytes=1-", if_range=get(packed, "ETag")
    )
    assert (rest.status, rest.body) == (206, b"zip")


def test_sibling_that_cannot_be_opened_is_left_out(
    page: StaticFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_some(root: str, path: str, links: Links, real: str | None) -> int:
        if path.endswith(".gz"):
            raise PermissionError(errno.EACCES, "not for you", path)
        return open_file(root, path, links, real)

    monkeypatch.setattr("httpout_cgi.files.contents.open_file", open_some)

    response = ask(page, accept_encoding="gzip")

    assert (response.status, response.body) == (200, b"identity")
    assert get(response, "Vary") == "Accept-Encoding"


class BrokenFile(FileIO):
    def read(self, size: int | None = -1, /) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_disk_that_fails_while_a_range_is_read(
    large: StaticFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("httpout_cgi.files.contents.os.pread", fail)

    refusal = find_refusal(large, range="bytes=0-1")

    assert refusal.status == HTTPStatus.INTERNAL_SERVER_ERROR


def test_disk_that_fails_while_reading(
    small: StaticFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("httpout_cgi.files.contents.FileIO", BrokenFile)

    assert find_refusal(small).status == HTTPStatus.INTERNAL_SERVER_ERROR
