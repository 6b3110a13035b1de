import os
import sys

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(here), "E07_lib"))
import E07_tool
from E07_tools.sub import deep

print("Content-Type: text/plain\n")
print(E07_tool.word, E07_tool.__file__, deep.word)
