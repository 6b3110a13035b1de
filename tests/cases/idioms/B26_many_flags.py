#!/usr/bin/python3 -uOB
import sys

print("Content-Type: text/plain\n")
sys.stdout.buffer.write(b"in order\n")
assert False
print(sys.dont_write_bytecode)
