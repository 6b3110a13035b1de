#!/usr/bin/env python3
import os, warnings

print("Content-Type: text/plain\n")
class Mine(UserWarning):
    pass
warnings.warn(Mine("mine"))
for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning, FutureWarning, BytesWarning):
    warnings.warn("text", category)
import idiom_warns
idiom_warns.old()
idiom_warns.deprecated_here()
