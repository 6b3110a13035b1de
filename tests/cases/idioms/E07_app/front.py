"""Before all others: it shadows a sibling and the standard library."""

import os
import sys

sys.path[0:0] = [os.path.abspath("../E07_lib")]
import E07_sibling
import wave

print("Content-Type: text/plain\n")
print(E07_sibling.word, wave.word)
