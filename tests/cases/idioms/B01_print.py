#!/usr/bin/env python3
print("Content-Type: text/html")
print()
print("<h1>Hi</h1>")
print("a", 1, None, sep="-", end="!\n")
print(*range(3), sep="\n")
print()
print("é ü 中文 \U0001f600", flush=True)
print("%s" % ("x" * 20000))
