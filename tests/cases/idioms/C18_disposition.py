#!/usr/bin/env python3
print("Content-Type: application/octet-stream")
print('Content-Disposition: attachment; filename="caf\xe9 \u4e2d.txt"')
print("X-Latin: \udce9")
print()
print("file")
