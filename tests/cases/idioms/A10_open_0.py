#!/usr/bin/env python3
raw = open(0, "rb", closefd=False).read()
print("Content-Type: text/plain\n")
print(raw, open(0, "rb", closefd=False).read())
