#!/usr/bin/python3 -Wignore
import warnings

print("Content-Type: text/plain\n")
warnings.warn("unheard")
print("quiet")
