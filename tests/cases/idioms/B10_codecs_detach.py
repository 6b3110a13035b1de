#!/usr/bin/env python3
import codecs, sys

sys.stdout = codecs.getwriter("utf-8")(sys.stdout.detach())
print("Content-Type: text/html; charset=utf-8\n\nh\xe9")
try:
    sys.__stdout__.write("the old one")
except ValueError as e:
    print(e)
