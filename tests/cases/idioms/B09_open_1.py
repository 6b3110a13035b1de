#!/usr/bin/env python3
with open(1, "wb", closefd=False) as o:
    o.write(b"Content-Type: text/plain\n\n")
    o.write(b"opened\n")
print("printed")
