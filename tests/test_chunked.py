"""The chunked coding is taken off at any borders, and read strictly."""

import pytest

from httpout_cgi.errors import HTTPError
from httpout_cgi.protocol.chunked import ChunkedDecoder

CONTENT = (
    b"5\r\nhello\r\n1;name=value\r\n \r\n00A ; x\r\n0123456789\r\n0\r\nA: b\r\n\r\nnext"
)


def test_content_comes_out() -> None:
    decoder = ChunkedDecoder()
    assert decoder.feed(CONTENT) == b"hello 0123456789"
    assert decoder.ended
    assert decoder.rest == b"next"


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_borders_do_not_matter(size: int) -> None:
    decoder = ChunkedDecoder()
    content, rest = b"", b""
    for start in range(0, len(CONTENT), size):
        piece = CONTENT[start : start + size]
        if decoder.ended:
            rest += piece
        else:
            content += decoder.feed(piece)
    assert content == b"hello 0123456789"
    assert decoder.rest + rest == b"next"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"5\nhello\r\n0\r\n\r\n", id="bare LF behind a size"),
        pytest.param(b"+5\r\nhello\r\n", id="sign"),
        pytest.param(b" 5\r\nhello\r\n", id="blank before a size"),
        pytest.param(b"0x5\r\nhello\r\n", id="0x"),
        pytest.param(b"5_0\r\n", id="underscore"),
        pytest.param(b"\r\n", id="no size"),
        pytest.param(b"g\r\n", id="no digit"),
        pytest.param(b"1" * 16 + b"\r\n", id="endless size"),
        pytest.param(b"5;a\x00\r\nhello\r\n", id="NUL in an extension"),
        pytest.param(b"5;a\rb\r\nhello\r\n", id="CR in an extension"),
        pytest.param(b"5\r\nhelloworld\r\n", id="chunk longer than its size"),
        pytest.param(b"5\r\nhello\n0\r\n\r\n", id="bare LF behind a chunk"),
        pytest.param(b"5;" + b"a" * 2000, id="endless extension"),
        pytest.param(b"0\r\nno colon\r\n\r\n", id="malformed trailer"),
        pytest.param(b"0\r\nA: \x01\r\n\r\n", id="control in a trailer"),
        pytest.param(b"0\r\n" + b"A: b\r\n" * 3000, id="endless trailers"),
    ],
)
def test_malformed_coding_is_refused(sent: bytes) -> None:
    with pytest.raises(HTTPError) as refused:
        ChunkedDecoder().feed(sent)
    assert refused.value.status == 400
