#!/usr/bin/env python3
import io, sys

sys.stdout = io.TextIOWrapper(sys.stdout.detach(), encoding="utf-8", line_buffering=True)
sys.stderr = io.TextIOWrapper(sys.stderr.detach(), encoding="latin-1", errors="replace")
print("Content-Type: text/plain; charset=utf-8\n")
print("h\xe9")
print("to the log \xe9", file=sys.stderr)
