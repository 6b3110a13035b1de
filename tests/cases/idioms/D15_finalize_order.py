#!/usr/bin/env python3
import atexit, tempfile, os, weakref

print("Content-Type: text/plain\n")
class R: pass
a, b = R(), R()
atexit.register(print, "registered before")
weakref.finalize(a, print, "a")
weakref.finalize(b, print, "b")
atexit.register(print, "registered behind")
folder = tempfile.TemporaryDirectory()
path = folder.name
folder._finalizer.detach()
os.rmdir(path)
print("end")
