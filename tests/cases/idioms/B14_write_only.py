#!/usr/bin/env python3
# An object with nothing but write() is enough for print.
import sys

class Html:
    encoding = "utf-8"
    def __init__(self, out):
        self.out = out
    def write(self, text):
        self.out.write(text.replace("&", "&amp;"))

print("Content-Type: text/html\n")
sys.stdout = Html(sys.stdout)
print("a & b")
sys.displayhook("&")
