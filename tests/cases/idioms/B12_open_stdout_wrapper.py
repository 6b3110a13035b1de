#!/usr/bin/env python3
import io, sys

class Upper(io.TextIOWrapper):
    def write(self, text):
        return super().write(text.upper())

print("Content-Type: text/plain\n", flush=True)
sys.stdout = Upper(sys.stdout.buffer, encoding="utf-8")
print("shouting")
