"""Pages that the server makes itself: everything in them is escaped."""

import pytest

from httpout_cgi.error_page import render_error_page, render_redirect_page


@pytest.mark.parametrize(
    ("status", "title"),
    [(404, "404 Not Found"), (418, "418 I&#x27;m a Teapot"), (599, "599 Error")],
)
def test_an_error_page_has_status_phrase_and_id(status: int, title: str) -> None:
    page = render_error_page(status, "abc123").decode()
    assert f"<h1>{title}</h1>" in page.replace("I'm", "I&#x27;m")
    assert "Request abc123" in page
    assert "<pre>" not in page


def test_an_error_page_without_an_id_has_no_empty_words() -> None:
    assert b"Request <" not in render_error_page(400, "")
    assert b"Request " not in render_error_page(400, "").partition(b"<small>")[2]


def test_everything_is_escaped() -> None:
    page = render_error_page(500, '"><b>', "<script>\udcff").decode()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "&lt;script&gt;\\udcff" in page


def test_a_redirect_page_keeps_the_bytes_of_its_location() -> None:
    page = render_redirect_page('/\xc3\xa9?a=1&b="<x>')
    assert "/é?a=1&amp;b=&quot;&lt;x&gt;" in page.decode("utf-8")
