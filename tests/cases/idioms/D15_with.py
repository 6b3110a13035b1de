#!/usr/bin/env python3
import contextlib

@contextlib.contextmanager
def page(title):
    print("Content-Type: text/html\n")
    print("<h1>%s</h1>" % title)
    try:
        yield
    finally:
        print("<hr>")

with page("with"), contextlib.ExitStack() as stack:
    stack.callback(print, "callback")
    print("content")
    raise SystemExit("left")
