#!/usr/bin/env python3
import io, sys

print("Content-Type: text/plain\n", flush=True)
sys.stdout = open(1, "w", encoding="utf-8", errors="xmlcharrefreplace", closefd=False)
print("caf\xe9")
sys.stdout.flush()
raw = io.FileIO(1, "w", closefd=False)
raw.write(b"file\n")
error = open(2, "w", buffering=1, closefd=False)
error.write("to the log\n")
sys.stdout = sys.__stdout__
print("restored")
