#!/usr/bin/env python3
"""A script as it was called in every cgi-bin."""
import os
import sys

import E04_helper

print("Content-Type: text/plain\n")
print(os.path.basename(__file__), os.path.basename(sys.argv[0]), __name__)
print(E04_helper.greet("cgi"))
import __main__

print(__main__.__file__ == __file__)
