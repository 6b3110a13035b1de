"""Chapter A of the catalogue: input, that is environment, arguments and stdin."""

from tests.idioms import Row, form

# Those that say "thread".
ENTRIES = "A01 A02"

_FIELDS, _BODY = form({"name": "Zoë", "color": ["red", "blue"], "empty": ""})

ROWS = (
    Row("A01_form_get.py", "?name=Bob&x=1&x=2", expect=b"Bob ['1', '2']"),
    Row("A01_form_get.py", "?name=Zo%C3%AB&name=second", expect="Zoë".encode()),
    Row("A01_form_get.py", expect=b"nobody []"),
    Row(
        *("A02_form_post.py", ""),
        method="POST",
        fields=_FIELDS,
        body=_BODY,
        expect=b"'color': ['red', 'blue']",
    ),
)
