"""Chapter A of the catalogue: input, that is environment, arguments and stdin."""

from tests.idioms import FORM, Row, form, multipart, post

# Those that say "thread".
ENTRIES = """
A01 A02 A03 A04 A05 A06 A07 A08 A09 A10 A11 A12 A13 A14
A15 A16 A17 A19 A20 A21 A22 A23 A24 A25 A26 A27 A28
"""

_FORM = form({"name": "Zoë", "color": ["red", "blue"], "empty": ""})
_LATIN1_FORM = b"city=M%FCnchen", FORM

_SMALL = ('name="file"; filename="a b.txt"', b"one\r\ntwo\n\xff")
_EMPTY = ('name="file"; filename=""', b"")
_COMMENT = ('name="comment"', "schön".encode())
# More than the server keeps in memory.
_LARGE = ('name="file"; filename="large.bin"', bytes(range(256)) * 8192)

_TEXT = "größe\nzwei\r\ndrei".encode()

ROWS = (
    Row("A01_form_get.py", "?name=Bob&x=1&x=2", expect=b"Bob ['1', '2']"),
    Row("A01_form_get.py", "?name=Zo%C3%AB&name=second", expect="Zoë".encode()),
    Row("A01_form_get.py", "?name=%FF", expect="\N{REPLACEMENT CHARACTER}".encode()),
    Row("A01_form_get.py", expect=b"nobody []"),
    Row("A01_form_get.py", "?name=a", method="HEAD"),
    Row("A01_parse.py", "?a=1&b=2&a=3&c=", expect=b"[('a', ['1', '3'])"),
    post("A02_form_post.py", *_FORM, expect=b"('color', ['red', 'blue'])"),
    post("A02_form_post.py", *_FORM, target="?more=1", expect=b"('more', ['1'])"),
    post("A02_form_post.py", b"", FORM, target="?empty", expect=b"None"),
    post("A02_latin1.py", *_LATIN1_FORM, expect=b"M\xfcnchen"),
    post("A02_by_hand.py", *_FORM, expect=b"color=red,blue"),
    post("A03_upload.py", *multipart(_SMALL, _COMMENT), expect=b"a b.txt"),
    post("A03_upload.py", *multipart(_EMPTY), target="?empty", expect=b"None"),
    post(
        "A03_upload.py", *multipart(_LARGE, _SMALL), target="?large", expect=b"2097152"
    ),
    post(
        "A04_text.py",
        _TEXT,
        "text/plain",
        expect=b"18 16 'gr\\xf6\\xdfe",
    ),
    post(
        "A04_text.py",
        b"\xff\r\n\0",
        "text/plain",
        target="?bad",
        expect=b"udcff",
    ),
    Row("A04_text.py", expect=b"0 0 ''"),
    post("A05_bytes.py", b"\x89PNG\r\n\0\xff", "image/png", expect=b"\\x89PNG"),
    post(
        "A05_pieces.py",
        b"abcdef\nghijklm\nn",
        expect=b"b'abc' b'def\\n' b'gh'",
    ),
    post("A06_json.py", b'{"x": [1, "\xc3\xa9"]}', "application/json", expect=b"ok"),
    post("A06_json.py", b'{"x": ', target="?bad", status=500, log="JSONDecodeError"),
    Row("A07_no_body.py", expect=b"'' '' [] False"),
    post("A07_no_body.py", b"", expect=b"EOFError: EOF when reading a line"),
    post("A08_fileinput.py", b"one\ntwo", expect=b"2 <stdin> TWO"),
    post("A08_fileinput_without_arguments.py", b"one\ntwo\n", expect=b"eno\nowt"),
    post("A08_input.py", b"Bob\na\n\n.\nrest", expect=b"name? hello Bob"),
    post("A08_lines.py", b"a\r\nb\rc\nd\ne\n", expect=b"0 'b\\rc\\n'"),
    post("A09_os_read.py", b"body", expect=b"4 b'body' b''"),
    Row("A09_os_read.py", expect=b"0 b'' b''"),
    post("A09_os_read_loop.py", b"x" * 100_000 + b"end", expect=b"100003"),
    post("A10_open_0.py", b"\xffbody", expect=b"b'\\xffbody' b''"),
    post("A10_open_0_text.py", b'{"x": 1}', expect=b"{'x': 1}"),
    post("A10_file_io.py", b"abcdefg", expect=b"b'abc'\nb'de'\nb'fg'"),
    post("A11_select.py", b"data", expect=b"True [] [] 'data'"),
    Row("A11_select.py", expect=b"True [] [] ''"),
    post("A11_poll.py", b"data", expect=b"[0]\n[True]\n[0] 1\n"),
    post("A12_rewrap.py", _TEXT, expect=b"latin-1"),
    post("A12_reconfigure.py", _TEXT, expect=b"zwei\\r\\ndrei"),
    post("A12_codecs.py", _TEXT, expect=b"gr\\xf6\\xdfe\\n"),
    post("A12_detach.py", _TEXT, expect=b"underlying buffer has been detached"),
    post("A12_assign.py", b"body", expect=b"first second\n body\n''"),
    post(
        *("A13_seek.py", b"body"),
        expect=b"again b'body'",
        better="a pipe cannot be rewound, and a script may well try",
    ),
    Row(
        "A14_spellings.py", "?a=1", fields=("Cookie: a=b",), expect=b"GREETING = hello"
    ),
    post("A14_spellings.py", b"x", "text/plain", expect=b"CONTENT_LENGTH = 1\n"),
    Row("A15_bytes.py", "/caf%C3%A9?%C3%A9=1", expect=b"caf\\xc3\\xa9"),
    Row("A16_non_ascii.py", "/caf%C3%A9?a=%FF", expect=b"'/caf\\xe9'"),
    Row("A16_non_ascii.py", "/%FF", fields=("X-Name: \xff",), expect=b"'/\\udcff'"),
    Row("A17_mutation.py", "?first", expect=b"None True False"),
    Row("A17_mutation.py", "?second", expect=b"None True False"),
    Row("A17_bad_names.py", expect=b"Error"),
    Row("A17_replaced.py", "?first", expect=b"False\nyes"),
    Row("A17_replaced.py", "?second", expect=b"False\nyes"),
    Row("A19_helper.py", fields=("X-User: bob",), expect=b"bobbob bob bob True"),
    Row("A19_helper.py", "?2", fields=("X-User: eve",), expect=b"eveeve eve eve True"),
    Row("A19_shared_modules.py", "?a=1", expect=b"1 a=1\na=1 {'a': ['1']}"),
    Row("A20_expand.py", "?q", expect=b"b'hello/q'"),
    Row("A21_words.py", "?foo+bar%21", expect=rb"['foo', 'bar\\!']"),
    Row("A21_words.py", "?a=b+c", expect=b"[] 1"),
    Row("A21_words.py", expect=b"[] 1"),
    Row("A22_argparse.py", expect=b"False [] A22_argparse.py"),
    Row("A22_argparse.py", "?-v+word", expect=b"True ['word']"),
    Row("A22_argparse.py", "?--help", expect=b"show this help message"),
    Row("A22_argparse.py", "?--nonsense", status=500, log="unrecognized arguments"),
    Row("A22_getopt.py", "?-v+-o+x+rest", expect=b"[('-v', ''), ('-o', 'x')] ['rest']"),
    Row("A23_path_info.py", expect=b"[''] None"),
    Row("A23_path_info.py", "/show/42/", expect=b"['show', '42'] /show/42/"),
    Row("A24_own_url.py", "/a%20b?c=d", expect=b"/cgi-bin/A24_own_url.py/a%20b?c=d"),
    Row("A25_cookies.py", expect=b"None"),
    Row(
        *("A25_cookies.py", "?two"),
        fields=('Cookie: a=1; b="x y"', "Cookie: c=3"),
        expect=b"a 1\nb x y\nc 3",
    ),
    Row("A26_authorization.py", status=401, fields=("Authorization: Basic Ym9iOnB3",)),
    Row(
        "A26_authorization.py",
        mount="/authorized/",
        fields=("Authorization: Basic Ym9iOnB3",),
        expect=b"bob:pw",
    ),
    Row("A27_tls.py", expect=b"None False http"),
    Row(
        *("A27_tls.py", "?https"),
        unix=True,
        fields=("X-Forwarded-Proto: https",),
        expect=b"None True https 443",
    ),
    Row("A27_tls.py", mount="/certificate/", expect=b"CN=Bob False"),
    Row("A28_template.py", expect=b"<h1>/cgi-bin/A28_template.py</h1>"),
)
