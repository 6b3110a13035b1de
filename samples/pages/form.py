"""A form: wait() runs a coroutine in the midst of a plain script."""

from html import escape

from _frame import frame
from httpout import request, response

if request.method not in (b"GET", b"HEAD", b"POST"):
    response.set_status(405)
    exit("Ask with GET or POST.")

with frame("Form"):
    if request.method == b"POST":
        form = wait(request.form())  # noqa: F821 - a page has it without importing it
        name = form.get("name", [""])[0]
        print(f"<p>Hello, <strong>{escape(name)}</strong>!</p>")
    print(
        '<form method="post">\n'
        '<div><label for="name">Your name</label>\n'
        '<input type="text" id="name" name="name" required></div>\n'
        "<button>Send</button>\n</form>"
    )
