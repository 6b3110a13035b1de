#!/usr/bin/env python3
import contextlib, io, sys

out, err = io.StringIO(), io.StringIO()
with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    print("captured")
    print("error", file=sys.stderr)
    help(len)
    with contextlib.redirect_stdout(sys.__stdout__):
        print("Content-Type: text/plain\n")
print(out.getvalue().splitlines()[:2], err.getvalue())
with contextlib.redirect_stdout(sys.stderr):
    print("to the log")
print("end")
