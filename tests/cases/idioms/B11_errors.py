#!/usr/bin/env python3
import codecs, sys

sys.stdout = codecs.getwriter("ascii")(sys.stdout.buffer, errors="xmlcharrefreplace")
print("Content-Type: text/html\n\nh\xe9 \u4e2d")
sys.stdout.stream.write(b"stream\n")
