"""A pickle whose class this script does not have."""

import pickle

print("Content-Type: text/plain\n")
try:
    pickle.loads(b"c__main__\nCart\n.")
except AttributeError as exc:
    print(exc)
try:
    pickle.loads(b"cE10_nowhere\nCart\n.")
except ImportError as exc:
    print(exc)
print(pickle.loads(b"cE10_shapes\narea\n.").__module__)
