#!/usr/bin/env python3
import atexit

class Page:
    def __init__(self, name):
        self.name = name
    def __del__(self):
        print("__del__", self.name)

atexit.register(print, "at exit")
print("Content-Type: text/plain\n")
page = Page("module")
Page("temporary")
def f():
    local = Page("local")
f()
