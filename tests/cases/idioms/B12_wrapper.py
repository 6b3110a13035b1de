#!/usr/bin/env python3
import io, sys

sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=True)
print("Content-Type: text/plain; charset=utf-8\n")
print("h\xe9", sys.stdout.encoding)
sys.stdout.buffer.write(b"bytes in order\n")
print("text")
