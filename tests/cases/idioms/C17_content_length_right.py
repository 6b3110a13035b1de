#!/usr/bin/env python3
body = "h\xe9llo".encode()
print("Content-Type: text/plain")
print("Content-Length: %d\n" % len(body), flush=True)
import sys; sys.stdout.buffer.write(body)
