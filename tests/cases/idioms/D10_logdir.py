#!/usr/bin/env python3
import atexit, cgitb, glob, os, shutil, tempfile

folder = tempfile.mkdtemp()
cgitb.enable(display=0, logdir=folder, format="text")
print("Content-Type: text/plain\n")
print("page")

def look():
    for name in glob.glob(os.path.join(folder, "*.txt")):
        with open(name) as f:
            text = f.read()
        print("ZeroDivisionError" in text, "1 / zero" in text)
    shutil.rmtree(folder)

atexit.register(look)
zero = 0
1 / zero
