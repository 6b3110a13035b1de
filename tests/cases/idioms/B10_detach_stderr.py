#!/usr/bin/env python3
import codecs, sys

print("Content-Type: text/plain\n")
sys.stderr = codecs.getwriter("latin-1")(sys.stderr.detach(), "replace")
sys.stderr.write("caf\u4e2d\n")
print("out")
1 / 0
