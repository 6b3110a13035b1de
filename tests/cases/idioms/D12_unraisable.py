#!/usr/bin/env python3
class Broken:
    def __repr__(self):
        return "<Broken>"
    def __del__(self):
        raise ValueError("in __del__")

print("Content-Type: text/plain\n")
b = Broken()
del b
print("goes on")
