#!/usr/bin/python3 -Werror
import warnings

print("Content-Type: text/plain\n")
try:
    warnings.warn("loud")
except UserWarning as e:
    print("raised", e)
