"""A counter in a file that all runs map."""

import mmap
import os
import struct

print("Content-Type: text/plain\n")
path = "F29_counter." + os.environ["QUERY_STRING"]
if not os.path.exists(path):
    with open(path, "wb") as f:
        f.write(struct.pack("<I", 0))
with open(path, "r+b") as f:
    with mmap.mmap(f.fileno(), 4) as m:
        for _ in range(10):
            m[:] = struct.pack("<I", struct.unpack("<I", m[:])[0] + 1)
        count = struct.unpack("<I", m[:])[0]
print(count % 10, count >= 10, struct.unpack("<I", open(path, "rb").read())[0] == count)
