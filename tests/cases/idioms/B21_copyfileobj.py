#!/usr/bin/env python3
import io, shutil, sys

print("Content-Type: application/octet-stream\n", flush=True)
with open(__file__, "rb") as f:
    shutil.copyfileobj(f, sys.stdout.buffer)
shutil.copyfileobj(io.BytesIO(b"\xff" * 100000), sys.stdout.buffer, 999)
sys.stdout.flush()
shutil.copyfileobj(io.StringIO("text\n"), sys.stdout)
