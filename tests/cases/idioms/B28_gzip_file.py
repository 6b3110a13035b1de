#!/usr/bin/env python3
import gzip, sys

print("Content-Encoding: gzip\nContent-Type: text/html\n", flush=True)
with gzip.GzipFile(fileobj=sys.stdout.buffer, mode="wb", mtime=0) as zipped:
    zipped.write(b"<html>" * 1000)
