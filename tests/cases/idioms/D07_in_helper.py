#!/usr/bin/env python3
print("Content-Type: text/plain\n", flush=True)
try:
    import idiom_broken
except SyntaxError as e:
    print(type(e).__name__, e.lineno, e.msg, e.filename.rpartition("/")[2])
import idiom_broken
