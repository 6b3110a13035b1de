#!/usr/bin/env python3
import sys

print("Content-Type: text/plain\n")

class Page:
    def __enter__(self):
        print("<html>")
    def __exit__(self, kind, value, trace):
        print("</html>", kind.__name__, value)

def lines():
    try:
        yield 1
        yield 2
    finally:
        print("generator ended")

with Page():
    for line in lines():
        try:
            sys.exit("bye" if line > 1 else 0)
        except SystemExit as e:
            print("caught", repr(e.code))
            if line > 1:
                raise
