"""Shown once for each place, in each run."""

import warnings

print("Content-Type: text/plain\n")
for n in range(3):
    warnings.warn("in a loop")
warnings.simplefilter("once")
for n in range(2):
    warnings.warn("once for all")
warnings.warn("once for all")
warnings.simplefilter("always")
for n in range(2):
    warnings.warn("always")
