#!/usr/bin/env python3
print("Content-Type: text/plain\n")
print("half a page")
for divisor in (1, 0):
    print(1 / divisor)
