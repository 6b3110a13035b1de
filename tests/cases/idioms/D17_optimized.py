#!/usr/bin/python3 -O
import sys

print("Content-Type: text/plain\n")
assert False, "not checked"
print(__debug__, sys.flags.optimize)
import idiom_asserts
print(idiom_asserts.CHECKED)
if __debug__:
    print("debug code")
