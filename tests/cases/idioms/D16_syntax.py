#!/usr/bin/env python3
print("Content-Type: text/plain\n")
print("a" is "a", "\d")
assert (1, "always true")
