#!/usr/bin/env python3
print("Content-Type: text/plain\n")
name = input("name? ")
print("hello", name)
for line in iter(input, "."):
    print("line", repr(line))
try:
    while True:
        print("rest", input(prompt) if (prompt := "> ") else None)
except EOFError:
    print("end")
