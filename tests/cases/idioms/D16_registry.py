#!/usr/bin/env python3
import warnings

print("Content-Type: text/plain\n")
warnings.warn("x")
__warningregistry__.clear()
warnings.warn("x")
print(sorted(k for k in globals() if "warning" in k))
