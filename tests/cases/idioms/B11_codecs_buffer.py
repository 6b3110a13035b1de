#!/usr/bin/env python3
import codecs, sys

sys.stdout = codecs.getwriter("utf-8")(sys.stdout.buffer)
print("Content-Type: text/html; charset=utf-8\n")
print("h\xe9")
sys.stdout.write("written\n")
sys.__stdout__.write("by the old wrapper, flushed at the end\n")
