#!/usr/bin/env python3
import os

print("Content-Type: text/plain; charset=utf-8")
print("X-Sendfile: " + os.path.join(os.environ["DOCUMENT_ROOT"], "plain.txt"))
print()
