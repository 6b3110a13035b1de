#!/usr/bin/env python3
import sys

sys.stdout.write("Content-Type: application/octet-stream\n\n")
sys.stdout.flush()
blk = bytes(range(256)) * 256
for i in range(160):
    sys.stdout.buffer.write(blk)
