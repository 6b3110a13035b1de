#!/usr/bin/env python3
import sys, zipfile

print("Content-Type: application/zip")
print("Content-Disposition: attachment; filename=a.zip\n", flush=True)
with zipfile.ZipFile(sys.stdout.buffer, "w") as archive:
    archive.writestr(zipfile.ZipInfo("a.txt"), "hello" * 100)
