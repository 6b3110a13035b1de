#!/usr/bin/env python3
import os, tempfile

print("Content-Type: text/plain\n")
folder = tempfile.mkdtemp()
f = tempfile.NamedTemporaryFile(dir=folder)
path = f.name

import atexit
atexit.register(lambda: print(os.path.exists(path)))
class Last:
    def __del__(self, exists=os.path.exists, rmdir=os.rmdir, folder=folder):
        pass
print(os.path.exists(path))
f.close()
os.rmdir(folder)
