#!/usr/bin/env python3
import sys

png = b"\x89PNG\r\n\x1a\n\0\0" + bytes(range(256))
sys.stdout.write("Content-Type: image/png\n\n")
sys.stdout.flush()
sys.stdout.buffer.write(png)
