#!/usr/bin/env python3
import os

print("a text that is not flushed")
os.write(1, b"Content-Type: text/plain\n\nraw first\n")
