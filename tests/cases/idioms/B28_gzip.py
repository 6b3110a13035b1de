#!/usr/bin/env python3
import gzip, os, sys

html = b"<html>" + b"x" * 5000 + b"</html>"
print("Content-Encoding: gzip\nContent-Type: text/html\n")
sys.stdout.flush()
sys.stdout.buffer.write(gzip.compress(html, mtime=0))
