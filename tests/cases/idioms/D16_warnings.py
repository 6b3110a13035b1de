#!/usr/bin/env python3
import warnings

print("Content-Type: text/plain\n")
def old():
    warnings.warn("old() is old", DeprecationWarning, stacklevel=2)
for i in range(3):
    warnings.warn("x")
    old()
warnings.warn("y", RuntimeWarning)
print("end")
