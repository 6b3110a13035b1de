"""Chapter C of the catalogue: fields, status, redirects."""

from tests.idioms import Row, post

# Those that say "thread", and those whose outcome does not depend on the runner.
ENTRIES = """
C01 C02 C03 C04 C05 C06 C07 C08 C09 C10 C11 C12
C13 C14 C15 C16 C17 C18 C19 C20 C21 C22 C23 C24
"""

_OLD = "If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT"
_NEW = "If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT"

ROWS = (
    Row("C01_status.py", status=404, expect=b"<h1>No such thing</h1>"),
    Row("C01_status_odd.py", status=299, expect=b"odd"),
    Row("C01_status_number.py", status=410, expect=b"gone"),
    Row("C02_redirect.py", status=302),
    Row("C02_see_other.py", status=303, expect=b"<a href='?done=1'>on</a>"),
    Row("C03_local_redirect.py", "?a=1", expect=b"REDIRECT_QUERY_STRING a=1"),
    post("C03_local_redirect.py", b"body", expect=b"CONTENT_LENGTH None"),
    Row("C03_local_redirect.py", method="HEAD"),
    Row("C03_local_redirect_to_file.py", expect=b"a static file"),
    Row("C03_loop.py", status=500, alone="the replay has another name to redirect to"),
    Row("C04_redirect.py", status=302, expect=b"http://example.org/a?b=c"),
    Row("C04_redirect_with_body.py", "?to=/x", status=302, expect=b"http-equiv"),
    Row("C04_redirect_without_status.py", status=302, expect=b"https://example.org/"),
    Row("C05_redirect_with_cookie.py", expect=b"QUERY_STRING a=1"),
    Row("C06_status_line.py", status=500, log="malformed header"),
    Row("nph-C07_raw.py", expect=b"raw response"),
    Row("nph-C07_not_modified.py", status=404, expect=b"nothing"),
    Row("nph-C07_malformed.py", status=500),
    Row("C08_no_blank_line.py", status=500),
    Row("C08_no_blank_line_at_all.py", status=500),
    Row("C09_no_header.py", status=500, log="malformed header"),
    Row("C09_no_header.py", mount="/auto/", expect=b"<html>\n<body>"),
    Row("C09_nothing.py", status=500, log="end of script output"),
    Row("C10_crlf.py", expect=b"one\r\ntwo\n"),
    Row("C11_mixed.py", expect=b"body"),
    Row("C12_folded.py", expect=b"body"),
    Row("C13_case.py", status=201, expect=b"body"),
    Row("C14_two_cookies.py", expect=b"two"),
    Row("C15_cookies.py"),
    Row("C15_several.py", expect=b"3"),
    Row("C16_conditional.py", expect=b"page"),
    Row("C16_conditional.py", "?old", fields=(_OLD,), expect=b"page"),
    Row("C16_conditional.py", "?new", fields=(_NEW,), status=304),
    Row("C16_conditional.py", "?tag", fields=('If-None-Match: "v1"',), status=304),
    Row("C16_conditional.py", "?match", fields=('If-Match: "v2"',), status=412),
    Row("C17_content_length.py", expect=b"more than three"),
    Row("C17_content_length_large.py", expect=b"less"),
    Row("C17_content_length_right.py", expect="héllo".encode()),
    Row("C18_disposition.py", expect=b"file"),
    Row("C19_injection.py", "?next=a", status=302, expect=b"http://h/a"),
    Row("C19_injection.py", "?next=a%0D%0ASet-Cookie:%20x=1", status=302),
    Row("C20_authenticate.py", status=401, expect=b"please"),
    Row("C21_sendfile.py", expect=b"a static file"),
    Row("C22_caching.py", expect=b"fresh"),
    Row("C23_reset_header.py", expect=b"<p>behind the reset</p>"),
    Row("C23_reset_in_page.py", expect=b"<!--: spam"),
    Row("C24_cgi_dumps.py", "?a=b", expect=b"ZeroDivisionError"),
    Row("C24_cgi_test.py", "?a=b", expect=b"<H3>Shell Environment:</H3>"),
    Row("C24_maxlen.py", expect=b"0\n"),
)
