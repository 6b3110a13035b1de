#!/usr/bin/env python3
import contextlib, io, sys, warnings

print("Content-Type: text/plain\n")
error = io.StringIO()
with contextlib.redirect_stderr(error):
    warnings.warn("redirected")
print(error.getvalue().partition(": ")[2])
sys.stderr = sys.stdout
warnings.warn("in the page")
print(warnings.formatwarning("text", UserWarning, "file.py", 3, "the line"))
warnings.warn_explicit("explicit", UserWarning, "other.py", 7)
