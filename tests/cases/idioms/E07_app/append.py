"""Behind all others: a sibling and the standard library win."""

import os
import sys

sys.path.append(os.path.abspath("../E07_lib"))
import E07_sibling
import E07_tool
import wave

print("Content-Type: text/plain\n")
print(E07_sibling.word, E07_tool.word, hasattr(wave, "word"))
