#!/usr/bin/python3 -O
print("Content-Type: text/plain\n")
assert False, "not checked"
print(__debug__)
import idiom_asserts
print(idiom_asserts.CHECKED)
if __debug__:
    print("debug code")
