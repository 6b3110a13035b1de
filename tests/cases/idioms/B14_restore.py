#!/usr/bin/env python3
import io, sys

old, sys.stdout = sys.stdout, io.StringIO()
print("captured", end="")
text = sys.stdout.getvalue()
sys.stdout = old
print("Content-Type: text/plain\n")
print(text.upper())
sys.stdout = open("/dev/null", "w")
print("nowhere")
sys.stdout.close()
sys.stdout = sys.__stdout__
print("back", sys.stdout is old)
print("straight", file=sys.__stdout__)
sys.__stdout__.flush()
sys.__stderr__.write("straight to the log\n")
