#!/usr/bin/env python3
import warnings

print("Content-Type: text/plain\n")
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for i in range(2):
        warnings.warn("caught %d" % i)
print([str(w.message) for w in caught], [w.category.__name__ for w in caught])
with warnings.catch_warnings():
    warnings.simplefilter("error")
    try:
        warnings.warn("raised")
    except UserWarning as e:
        print("raised", e)
warnings.warn("printed again")
